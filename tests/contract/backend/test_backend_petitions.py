# SPDX-License-Identifier: Apache-2.0
"""What people ask of the operator and what it notices itself: own numbers, disputes, own data, complaints, cases that open alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from simulators.backend.petitions import working_days
from tests.contract.backend.operator_messages import Operator, Unit, digest, dumps, party, person, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR, DAY = 3_600, 86_400
MONDAY = 1_893_340_800
"""The first second of 2029-12-31 in UTC+8, a Monday."""


@pytest.fixture
def start(operator: Operator) -> Iterator[int]:
    now = int(operator.control("clock")["now"])
    yield now
    operator.control("clock", now=now)


def sold(unit: Unit, fields: dict[int, str | bytes], **changes: Any) -> str:
    """A card in service; returns its number."""
    request = unit.request(unit.operator.blank(), fields, **changes)
    answer = unit.submit(request)[1]
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    read_back = [request.claims[264][1], digest(unit.open_profile(request, answer))]
    unit.report(request.session, unit.result(request, "written", approval_id=approval[7], read_back=read_back))
    return str(unit.operator.rows("numbers", request.session)[0]["msisdn"])


def counter(unit: Unit, kind: str, fields: dict[int, str | bytes], about: str = "", **changes: Any) -> tuple[str, list[str], str]:
    """Business without a card; returns its outcome, the lines the subscriber is told, and the session."""
    named = {"c280": [["request-form", digest(dumps([kind, about]))]]} if about else {}
    request = unit.request("1", fields, **{"c257": kind, "c264": None, "c275": None, **named, **changes})
    answer = unit.submit(request)[1]
    if answer["outcome"] != "approved":
        return str(answer["code"]), [], request.session.hex()
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    result = unit.result(request, "accepted", approval_id=approval[7], c258="")
    ack = unit.ack(result, unit.report(request.session, result)[1])[257]
    return str(ack), list(approval.get(265, [])), request.session.hex()


def petitions(operator: Operator, subject: str) -> list[dict[str, Any]]:
    return [row for row in operator.control("petitions")["petitions"] if row["subject"] == subject]


def cases(unit: Unit) -> list[str]:
    return [row["event"] for row in unit.operator.control("cases")["cases"] if row["subject"] == unit.serial]


def short(number: str) -> str:
    return f"{number[:5]}****{number[-4:]}"


@pytest.mark.clause("XT-AF10", "JX-44a")
def test_who_asks_for_their_numbers_is_told_them_masked_and_no_others(operator: Operator, unit: Unit) -> None:
    mine, other = person(), person()
    numbers = [sold(unit, mine), sold(unit, mine)]
    sold(unit, other)
    operator.control("close", msisdn=sold(unit, mine))
    outcome, lines, session = counter(unit, "T07", mine, "list")
    assert (outcome, lines) == ("active", ["名下号码 Numbers in your name: 2", *map(short, numbers)])
    assert not any(number in line for number in numbers for line in lines)
    assert counter(unit, "T07", person(), "list")[1] == ["名下号码 Numbers in your name: 0"]
    assert petitions(operator, session) == []
    assert counter(unit, "T05", mine, "list")[1] == []


@pytest.mark.clause("XJU-4", "JX-37/42")
@pytest.mark.parametrize(("verdict", "then", "held"), [("declined", "approved", 4), ("granted", "R411", 3)])
def test_a_disputed_number_is_locked_until_somebody_has_decided(
    operator: Operator, unit: Unit, start: int, verdict: str, then: str, held: int
) -> None:
    mine = person()
    number = sold(unit, mine)
    operator.control("quota", number=mine[2], held=4)
    outcome, lines, _ = counter(unit, "T07", {**mine, 9: number}, "dispute")
    assert (outcome, lines[-1][:11]) == ("active", "异议已登记，答复期限 ")

    def replace() -> str:
        answer = unit.submit(unit.request(operator.blank(), {**mine, 9: number}, c257="T03"))[1]
        return str(answer.get("code", answer["outcome"]))

    assert replace() == "R408"
    (petition,) = petitions(operator, number)
    operator.control("clock", now=start + 14 * DAY)
    assert petitions(operator, number)[0]["overdue"] == []
    operator.control("clock", now=start + 15 * DAY + HOUR)
    assert petitions(operator, number)[0]["overdue"] == ["decided"]
    for left_out in ("reason", "officer", "verdict"):
        told = {"verdict": verdict, "reason": "papers seen", "officer": "officer-1", left_out: ""}
        with pytest.raises(RuntimeError, match="a verdict, a reason"):
            operator.control("decide", petition=petition["id"], **told)
    operator.control("decide", petition=petition["id"], verdict=verdict, reason="papers seen", officer="officer-1")
    with pytest.raises(RuntimeError, match="decided before"):
        operator.control("decide", petition=petition["id"], verdict=verdict, reason="again", officer="officer-1")
    assert replace() == then
    room = 0
    while unit.submit(unit.request(operator.blank(), mine))[1]["outcome"] == "approved":
        room += 1
    assert 5 - room == held


def test_nobody_locks_a_number_that_is_anothers(operator: Operator, unit: Unit) -> None:
    mine = person()
    number = sold(unit, mine)
    counter(unit, "T07", {**person(), 9: number}, "dispute")
    assert len(petitions(operator, number)) == 1
    assert unit.submit(unit.request(operator.blank(), {**mine, 9: number}, c257="T03"))[1]["outcome"] == "approved"


@pytest.mark.clause("JX-44b", "XT-PI45-47", "NPC-1")
@pytest.mark.parametrize("about", ["access", "correct", "delete"])
def test_a_request_about_ones_own_data_is_closed_with_a_reason(operator: Operator, unit: Unit, about: str) -> None:
    mine = person()
    number = sold(unit, mine, c262=[["C-1", digest(b"notice")], ["C-5", digest(b"messages")]])
    outcome, _, session = counter(unit, "T17", mine, about)
    (petition,) = petitions(operator, session)
    assert (outcome, petition["about"], petition["decided"]) == ("active", about, 0)
    with pytest.raises(RuntimeError, match="a reason"):
        operator.control("decide", petition=petition["id"], verdict="granted", officer="officer-1")
    told = operator.control("decide", petition=petition["id"], verdict="granted", reason="asked by the holder", officer="officer-1")["told"]
    assert told == ({"numbers": [short(number)], "records": 2, "consents": 1} if about == "access" else {})
    assert operator.control("may_send", msisdn=number)["allowed"] is (about != "delete")
    operator.control("tell", petition=petition["id"])
    (closed,) = petitions(operator, session)
    assert (closed["verdict"], closed["reason"], closed["officer"]) == ("granted", "asked by the holder", "officer-1")
    assert closed["told"] >= closed["decided"] > 0


@pytest.mark.clause("SMS-22/29-33")
@pytest.mark.usefixtures("start")
def test_a_complaint_about_messages_has_its_three_clocks_of_working_days(operator: Operator) -> None:
    subject = os.urandom(4).hex()
    operator.control("clock", now=MONDAY)
    number = operator.control("complain", about="messages", subject=subject)["petition"]

    def overdue(day: int, second: int = -1) -> list[str]:
        operator.control("clock", now=MONDAY + day * DAY + second)
        (row,) = petitions(operator, subject)
        late: list[str] = row["overdue"]
        return late

    assert overdue(4) == []
    assert overdue(4, 1) == ["accepted"]
    operator.control("clock", now=MONDAY + 3 * DAY)
    operator.control("accept", petition=number)
    assert overdue(25) == []
    assert overdue(25, 1) == ["decided"]
    operator.control("clock", now=MONDAY + 5 * DAY)
    operator.control("decide", petition=number, verdict="granted", reason="no consent", officer="officer-1")
    assert overdue(10) == []
    assert overdue(10, 1) == ["told"]
    operator.control("clock", now=MONDAY + 9 * DAY)
    operator.control("tell", petition=number)
    assert overdue(30) == []
    with pytest.raises(RuntimeError, match="next step"):
        operator.control("tell", petition=number)


@pytest.mark.parametrize(("begin", "days", "ends"), [(0, 1, 2), (0, 3, 4), (0, 15, 22), (4, 1, 8), (5, 1, 8), (6, 3, 10)])
def test_working_days_leave_out_the_weekend(begin: int, days: int, ends: int) -> None:
    assert working_days(MONDAY + begin * DAY + HOUR, days) == MONDAY + ends * DAY


@pytest.mark.clause("JX-37/42")
def test_a_complaint_about_the_service_is_decided_within_15_days(operator: Operator, start: int) -> None:
    subject = os.urandom(4).hex()
    number = operator.control("complain", about="service", subject=subject)["petition"]
    for days, late in ((14, []), (16, ["decided"])):
        operator.control("clock", now=start + days * DAY)
        assert petitions(operator, subject)[0]["overdue"] == late
    operator.control("clock", now=start + DAY)
    operator.control("decide", petition=number, verdict="declined", reason="as agreed", officer="officer-1")
    operator.control("clock", now=start + 30 * DAY)
    assert petitions(operator, subject)[0]["overdue"] == []


@pytest.mark.clause("S1-170")
def test_a_number_reported_for_fraud_is_verified_again_before_it_moves(operator: Operator, unit: Unit) -> None:
    mine, new = person(), person()
    number = sold(unit, mine)
    operator.control("lock", msisdn=number, reason="fraud")
    owner, fields = party("owner", number=str(mine[2]))

    def moved() -> list[str]:
        replaced = unit.submit(unit.request(operator.blank(), {**mine, 9: number}, c257="T03"))[1]
        return [str(replaced.get("code", replaced["outcome"])), counter(unit, "T02", {**new, 9: number, **fields}, c277=[owner])[0]]

    assert moved() == ["R404", "R404"]
    counter(unit, "T06", {**person(), 9: number})
    assert moved() == ["R404", "R404"]
    assert counter(unit, "T06", {**mine, 9: number})[0] == "active"
    assert moved() == ["approved", "active"]


@pytest.mark.clause("AH-16")
def test_a_replaced_card_gets_no_messages_for_a_day(operator: Operator, unit: Unit, start: int) -> None:
    mine = person()
    number = sold(unit, mine)
    assert operator.control("may_receive", msisdn=number) == {"allowed": True}
    assert sold(unit, {**mine, 9: number}, c257="T03") == number
    for after, allowed in ((HOUR, False), (23 * HOUR, False), (25 * HOUR, True)):
        operator.control("clock", now=start + after)
        assert operator.control("may_receive", msisdn=number) == {"allowed": allowed}


def employed(unit: Unit, **agent: Any) -> tuple[str, str]:
    """Put the unit at an agent's counter with a clerk who has a PIN; returns agent and clerk."""
    code, staff = f"A-{unit.serial}", f"S-{unit.serial}"
    unit.operator.control("agent", code=code, **agent)
    unit.operator.control("clerk", staff=staff, agent=code, pin="123456", vetted=1_700_000_000)
    unit.operator.control("site", serial=unit.serial, agent=code, cells=["c1"], seen="c1")
    return code, staff


@pytest.mark.clause("NCM", "XJU-13")
def test_a_record_is_traced_to_staff_agent_and_company_as_they_were(operator: Operator, unit: Unit) -> None:
    code, staff = employed(unit)
    request = unit.request(operator.blank(), c281=staff)
    assert unit.submit(request)[1]["outcome"] == "approved"
    operator.control("site", serial=unit.serial, agent="A-ELSEWHERE")
    session = request.session.hex()
    traced = operator.control("trace", session=session, officer="officer-1")
    assert traced == {"staff": staff, "agent": code, "company": "operator-0", "terminal": unit.serial}
    with pytest.raises(RuntimeError, match="officer"):
        operator.control("trace", session=session, officer="")


@pytest.mark.clause("POL-6")
def test_the_clerks_register_says_who_was_vetted_and_trained(operator: Operator, unit: Unit) -> None:
    code, staff = employed(unit)
    operator.control("clerk", staff=staff, agent=code, trained_until=1_900_000_000, vetted=1_700_000_000, role="supervisor")
    (row,) = operator.control("clerks", agent=code)["clerks"]
    assert row == {
        "staff": staff,
        "agent": code,
        "role": "supervisor",
        "vetted": 1_700_000_000,
        "trained_until": 1_900_000_000,
        "barred": 0,
    }


@pytest.mark.clause("TB-25")
def test_every_query_leaves_a_row_that_names_who_asked_and_why(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    unit.submit(request)
    key = request.session.hex()
    operator.control("inspect", session=key, fields=[1], officers=["b", "a"])
    operator.control("inspect", session=key, fields=[1], officers=["a", "b"], case="c-1", warrant="w-1")
    operator.control("trace", session=key, officer="c")
    rows = [(row["kind"], row["detail"]) for row in operator.control("events", subject=key)["events"]]
    assert rows == [("inspected", "a b"), ("inspected", "a b; case c-1; warrant w-1"), ("traced", "c")]


@pytest.mark.clause("TB-04")
def test_statistics_are_counts_and_name_nobody(operator: Operator, unit: Unit) -> None:
    mine = person()
    number = sold(unit, mine)
    unit.submit(unit.request(operator.blank(), mine, c259="ocr"))
    told = operator.control("statistics")["records"]
    assert {frozenset(row) for row in told} == {frozenset({"kind", "outcome", "code", "times"})}
    assert any((row["kind"], row["code"]) == ("T01", "R115") and row["times"] >= 1 for row in told)
    said = json.dumps([told, operator.control("refusals"), operator.control("scores")], ensure_ascii=False)
    values = [value for value in mine.values() if isinstance(value, str)]
    assert not [value for value in (*values, number) if value in said]


def test_a_record_outside_its_chain_opens_a_case(unit: Unit) -> None:
    for _ in range(2):
        assert unit.submit(unit.request(unit.operator.blank(), c272=os.urandom(32)))[1]["code"] == "R802"
    assert cases(unit) == ["BR-05"]


def test_a_terminal_outside_its_area_has_a_case(operator: Operator, unit: Unit) -> None:
    employed(unit)
    operator.control("seen", serial=unit.serial, cell="c2")
    for _ in range(2):
        assert unit.submit(unit.request(operator.blank()))[1]["code"] == "R507"
    assert cases(unit) == ["BR-08"]


def test_a_contract_that_ends_before_the_records_are_handed_over_is_a_case(operator: Operator, unit: Unit, start: int) -> None:
    _, staff = employed(unit, contract_until=start + HOUR)
    request = unit.request(operator.blank(), c281=staff)
    assert unit.submit(request)[1]["outcome"] == "approved"
    operator.control("sweep")
    assert cases(unit) == []
    operator.control("clock", now=start + 2 * HOUR)
    operator.control("sweep")
    operator.control("sweep")
    assert cases(unit) == ["BR-09"]
