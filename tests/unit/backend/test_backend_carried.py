# SPDX-License-Identifier: Apache-2.0
"""Submissions and answers as lines that people carry: against vectors written with other libraries, and against anything at all."""

from __future__ import annotations

import base64
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.backend import carried
from firmware.backend.answers import Approved, Refused
from firmware.backend.errors import BackendAnswerInvalid
from tests.support import cddl

VECTOR: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "backend" / "carried.json").read_text(encoding="utf-8"))
SESSION = bytes.fromhex(VECTOR["session"])
APPROVED: list[str] = VECTOR["approved"]
QR_ALPHANUMERIC = re.compile(r"[0-9A-Z $%*+\-./:]+", re.ASCII)
"""ISO/IEC 18004, alphanumeric mode."""


def test_submission_is_the_vectors_and_fits_qr_codes() -> None:
    lines = carried.submission(SESSION, bytes.fromhex(VECTOR["record"]), bytes.fromhex(VECTOR["items"]))
    assert lines == VECTOR["submission"]
    assert len(lines) > 1
    assert all(QR_ALPHANUMERIC.fullmatch(line) and len(line) <= carried.MAX_LINE for line in lines)


def test_answers_of_the_vectors_are_read() -> None:
    approval, profile = bytes.fromhex(VECTOR["approval"]), bytes.fromhex(VECTOR["profile"])
    assert carried.answer(APPROVED, SESSION) == Approved(approval, profile)
    assert carried.answer(VECTOR["accepted"], SESSION) == Approved(approval)
    assert carried.answer(VECTOR["refused"], SESSION) == Refused(VECTOR["code"])


def test_lines_come_in_any_order_and_more_than_once() -> None:
    shuffled = APPROVED * 2
    random.Random(3).shuffle(shuffled)  # noqa: S311  # a repeatable draw, no secret
    assert carried.answer(shuffled, SESSION) == carried.answer(APPROVED, SESSION)
    assert [carried.missing(APPROVED[: count + 1]) for count in range(len(APPROVED))] == list(range(len(APPROVED)))[::-1]


@pytest.mark.parametrize("lines", VECTOR["wrong"].values(), ids=list(VECTOR["wrong"]))
def test_what_is_no_answer_to_this_session_is_refused(lines: list[str]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        carried.answer(lines, SESSION)


@pytest.mark.parametrize("lines", [[], APPROVED[1:], APPROVED[:-1], [*APPROVED, *VECTOR["refused"]], [*APPROVED, "RNT1"]])
def test_parts_that_are_missing_mixed_or_none_are_refused(lines: list[str]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        carried.answer(lines, SESSION)


def test_too_much_to_be_carried_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="too long"):
        carried.submission(SESSION, bytes(64_000), b"")


@pytest.mark.slow
@settings(max_examples=2000)
@given(st.data())
def test_answer_with_one_character_misread_is_refused(data: st.DataObject) -> None:
    lines = list(APPROVED)
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at]) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != lines[at][place]))
    lines[at] = lines[at][:place] + other + lines[at][place + 1 :]
    with pytest.raises(BackendAnswerInvalid):
        carried.answer(lines, SESSION)


LINE = st.from_regex(r"RNT1:[SA]:[0-9A-F]{16}:[1-9]/[1-9]:[A-Z2-7]{1,40}", fullmatch=True)


@pytest.mark.slow
@settings(max_examples=2000)
@given(st.lists(st.one_of(LINE, st.text(max_size=60), st.sampled_from(APPROVED)), max_size=4))
def test_any_lines_but_the_answer_are_refused_with_the_declared_error(lines: list[str]) -> None:
    if set(lines) >= set(APPROVED):
        return
    with pytest.raises(BackendAnswerInvalid):
        carried.answer(lines, SESSION)


def content(lines: list[str]) -> bytes:
    """Return the bytes that lines of a vector stand for."""
    text = "".join(line.rsplit(":", 1)[1] for line in lines)
    return base64.b32decode(text + "=" * (-len(text) % 8))


def test_contents_are_what_the_message_text_describes() -> None:
    assert cddl.valid("carried-submission", content(VECTOR["submission"]))
    for name in ("approved", "accepted", "refused"):
        assert cddl.valid("carried-answer", content(VECTOR[name]))
    for name in ("a code and an approval", "a profile alone", "another version", "text for bytes", "an unknown key"):
        assert not cddl.valid("carried-answer", content(VECTOR["wrong"][name]))
