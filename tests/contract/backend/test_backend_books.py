# SPDX-License-Identifier: Apache-2.0
"""The operator's books under a clock that travels: lives of numbers, retention, consents, inspections, breaches, evidence."""

from __future__ import annotations

import base64
import calendar
import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from simulators.backend import signatures
from tests.contract.backend.operator_messages import Operator, Request, Unit, digest, party, person, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY, HOUR = 86_400, 3_600


class Time:
    """The operator's clock in a test's hands."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.start = int(operator.control("clock")["now"])

    def at(self, moment: int) -> list[Any]:
        """Travel, do what is due; returns what was deleted."""
        self._operator.control("clock", now=moment)
        purged: list[Any] = self._operator.control("sweep")["purged"]
        return purged

    def after(self, days: float) -> list[Any]:
        return self.at(self.start + round(days * DAY))


@pytest.fixture
def time(operator: Operator) -> Iterator[Time]:
    time = Time(operator)
    yield time
    operator.control("clock", now=time.start)


def months_later(moment: int, months: int) -> int:
    begin = dt.datetime.fromtimestamp(moment, dt.UTC)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    day = min(begin.day, calendar.monthrange(year, month + 1)[1])
    return int(begin.replace(year=year, month=month + 1, day=day).timestamp())


def sold(unit: Unit, fields: dict[int, str | bytes] | None = None, **changes: Any) -> tuple[Request, str]:
    """A card in service; returns the request and its number."""
    request = unit.request(unit.operator.blank(), fields, **changes)
    answer = unit.submit(request)[1]
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    read_back = [request.claims[264][1], digest(unit.open_profile(request, answer))]
    result = unit.result(request, "written", approval_id=approval[7], read_back=read_back)
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "active"
    return request, str(unit.operator.rows("numbers", request.session)[0]["msisdn"])


def done(unit: Unit, kind: str, number: str, fields: dict[int, str | bytes], **changes: Any) -> str:
    """Business without a card about a number; returns its outcome."""
    claims, items = unit.claims("1", {**fields, 9: number})
    claims |= {257: kind, **{int(name[1:]): value for name, value in changes.items()}}
    del claims[264], claims[275]
    request = Request(claims[7], unit.signed(claims), unit.sealed(claims[7], items), claims)
    answer = unit.submit(request)[1]
    if answer["outcome"] != "approved":
        return str(answer["code"])
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    result = unit.result(request, "accepted", approval_id=approval[7], c258="")
    return str(unit.ack(result, unit.report(request.session, result)[1])[257])


def life(operator: Operator, number: str) -> tuple[str, str, bool]:
    told = operator.control("life_of", msisdn=number)
    return told["state"], told["calls"], told["billed"]


def events(operator: Operator, subject: str) -> list[tuple[str, int]]:
    return [(row["kind"], row["at"]) for row in operator.control("events", subject=subject)["events"]]


def held(operator: Operator, fields: dict[int, str | bytes]) -> int:
    """How many numbers the person holds, by asking until the operator says no."""
    left, unit = 0, Unit.enrolled(operator, operator.state / os.urandom(4).hex(), f"RNT-{os.urandom(4).hex()}")
    while unit.submit(unit.request(operator.blank(), fields))[1]["outcome"] == "approved":
        left += 1
    return 5 - left


@pytest.mark.clause("TB-26", "N182-4", "XJU-16")
def test_an_urged_number_is_suspended_after_60_days_and_ends_after_30_more(operator: Operator, unit: Unit, time: Time) -> None:
    fields = person()
    _, number = sold(unit, fields)
    operator.control("urge", msisdn=number)
    time.after(59)
    assert life(operator, number) == ("notified", "all", True)
    time.after(61)
    assert life(operator, number) == ("suspended", "emergency", False)
    time.after(89)
    assert life(operator, number)[0] == "suspended"
    time.after(400)
    assert life(operator, number) == ("terminated", "none", False)
    told = dict(events(operator, number))
    begun = told["notified"]
    assert [told[kind] - begun for kind in ("suspended", "terminated", "refund")] == [60 * DAY, 90 * DAY, 90 * DAY]
    assert held(operator, fields) == 0


@pytest.mark.clause("TB-26", "UC-2")
def test_supplementary_registration_restores_a_suspended_number(operator: Operator, unit: Unit, time: Time) -> None:
    fields = person()
    _, number = sold(unit, fields)
    operator.control("urge", msisdn=number)
    time.after(70)
    assert life(operator, number)[0] == "suspended"
    assert done(unit, "T04", number, fields) == "active"
    assert life(operator, number) == ("active", "all", True)
    time.after(400)
    assert life(operator, number)[0] == "active"


@pytest.mark.clause("N182-5")
def test_a_single_stop_becomes_a_full_one_after_15_days(operator: Operator, unit: Unit, time: Time) -> None:
    _, number = sold(unit)
    operator.control("stop_number", msisdn=number)
    time.after(14)
    assert life(operator, number)[:2] == ("single_stop", "incoming and emergency")
    time.after(16)
    assert life(operator, number)[:2] == ("full_stop", "emergency")
    operator.control("restore", msisdn=number)
    assert life(operator, number)[0] == "active"


@pytest.mark.clause("O25-11", "TB-16", "XJU-10", "RC-3")
def test_identity_records_are_kept_for_service_and_two_years(operator: Operator, unit: Unit, time: Time) -> None:
    request, number = sold(unit)
    key = request.session.hex()
    time.after(5000)
    assert operator.control("bundle", session=key, fields=[1])["bundle"]
    operator.control("close", msisdn=number)
    end = operator.control("clock")["now"]
    assert ["identity", key] not in time.at(months_later(end, 24) - DAY)
    assert operator.control("bundle", session=key, fields=[1])["bundle"]
    assert ["identity", key] in time.at(months_later(end, 24) + DAY)
    with pytest.raises(RuntimeError, match="nothing is kept"):
        operator.control("bundle", session=key, fields=[1])
    assert "purged" in dict(events(operator, key))


@pytest.mark.clause("RC-4b", "RC-5", "RC-6", "RC-7", "XT-CSL", "SMS-08")
@pytest.mark.parametrize(("kept", "months"), [("billing", 5), ("assessment", 36), ("log", 6), ("consent_history", 5)])
def test_everything_else_is_kept_for_its_term_and_not_longer(operator: Operator, time: Time, kept: str, months: int) -> None:
    key, began = os.urandom(8).hex(), time.start
    operator.control("keep", **{"class": kept, "key": key, "began": began})
    assert [kept, key] not in time.at(months_later(began, months) - DAY)
    assert [kept, key] in time.at(months_later(began, months) + DAY)


@pytest.mark.clause("RC-8")
def test_a_refusal_leaves_a_tombstone_for_two_years(operator: Operator, unit: Unit, time: Time) -> None:
    request = unit.request(operator.blank(), c259="ocr")
    unit.submit(request)
    key = request.session.hex()
    assert [row["class"] for row in operator.control("kept", key=key)["kept"]] == ["tombstone"]
    assert ["tombstone", key] not in time.at(months_later(time.start, 24) - DAY)
    assert ["tombstone", key] in time.at(months_later(time.start, 24) + DAY)


@pytest.mark.clause("JX-17", "RC-9", "O25-16", "SMS-34-37,40", "GA-31")
def test_two_officers_inspect_and_seal_and_what_is_sealed_is_not_deleted(operator: Operator, unit: Unit, time: Time) -> None:
    request, number = sold(unit)
    key, pair = request.session.hex(), ["officer-1", "officer-2"]
    for officers in (["officer-1"], ["officer-1", "officer-1"], []):
        with pytest.raises(RuntimeError, match="two officers"):
            operator.control("inspect", session=key, fields=[1], officers=officers)
        with pytest.raises(RuntimeError, match="two officers"):
            operator.control("seal", key=key, officers=officers)
    assert operator.control("inspect", session=key, fields=[1], officers=pair)["bundle"]
    operator.control("seal", key=key, officers=pair)
    operator.control("close", msisdn=number)
    assert ["identity", key] not in time.after(4000)
    operator.control("unseal", key=key, officers=pair)
    assert ["identity", key] in time.after(4001)
    assert [kind for kind, _ in events(operator, key)] == ["inspected", "sealed", "released", "purged"]


@pytest.mark.clause("POL-4")
def test_a_case_query_names_its_warrant(operator: Operator, unit: Unit) -> None:
    request, _ = sold(unit)
    query = {"session": request.session.hex(), "fields": [1], "officers": ["a", "b"], "case": "c-1"}
    with pytest.raises(RuntimeError, match="warrant"):
        operator.control("inspect", **query)
    assert operator.control("inspect", **query, warrant="w-1")["bundle"]


CONSENTS = [["C-1", digest(b"notice")], ["C-5", digest(b"messages")]]


@pytest.mark.clause("SMS-17", "SMS-08", "JX-39", "RC-4a", "SMS-16")
def test_consent_is_evidence_withdrawn_at_once_and_kept_five_months_more(operator: Operator, unit: Unit, time: Time) -> None:
    fields = person()
    request, number = sold(unit, fields, c262=CONSENTS)
    assert operator.control("may_send", msisdn=number) == {"allowed": True}
    (evidence,) = operator.control("consents", msisdn=number)["consents"]
    assert (evidence["text"], evidence["record"]) == (digest(b"messages").hex(), digest(request.record).hex())
    assert done(unit, "T14", number, fields) == "active"
    assert operator.control("may_send", msisdn=number) == {"allowed": False}
    key = request.session.hex()
    assert ["consent", key] not in time.at(months_later(time.start, 5) - DAY)
    assert ["consent", key] in time.at(months_later(time.start, 5) + DAY)
    assert operator.control("consents", msisdn=number)["consents"] == []


@pytest.mark.clause("SMS-16", "JX-39")
def test_who_refuses_messages_is_served_and_sent_none(operator: Operator, unit: Unit) -> None:
    _, number = sold(unit)
    assert operator.control("may_send", msisdn=number) == {"allowed": False}


@pytest.mark.clause("XJU-2b")
def test_a_transfer_moves_the_number_and_both_counts(operator: Operator, unit: Unit) -> None:
    old, new = person(), person()
    _, number = sold(unit, old)
    owner, fields = party("owner", number=str(old[2]))
    assert done(unit, "T02", number, new) == "R407"
    assert done(unit, "T02", number, {**new, **fields}, c277=[owner]) == "active"
    assert done(unit, "T03", number, old) == "R407"
    assert held(operator, old) == 0
    assert held(operator, new) == 1


def test_who_holds_five_takes_over_no_sixth(operator: Operator, unit: Unit) -> None:
    old, new = person(), person()
    _, number = sold(unit, old)
    operator.control("quota", number=new[2], held=5)
    owner, fields = party("owner", number=str(old[2]))
    assert done(unit, "T02", number, {**new, **fields}, c277=[owner]) == "R401"


def test_a_replaced_card_keeps_the_number_and_counts_nothing(operator: Operator, unit: Unit) -> None:
    fields = person()
    first, number = sold(unit, fields)
    second, again = sold(unit, {**fields, 9: number}, c257="T03")
    assert again == number
    states = {row["session"]: row["state"] for row in operator.control("state")["numbers"] if row["msisdn"] == number}
    assert states == {first.session.hex(): "replaced", second.session.hex(): "active"}
    assert held(operator, fields) == 1


@pytest.mark.clause("JX-33")
def test_closing_ends_the_number_and_makes_room(operator: Operator, unit: Unit) -> None:
    fields = person()
    _, number = sold(unit, fields)
    assert done(unit, "T08", number, fields) == "active"
    assert life(operator, number) == ("terminated", "none", False)
    assert held(operator, fields) == 0


def test_the_customers_other_numbers_are_told(operator: Operator, unit: Unit) -> None:
    fields = person()
    _, first = sold(unit, fields)
    _, second = sold(unit, fields)
    assert [row["msisdn"] for row in operator.control("notices", msisdn=first)["notices"]] == [first]
    assert operator.control("notices", msisdn=second)["notices"] == []


PARTS = {"kinds": "identity", "causes": "lost", "harm": "none known", "measures": "revoked", "contact": "10000"}


@pytest.mark.clause("TB-22", "O25-13", "JX-48", "XJU-12", "DS-27", "DS-29", "XT-PI51,55-57", "XJ-11.9")
def test_a_lost_terminal_is_off_before_its_case_runs(operator: Operator, unit: Unit, time: Time) -> None:
    case = operator.control("breach", event="BR-01", subject=unit.serial)["case"]
    assert [kind for kind, _ in events(operator, unit.serial)] == ["revoked", "case"]
    assert unit.submit(unit.request(operator.blank()))[1]["code"] == "R505"

    def overdue() -> list[str]:
        (row,) = [row for row in operator.control("cases")["cases"] if row["case"] == case]
        found: list[str] = row["overdue"]
        return found

    time.at(time.start + HOUR - 60)
    assert overdue() == []
    operator.control("report", case=case, stage="oral")
    time.at(time.start + 2 * HOUR)
    assert overdue() == []
    time.at(time.start + DAY + 60)
    assert overdue() == ["short"]
    with pytest.raises(RuntimeError, match="missing"):
        operator.control("report", case=case, stage="short", kinds="identity")
    operator.control("report", case=case, stage="short", **PARTS)
    assert overdue() == ["short"]
    time.after(6)
    assert overdue() == ["short", "final"]
    with pytest.raises(RuntimeError, match="before"):
        operator.control("report", case=case, stage="oral")


@pytest.mark.clause("JX-15", "CM-2", "JX-18")
def test_refusals_are_counted_by_clerk_and_agents_are_scored(operator: Operator, unit: Unit) -> None:
    agent, staff = f"A-{unit.serial}", f"S-{unit.serial}"
    operator.control("agent", code=agent)
    operator.control("clerk", staff=staff, agent=agent)
    operator.control("site", serial=unit.serial, agent=agent)
    for source in ("chip", "ocr", "ocr", "chip"):
        unit.submit(unit.request(operator.blank(), c259=source, c281=staff))
    assert [row for row in operator.control("refusals")["refusals"] if row["clerk"] == staff] == [
        {"clerk": staff, "code": "R115", "times": 2}
    ]
    operator.control("clerk", staff=staff, agent=agent, barred=True)
    unit.submit(unit.request(operator.blank(), c281=staff))
    score = operator.control("scores")["scores"][agent]
    assert score == {"records": 5, "own_fault": 1, "failed": 0, "score": 60}


@pytest.mark.clause("TB-20")
def test_the_ledger_names_what_is_not_handed_over(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    unit.submit(request)
    assert [row["session"] for row in operator.control("ledger", serial=unit.serial)["open"]] == [request.session.hex()]
    unit.report(request.session, unit.result(request, "cancelled"))
    assert operator.control("ledger", serial=unit.serial)["open"] == []


@pytest.mark.clause("TB-21", "N182-3")
def test_the_list_of_agents_is_signed_dated_and_of_its_day(operator: Operator, unit: Unit, time: Time) -> None:
    code = f"A-{unit.serial}"
    operator.control("agent", code=code, contract_until=time.start + 30 * DAY)
    spki = unit.approval_spki
    for day, there in ((29, True), (31, False)):
        message = base64.b64decode(operator.control("agent_list", at=time.start + day * DAY)["list"])
        told = json.loads(signatures.verify(message, typ="rnt-agents", keys={signatures.key_id(spki): spki}))
        assert told["at"] == time.start + day * DAY
        assert (code in {row["code"] for row in told["agents"]}) is there
