# SPDX-License-Identifier: Apache-2.0
"""The rule of two people: who may, who may not, and every way of being fewer than two."""

from __future__ import annotations

import contextlib
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor
from firmware.core.errors import Malformed, SignatureRefused, TwoPeopleFault, TwoPeopleRefused
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.staff import MAY, Operation, Reason, Role, Roster, check_two_people, read_request, read_roster, sign_warrant
from tests.support import cddl
from tests.unit.core_codecs.core_world import OPERATOR, SIGNED_AT
from tests.unit.staff.staff_world import (
    CLERK,
    DEPOT,
    ENGINEER,
    INSPECTOR,
    OTHER_CLERK,
    POLICY_KEY,
    REQUEST,
    ROSTER,
    STAFF,
    STRANGER,
    SUPERVISOR,
    Member,
    request,
    roster,
    roster_message,
    warrant,
)

APPROVING = {"supervisor", "inspector"}
ALLOWED = {
    "log": {"clerk", "supervisor", "inspector", "depot", "engineer"},
    "export": {"clerk", "supervisor", "inspector"},
    "resend": {"clerk", "supervisor", "depot"},
    "void": {"clerk", "supervisor", "depot"},
    "unmask": {"clerk", "supervisor", "inspector"},
}
"""The matrix of roles, written out a second time."""


def fault(warrants: list[bytes], *, asked: bytes = REQUEST, known: Roster | None = ROSTER, seconds: int = SIGNED_AT) -> TwoPeopleRefused:
    with pytest.raises(TwoPeopleRefused) as caught:
        check_two_people(asked, warrants, known, seconds=seconds)
    return caught.value


@pytest.mark.clause("DS-13", "DS-18", "T-4")
@pytest.mark.parametrize("operation", Operation)
def test_two_people_of_every_pair_of_roles_are_judged_by_the_matrix(operation: Operation) -> None:
    """DS-18 too: an engineer warrants nothing that shows or moves what is somebody's."""
    asked = request(operation)
    for one, other in combinations(STAFF, 2):
        roles = {one.role, other.role}
        warrants = [warrant(one, asked), warrant(other, asked)]
        if roles <= ALLOWED[operation.value] and roles & APPROVING:
            found = check_two_people(asked, warrants, ROSTER, seconds=SIGNED_AT)
            assert {person.staff_id for person in found} == {one.staff_id, other.staff_id}
        else:
            refused = fault(warrants, asked=asked)
            assert refused.fault is (TwoPeopleFault.APPROVER if roles <= ALLOWED[operation.value] else TwoPeopleFault.ROLE)
            assert refused.known == tuple(sorted((one.staff_id, other.staff_id)))


def test_matrix_has_every_operation_and_gives_the_engineer_the_log_alone() -> None:
    assert set(MAY) == set(Operation)
    assert {operation for operation, roles in MAY.items() if Role.ENGINEER in roles} == {Operation.LOG}


@pytest.mark.parametrize("order", [(CLERK, SUPERVISOR), (SUPERVISOR, CLERK)])
def test_two_people_in_either_order_pass(order: tuple[Member, Member]) -> None:
    assert [p.staff_id for p in check_two_people(REQUEST, [warrant(m) for m in order], ROSTER, seconds=SIGNED_AT)] == ["c-17", "s-01"]


@pytest.mark.clause("DS-13")
@pytest.mark.parametrize(
    ("warrants", "expected", "known"),
    [
        ([], TwoPeopleFault.NUMBER, ()),
        ([warrant(SUPERVISOR)], TwoPeopleFault.NUMBER, ("s-01",)),
        ([warrant(CLERK), warrant(SUPERVISOR), warrant(INSPECTOR)], TwoPeopleFault.NUMBER, ("c-17", "i-05", "s-01")),
        ([warrant(SUPERVISOR), warrant(SUPERVISOR)], TwoPeopleFault.SAME_PERSON, ("s-01",)),
        ([warrant(CLERK), warrant(CLERK, staff_id="s-01")], TwoPeopleFault.WARRANT, ("c-17",)),
        ([warrant(CLERK), warrant(STRANGER)], TwoPeopleFault.WARRANT, ("c-17",)),
        ([warrant(CLERK), warrant(STRANGER, staff_id="s-01")], TwoPeopleFault.WARRANT, ("c-17",)),
        ([warrant(CLERK), b"no warrant"], TwoPeopleFault.WARRANT, ("c-17",)),
        ([warrant(CLERK), warrant(OTHER_CLERK)], TwoPeopleFault.APPROVER, ("c-17", "c-18")),
        ([warrant(ENGINEER), warrant(SUPERVISOR)], TwoPeopleFault.ROLE, ("e-09", "s-01")),
        ([warrant(DEPOT), warrant(SUPERVISOR)], TwoPeopleFault.ROLE, ("d-02", "s-01")),
    ],
    ids=["none", "one", "three", "twice", "another's-id", "stranger", "stranger-with-an-id", "bytes", "two-clerks", "engineer", "depot"],
)
def test_fewer_than_two_who_may_are_refused_by_name(warrants: list[bytes], expected: TwoPeopleFault, known: tuple[str, ...]) -> None:
    refused = fault(warrants)
    assert (refused.fault, refused.known) == (expected, known)


@pytest.mark.parametrize(
    "other",
    [
        request(Operation.VOID),
        request(reason=Reason.INSPECTION),
        request(nonce=b"\x99" * 16),
        request(terminal="RNT-000002"),
        request(session=b"\x99" * 16),
    ],
    ids=["operation", "reason", "nonce", "terminal", "session"],
)
def test_warrant_is_good_for_the_one_request_it_signs(other: bytes) -> None:
    assert fault([warrant(CLERK, other), warrant(SUPERVISOR)]).fault is TwoPeopleFault.WARRANT


@pytest.mark.parametrize(
    ("seconds", "good"), [(SIGNED_AT - 11, False), (SIGNED_AT - 10, True), (SIGNED_AT + 999, True), (SIGNED_AT + 1000, False)]
)
def test_roster_outside_its_time_warrants_nothing(seconds: int, good: bool) -> None:  # noqa: FBT001  # the parameter under test
    warrants = [warrant(CLERK), warrant(SUPERVISOR)]
    if good:
        assert check_two_people(REQUEST, warrants, ROSTER, seconds=seconds)
    else:
        assert fault(warrants, seconds=seconds).fault is TwoPeopleFault.ROSTER


def test_terminal_without_a_roster_has_nobody_who_may() -> None:
    assert fault([warrant(CLERK), warrant(SUPERVISOR)], known=None).fault is TwoPeopleFault.ROSTER


def test_person_taken_off_the_roster_warrants_nothing() -> None:
    without = roster(roster_message((CLERK, INSPECTOR)))
    assert fault([warrant(CLERK), warrant(SUPERVISOR)], known=without).fault is TwoPeopleFault.WARRANT


SPKI = CLERK.signer.spki
BAD_ROSTERS: dict[str, dict[str, Any]] = {
    "another operator": {"c1": "operator-other"},
    "nobody": {"c257": []},
    "one id twice": {"c257": [["a", "clerk", SPKI], ["a", "clerk", SUPERVISOR.signer.spki]]},
    "one key twice": {"c257": [["a", "clerk", SPKI], ["b", "supervisor", SPKI]]},
    "not ascending": {"c257": [["b", "clerk", SPKI], ["a", "supervisor", SUPERVISOR.signer.spki]]},
    "unknown role": {"c257": [["a", "manager", SPKI]]},
    "id with a blank": {"c257": [["a b", "clerk", SPKI]]},
    "no key": {"c257": [["a", "clerk", b"spki"]]},
}


@pytest.mark.parametrize("bad", BAD_ROSTERS)
def test_roster_that_says_something_else_is_malformed(bad: str) -> None:
    with pytest.raises(Malformed):
        roster(roster_message(**BAD_ROSTERS[bad]))


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.POLICY])
def test_roster_signed_by_a_key_of_another_purpose_is_refused(purpose: Purpose) -> None:
    keys = Keyring([Key.from_spki(POLICY_KEY.spki, purpose)])
    with pytest.raises(SignatureRefused):
        read_roster(roster_message(), keyring=keys, operator=OPERATOR, seconds=SIGNED_AT)


@pytest.mark.parametrize("operation", Operation)
def test_request_is_what_the_message_text_says_and_reads_back(operation: Operation) -> None:
    data = request(operation)
    assert cddl.valid("request", data)
    assert read_request(data).encode() == data
    assert read_request(data).operation is operation


BAD_REQUESTS: dict[str, dict[int, Any]] = {
    "unknown operation": {257: "erase"},
    "free text for a reason": {258: "because of Mr Zhang"},
    "unknown field": {259: "name"},
    "unmask of nothing": {259: ""},
    "log of a session": {257: "log", 259: ""},
    "export of the whole log": {257: "export", 259: "", 7: bytes(16)},
    "another version": {256: 2},
    "more": {999: 1},
    "short nonce": {10: bytes(15)},
}


@pytest.mark.parametrize("bad", BAD_REQUESTS)
def test_request_that_nobody_can_make_is_malformed(bad: str) -> None:
    with pytest.raises(Malformed):
        read_request(cbor.encode(cbor.decode(REQUEST) | BAD_REQUESTS[bad]))


@pytest.mark.parametrize("staff_id", ["", "a b", "x" * 33, "张三"])
def test_warrant_of_an_id_that_can_be_none_is_not_made(staff_id: str) -> None:
    with pytest.raises(ValueError, match="staff id"):
        sign_warrant(REQUEST, staff_id=staff_id, seconds=SIGNED_AT, signer=CLERK.signer)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.data())
def test_hostile_request_or_warrant_lets_only_the_declared_errors_out(data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from([REQUEST, warrant(SUPERVISOR)])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at] = data.draw(st.integers(0, 255))
    hostile = bytes(message[: data.draw(st.integers(0, len(message)))])
    with contextlib.suppress(Malformed):
        read_request(hostile)
    if hostile != warrant(SUPERVISOR):
        with pytest.raises(TwoPeopleRefused):
            check_two_people(REQUEST, [warrant(CLERK), hostile], ROSTER, seconds=SIGNED_AT)
