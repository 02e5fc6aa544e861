# SPDX-License-Identifier: Apache-2.0
"""The messages of the issue modes against the normative text, as an independent validator (zcbor) reads it."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.core import cbor
from firmware.core.mode import Mode
from firmware.core.report import MAX_ANSWERS, CardAnswer, Verdict, encode_answers, encode_result
from tests.support import cddl
from tests.unit.core_codecs.core_world import approval_claims
from tests.unit.core_codecs.test_core_issue_data import CHALLENGE, DATA, STEP
from tests.unit.core_codecs.test_core_report import ANSWERS, result

RULES = {Mode.FIELDS: "profile", Mode.UNLOCK: "profile", Mode.SCRIPT: "script", Mode.RELAY: "relay-order"}


@pytest.mark.parametrize("mode", Mode)
def test_issue_data_of_each_mode_is_what_the_text_describes(mode: Mode) -> None:
    for data in (DATA[mode], DATA[mode] | {11: CHALLENGE}):
        assert cddl.valid(RULES[mode], cbor.encode(data))
    assert not cddl.valid(RULES[mode], cbor.encode(DATA[mode] | {13: 1}))
    assert not cddl.valid(RULES[mode], cbor.encode(DATA[mode] | {11: CHALLENGE[:2]}))


@pytest.mark.parametrize("steps", [[], [STEP] * 65, [[bytes(3), *STEP[1:]]], [[bytes(262), *STEP[1:]]], [[STEP[0], [], True]]])
def test_script_beyond_the_bounds_is_beyond_the_text_too(steps: Any) -> None:
    assert cddl.valid("script", cbor.encode(DATA[Mode.SCRIPT] | {4: [STEP] * 64}))
    assert not cddl.valid("script", cbor.encode(DATA[Mode.SCRIPT] | {4: steps}))


@pytest.mark.parametrize("mode", Mode)
def test_approval_of_each_mode_is_what_the_text_describes(mode: Mode) -> None:
    assert cddl.valid("approval", cbor.encode(approval_claims(c264=mode.value)))
    assert not cddl.valid("approval", cbor.encode(approval_claims(c264="esim")))
    assert not cddl.valid("approval", cbor.encode(approval_claims(c264=None)))


@pytest.mark.parametrize("verdict", Verdict)
def test_result_of_each_verdict_is_what_the_text_describes(verdict: Verdict) -> None:
    assert cddl.valid("result", encode_result(result(verdict)))
    if verdict not in {Verdict.CANCELLED, Verdict.ACCEPTED}:
        assert cddl.valid("result", encode_result(result(verdict, answers=ANSWERS)))


def test_card_answers_are_what_the_text_describes() -> None:
    most = tuple(CardAnswer(n, 0x9000, bytes(256)) for n in range(MAX_ANSWERS))
    assert cddl.valid("answers", encode_answers(()))
    assert cddl.valid("answers", encode_answers(most))
    for wrong in ([[0, 0x9000]], [[0, 0x10000, b""]], [[0, 0x9000, bytes(257)]], [[0, 0x9000, b""]] * (MAX_ANSWERS + 1)):
        assert not cddl.valid("answers", cbor.encode(wrong))
