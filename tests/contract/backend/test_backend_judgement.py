# SPDX-License-Identifier: Apache-2.0
"""What the operator's registers say of a record: each code raised by exactly its condition, and holds that are decided later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backend.operator_messages import Operator, Unit, digest, party, person

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400


@pytest.fixture
def house(operator: Operator) -> Iterator[Operator]:
    """The operator with rules of its own for one test; the clock stands where it stood afterwards."""
    yield operator
    usual = {
        "national": 5,
        "postpaid": 0,
        "prepaid": 0,
        "tariff": "prepaid",
        "floor": 0,
        "strict": False,
        "online": "off",
        "cool_down_s": 0,
    }
    operator.control("rules", **usual, burst=0, tries=0, proxies=0, review_sources=[], review_kinds=[], review_modifiers=[], hold_s=DAY)
    operator.control("clock", now=operator.control("clock")["now"])


def outcome(answer: tuple[int, dict[str, Any]]) -> str:
    status, body = answer
    assert status == (202 if body["outcome"] == "held" else 200), body
    return str(body.get("code", body["outcome"]))


def ask(unit: Unit, fields: dict[int, str | bytes] | None = None, **changes: Any) -> str:
    return outcome(unit.submit(unit.request(unit.operator.blank(), fields, **changes)))


def counter(unit: Unit, *, agent: dict[str, Any] | None = None, clerk: dict[str, Any] | None = None, **site: Any) -> None:
    """Put the unit at an agent's counter; every part is good unless told otherwise."""
    code, staff = f"A-{unit.serial}", str(unit.claims("1")[0][281])
    unit.operator.control("agent", **{"code": code, **(agent or {})})
    unit.operator.control("clerk", **{"staff": staff, "agent": code, **(clerk or {})})
    unit.operator.control("site", **{"serial": unit.serial, "agent": code, "cells": ["c1"], "seen": "c1", **site})


PAST = 1_000_000_000


@pytest.mark.clause("TB-19", "O25-14", "O25-15", "N570", "N452", "JX-15", "T-7", "XT-AF9")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({}, "approved"),
        ({"agent": {"contract_until": PAST}}, "R501"),
        ({"agent": {"filed": False}}, "R501"),
        ({"agent": {"measures": ""}}, "R501"),
        ({"agent": {"blacklisted": True}}, "R502"),
        ({"agent": {"parent": "A-OTHER"}}, "R512"),
        ({"clerk": {"trained_until": PAST}}, "R503"),
        ({"clerk": {"barred": True}}, "R503"),
        ({"clerk": {"vetted": 0}}, "R503"),
        ({"clerk": {"agent": "A-OTHER"}}, "R503"),
        ({"withdrawn": True}, "R504"),
        ({"seen": "c2"}, "R507"),
    ],
)
def test_who_may_act_for_the_operator(house: Operator, unit: Unit, wrong: dict[str, Any], code: str) -> None:
    counter(unit, **wrong)
    assert ask(unit) == code


def test_a_strict_operator_knows_every_terminal_and_clerk(house: Operator, unit: Unit) -> None:
    house.control("rules", strict=True)
    assert ask(unit) == "R504"
    counter(unit)
    assert ask(unit) == "approved"
    assert ask(unit, c281="somebody") == "R503"


@pytest.mark.clause("TB-19")
def test_a_contract_that_ends_ends_the_counter_with_it(house: Operator, unit: Unit) -> None:
    now = house.control("clock")["now"]
    counter(unit, agent={"contract_until": now + DAY})
    assert ask(unit) == "approved"
    house.control("clock", now=now + DAY)
    assert ask(unit) == "R501"
    assert f"A-{unit.serial}" not in {row["code"] for row in house.control("agents")["agents"]}
    house.control("clock", now=now)


@pytest.mark.clause("POL-2")
def test_software_below_the_floor_or_unknown_is_refused(house: Operator, unit: Unit) -> None:
    house.control("software", digest=digest(b"old").hex(), number=3)
    house.control("software", digest=digest(b"new").hex(), number=4)
    house.control("rules", floor=4)
    assert ask(unit, c267=digest(b"old")) == "R509"
    assert ask(unit, c267=digest(b"nobody's")) == "R509"
    assert ask(unit, c267=digest(b"new")) == "approved"


def test_a_clerk_who_is_the_customer_is_refused(house: Operator, unit: Unit) -> None:
    fields = person()
    counter(unit, clerk={"number": fields[2]})
    assert ask(unit, fields) == "R514"
    assert ask(unit) == "approved"


@pytest.mark.clause("TB-12", "N182-2a")
@pytest.mark.parametrize(("answer", "code"), [("MATCH", "approved"), ("MISMATCH", "R112"), ("NOT_FOUND", "R113"), ("LOST", "R116")])
def test_the_police_registers_answer_decides(house: Operator, unit: Unit, answer: str, code: str) -> None:
    fields = person()
    house.control("rules", online="on")
    house.control("person", number=fields[2], online=answer)
    assert ask(unit, fields) == code


@pytest.mark.clause("XT-AF31")
def test_a_person_restricted_by_law_is_refused(house: Operator, unit: Unit) -> None:
    fields = person()
    house.control("person", number=fields[2], restricted=True)
    assert ask(unit, fields) == "R405"


@pytest.mark.clause("TB-12")
def test_a_silent_register_holds_and_a_speaking_one_lets_go(house: Operator, unit: Unit) -> None:
    house.control("rules", online="silent")
    iccid = house.blank()
    request = unit.request(iccid)
    assert outcome(unit.submit(request)) == "H114"
    first, again = unit.submit(request)[1], unit.http("GET", f"/v1/activations/{request.session.hex()}")
    assert again == (202, first)
    assert house.blank_state(iccid) == "blank"
    house.control("rules", online="on")
    assert unit.http("GET", f"/v1/activations/{request.session.hex()}")[1]["outcome"] == "approved"
    assert unit.submit(request)[1]["outcome"] == "approved"
    assert len(house.rows("numbers", request.session)) == 1
    assert house.blank_state(iccid) == "reserved"


@pytest.mark.clause("TB-12")
def test_a_hold_whose_time_is_over_is_never_accepted_unchecked(house: Operator, unit: Unit) -> None:
    house.control("rules", online="silent", hold_s=600)
    request = unit.request(house.blank())
    until = unit.submit(request)[1]["until"]
    now = house.control("clock")["now"]
    assert until == pytest.approx(now + 600, abs=5)
    house.control("rules", online="on")
    house.control("clock", now=until)
    assert outcome(unit.submit(request)) == "R207"
    house.control("clock", now=now)
    assert outcome(unit.submit(request)) == "R207"


def test_the_chain_goes_on_while_a_record_is_held(house: Operator, unit: Unit) -> None:
    house.control("rules", online="silent")
    held = unit.request(house.blank())
    assert outcome(unit.submit(held)) == "H114"
    house.control("rules", online="on")
    assert ask(unit) == "approved"
    assert outcome(unit.submit(held)) == "approved"


def test_a_held_record_may_be_given_up(house: Operator, unit: Unit) -> None:
    house.control("rules", online="silent")
    request = unit.request(house.blank())
    assert outcome(unit.submit(request)) == "H114"
    result = unit.result(request, "cancelled")
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "released"
    house.control("rules", online="on")
    assert unit.submit(request)[0] == 409


@pytest.mark.clause("KYX-4")
@pytest.mark.parametrize(("verdict", "code"), [("pass", "approved"), ("R109", "R109"), ("R210", "R210")])
@pytest.mark.parametrize("rules", [{"review_kinds": ["T01"]}, {"review_modifiers": ["V"]}, {"review_sources": ["mrz"]}])
def test_a_reviewer_decides_what_a_machine_could_not(house: Operator, unit: Unit, rules: dict[str, Any], verdict: str, code: str) -> None:
    house.control("rules", **rules)
    looked_at: dict[str, Any] = {"c261": [["attested", True], ["second-person", True]], "c274": None, "c276": 1}
    request = unit.request(house.blank(), c278=["V"], c258="D09", c259="mrz", **looked_at)
    assert unit.submit(request)[1]["why"] == "reviewer"
    assert request.session.hex() in {row["session"] for row in house.control("holds")["holds"]}
    house.control("review", session=request.session.hex(), verdict=verdict, officer="officer-1")
    assert outcome(unit.submit(request)) == code
    assert request.session.hex() not in {row["session"] for row in house.control("holds")["holds"]}
    with pytest.raises(RuntimeError, match="nothing is held"):
        house.control("review", session=request.session.hex(), verdict="pass", officer="officer-2")


@pytest.mark.clause("UC-7")
@pytest.mark.parametrize(("tariff", "limit", "code"), [("postpaid", 5, "R402"), ("prepaid", 10, "R403")])
def test_a_carriers_own_limits_hold_where_the_national_one_is_off(house: Operator, unit: Unit, tariff: str, limit: int, code: str) -> None:
    fields = person()
    house.control("rules", national=0, postpaid=5, prepaid=10, tariff=tariff)
    house.control("quota", number=fields[2], held=limit - 1, scope=tariff)
    assert ask(unit, fields) == "approved"
    assert ask(unit, fields) == code
    house.control("rules", national=5)
    house.control("quota", number=fields[2], held=5)
    assert ask(unit, fields) == "R401"


@pytest.mark.clause("XT-AF10", "N570")
def test_from_the_threshold_on_an_approval_carries_a_warning(house: Operator, unit: Unit) -> None:
    fields = person()
    house.control("quota", number=fields[2], held=4)
    assert unit.submit(unit.request(house.blank(), fields))[1]["warning"] == "W-401"
    assert "warning" not in unit.submit(unit.request(house.blank()))[1]


@pytest.mark.clause("AH-07")
def test_who_comes_again_too_soon_is_told_to_come_later(house: Operator, unit: Unit) -> None:
    fields, now = person(), house.control("clock")["now"]
    house.control("rules", cool_down_s=8 * 3600)
    assert ask(unit, fields) == "approved"
    assert ask(unit, fields) == "R406"
    house.control("clock", now=now + 9 * 3600)
    assert ask(unit, fields) == "approved"
    house.control("clock", now=now)


@pytest.mark.clause("N182-2b")
def test_many_cards_of_one_terminal_in_a_short_time_are_bulk(house: Operator, unit: Unit) -> None:
    house.control("rules", burst=5)
    assert [ask(unit) for _ in range(6)] == ["approved"] * 5 + ["R409"]


@pytest.mark.clause("XT-AF10")
def test_many_refusals_of_one_person_in_a_day_are_abnormal(house: Operator, unit: Unit) -> None:
    fields = person()
    house.control("rules", tries=2)
    assert [ask(unit, fields, c259="ocr") for _ in range(2)] == ["R115", "R115"]
    assert ask(unit, fields) == "R404"
    assert ask(unit) == "approved"


def proxy(unit: Unit, number: str) -> tuple[dict[int, str | bytes], list[Any]]:
    """The subscriber's fields with a proxy's number, and the proxy as a party."""
    claim, fields = party("proxy", number=number)
    return {**person(), **fields}, [claim]


@pytest.mark.clause("XT-AF31")
def test_somebody_who_acts_for_too_many_is_suspect(house: Operator, unit: Unit) -> None:
    house.control("rules", proxies=2)
    number = str(person()[2])
    ends = []
    for _ in range(3):
        fields, parties = proxy(unit, number)
        ends.append(ask(unit, fields, c277=parties, c278=["P"]))
    assert ends == ["approved", "approved", "R210"]


def test_a_clerk_who_is_the_customers_proxy_is_refused(house: Operator, unit: Unit) -> None:
    number = str(person()[2])
    counter(unit, clerk={"number": number})
    fields, parties = proxy(unit, number)
    assert ask(unit, fields, c277=parties, c278=["P"]) == "R514"


def active(unit: Unit, fields: dict[int, str | bytes]) -> str:
    """A number in service of this person; returns it."""
    request = unit.request(unit.operator.blank(), fields)
    assert outcome(unit.submit(request)) == "approved"
    (row,) = unit.operator.rows("numbers", request.session)
    unit.operator.control("number", msisdn=row["msisdn"], state="active")
    return str(row["msisdn"])


def about(unit: Unit, kind: str, fields: dict[int, str | bytes], number: str) -> str:
    return ask(unit, {**fields, 9: number}, c257=kind)


@pytest.mark.parametrize("kind", ["T03", "T05", "T08"])
def test_a_number_is_its_registered_owners(house: Operator, unit: Unit, kind: str) -> None:
    owner = person()
    number = active(unit, owner)
    assert about(unit, kind, owner, number) == "approved"
    assert about(unit, kind, person(), number) == "R407"


@pytest.mark.clause("XJU-4")
def test_a_locked_number_is_not_passed_on_but_may_be_closed(house: Operator, unit: Unit) -> None:
    owner = person()
    number = active(unit, owner)
    house.control("lock", msisdn=number, reason="dispute")
    assert about(unit, "T03", owner, number) == "R408"
    assert about(unit, "T08", owner, number) == "approved"
    house.control("lock", msisdn=number)
    assert about(unit, "T03", owner, number) == "approved"


@pytest.mark.clause("UC-2", "TB-14")
def test_a_number_nobody_is_registered_for_is_supplemented_first(house: Operator, unit: Unit) -> None:
    owner = person()
    number = active(unit, owner)
    house.control("number", msisdn=number, state="active", registered=False)
    assert about(unit, "T03", owner, number) == "R411"
    assert about(unit, "T04", owner, number) == "approved"


@pytest.mark.clause("JX-12")
@pytest.mark.parametrize("tariff", ["prepaid", "postpaid"])
def test_a_reserved_number_is_the_sessions_until_its_time_is_over(house: Operator, unit: Unit, tariff: str) -> None:
    request = unit.request(house.blank())
    key = request.session.hex()
    status, first = unit.http("POST", "/v1/reservations", {"tariff": tariff}, Idempotency_Key=key)
    assert status == 200
    assert unit.http("POST", "/v1/reservations", {"tariff": tariff}, Idempotency_Key=key) == (200, first)
    other = {"prepaid": "postpaid", "postpaid": "prepaid"}[tariff]
    assert unit.http("POST", "/v1/reservations", {"tariff": other}, Idempotency_Key=key)[0] == 422
    assert outcome(unit.submit(request)) == "approved"
    assert house.rows("numbers", request.session)[0]["msisdn"] == first["msisdn"]
    assert unit.http("POST", "/v1/reservations", {"tariff": tariff}, Idempotency_Key=key)[0] == 409


@pytest.mark.clause("JX-12")
def test_a_reservation_that_lapsed_is_released_and_its_session_refused(house: Operator, unit: Unit) -> None:
    now, request = house.control("clock")["now"], unit.request(house.blank())
    until = unit.http("POST", "/v1/reservations", {"tariff": "prepaid"}, Idempotency_Key=request.session.hex())[1]["until"]
    house.control("clock", now=until)
    assert unit.http("POST", "/v1/reservations", {"tariff": "prepaid"}, Idempotency_Key=os.urandom(16).hex())[0] == 200
    assert house.rows("numbers", request.session)[0]["state"] == "released"
    assert outcome(unit.submit(request)) == "R410"
    house.control("clock", now=now)


def test_words_the_console_does_not_know_are_refused(house: Operator) -> None:
    for command, told in (("rules", {"nations": 1}), ("rules", {"national": "5"}), ("person", {"number": "1", "online": "MAYBE"})):
        with pytest.raises(RuntimeError, match="ValueError"):
            house.control(command, **told)
