# SPDX-License-Identifier: Apache-2.0
"""Every wrong approval is wrong in the one way its name says, and the terminal's own check refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cwt.exceptions import CWTError

from simulators.backend.approvals import VARIANTS
from tests.contract.backend.operator_messages import Operator, Request, Unit, digest, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_AUTHENTIC = {
    "wrong_record",
    "no_aad",
    "bad_signature",
    "truncated",
    "trailing_byte",
    "wrong_typ",
    "wrong_kid",
    "unknown_kid",
    "foreign_key",
    "replay",
}
HOUR = 3600
Faulty = tuple[dict[int, Any], Request, bytes]
MODES = {"fields", "script", "unlock", "relay"}
CHANGED: dict[str, Callable[[Faulty], bool]] = {
    "wrong_operator": lambda f: f[0][1] != "operator-0",
    "wrong_terminal": lambda f: f[0][258] != f[1].claims[1],
    "wrong_card": lambda f: f[0][260][1] != f[1].claims[264][1],
    "wrong_atr": lambda f: f[0][260][2] != f[1].claims[264][2],
    "wrong_nonce": lambda f: f[0][10] != f[1].claims[10],
    "wrong_session": lambda f: f[0][259] != f[1].session,
    "wrong_decision": lambda f: f[0][257] != "approved",
    "wrong_version": lambda f: f[0][256] != 1,
    "extra_member": lambda f: 299 in f[0],
    "expired": lambda f: f[0][4] < f[1].claims[6] - HOUR,
    "not_yet": lambda f: f[0][5] > f[1].claims[6] + HOUR,
    "too_old": lambda f: f[0][263] == 0,
    "other_profile": lambda f: f[0][262] != digest(f[2]),
    "other_plaintext": lambda f: f[0][262] == digest(f[2]),
    "unopenable_profile": lambda f: f[0][262] == digest(f[2]),
    "other_card_profile": lambda f: f[0][262] == digest(f[2]),
    "no_mode": lambda f: 264 not in f[0],
    "unknown_mode": lambda f: f[0][264] not in MODES,
    "mode_of_another_type": lambda f: type(f[0][264]) is int,
    "other_mode": lambda f: f[0][264] == "script",
}
WRONG_DATA: dict[str, tuple[str, Callable[[dict[int, Any]], bool]]] = {
    "script_as_fields": ("fields", lambda data: type(data[4]) is list),
    "fields_as_script": ("script", lambda data: type(data[4]) is str and 10 in data),
    "script_without_steps": ("script", lambda data: data[4] == []),
    "step_without_command": ("script", lambda data: data[4][0][0] == b""),
    "step_without_status": ("script", lambda data: data[4][0][1] == []),
    "step_too_long": ("script", lambda data: len(data[4][0][0]) == 262),
    "too_many_steps": ("script", lambda data: len(data[4]) == 65),
    "relay_of_257": ("relay", lambda data: data[4] == 257),
    "relay_of_none": ("relay", lambda data: data[4] == 0),
    "fields_without_adm": ("fields", lambda data: set(data) == set(range(1, 10))),
    "unlock_with_adm": ("unlock", lambda data: {10, 12} <= set(data)),
    "unlock_without_key": ("unlock", lambda data: set(data) == set(range(1, 10))),
    "short_challenge": ("fields", lambda data: len(data[11][0]) == 15),
}


def faulty(operator: Operator, unit: Unit, variant: str) -> tuple[Request, dict[str, Any]]:
    operator.fault("approve", "bad_approval", variant=variant)
    request = unit.request(operator.blank())
    status, answer = unit.submit(request)
    assert (status, answer["outcome"]) == (200, "approved")
    return request, answer


def test_every_variant_is_told_apart_here() -> None:
    assert set(VARIANTS) | {"replay"} == NOT_AUTHENTIC | set(CHANGED) | set(WRONG_DATA)


@pytest.mark.parametrize("variant", sorted(NOT_AUTHENTIC))
def test_an_approval_that_is_not_authentic_does_not_verify(operator: Operator, unit: Unit, variant: str) -> None:
    unit.submit(unit.request(operator.blank()))
    request, answer = faulty(operator, unit, variant)
    with pytest.raises((CWTError, ValueError, AssertionError)):
        verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))


@pytest.mark.parametrize("variant", sorted(CHANGED))
def test_an_authentic_approval_is_wrong_as_its_name_says(operator: Operator, unit: Unit, variant: str) -> None:
    request, answer = faulty(operator, unit, variant)
    sealed = unb64(answer["profile"])
    claims = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    assert CHANGED[variant]((claims, request, sealed))
    if variant == "other_plaintext":
        assert digest(unit.open_profile(request, answer)) != claims[261]
    if variant == "other_card_profile":
        plain = unit.open_profile(request, answer)
        assert digest(plain) == claims[261]
        assert cbor2.loads(plain)[1] != request.claims[264][1]


@pytest.mark.parametrize("variant", sorted(WRONG_DATA))
def test_issue_data_is_wrong_as_the_variant_says_and_named_by_right_digests(operator: Operator, unit: Unit, variant: str) -> None:
    mode, wrong = WRONG_DATA[variant]
    request, answer = faulty(operator, unit, variant)
    claims = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    plain = unit.open_profile(request, answer)
    assert (claims[264], claims[261], claims[262]) == (mode, digest(plain), digest(unb64(answer["profile"])))
    data = cbor2.loads(plain)
    assert data[1] == request.claims[264][1]
    assert wrong(data)


def test_a_session_with_a_wrong_approval_can_be_given_up(operator: Operator, unit: Unit) -> None:
    request, _ = faulty(operator, unit, "wrong_nonce")
    result = unit.result(request, "cancelled")
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "released"
    assert operator.rows("numbers", request.session)[0]["state"] == "released"


def test_an_unknown_variant_is_told_at_once(operator: Operator, unit: Unit) -> None:
    operator.fault("approve", "bad_approval", variant="nonsense")
    assert unit.submit(unit.request(operator.blank()))[0] == 503
