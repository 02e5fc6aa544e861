# SPDX-License-Identifier: Apache-2.0
"""Approvals whose result does not come: what they reserved ends by the clock, and a late result doubles nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backend.operator_messages import Operator, Request, Unit, digest, party, person, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
TERM = 2 * DAY


@dataclass
class Owed:
    """An approval that nobody reported on, and the operator's clock in a test's hands."""

    unit: Unit
    start: int
    request: Request
    answer: dict[str, Any]
    fields: dict[int, str | bytes]

    @property
    def operator(self) -> Operator:
        return self.unit.operator

    def at(self, moment: int) -> None:
        self.operator.control("clock", now=moment)
        self.operator.control("sweep")

    def states(self) -> tuple[str, str]:
        """Return how number and card stand."""
        (row,) = self.operator.rows("numbers", self.request.session)
        return row["state"], self.operator.blank_state(self.request.claims[264][1])

    def report(self, outcome: str) -> str:
        """Report on the card after all; returns the acknowledgement."""
        approval = verify1(unb64(self.answer["approval"]), self.unit.approval_spki, "rnt-approval", digest(self.request.record))
        read_back = [self.request.claims[264][1], digest(self.unit.open_profile(self.request, self.answer))]
        about = {"read_back": read_back} if outcome == "written" else {}
        result = self.unit.result(self.request, outcome, approval_id=approval[7], **about)
        return str(self.unit.ack(result, self.unit.report(self.request.session, result)[1])[257])

    def cases(self) -> list[str]:
        return [row["event"] for row in self.operator.control("cases")["cases"] if row["subject"] == self.unit.serial]

    def next(self) -> str:
        """Ask for one more number of the same person."""
        answer = self.unit.submit(self.unit.request(self.operator.blank(), self.fields))[1]
        return str(answer.get("code", answer["outcome"]))


@pytest.fixture
def owed(operator: Operator, unit: Unit) -> Iterator[Owed]:
    start, fields = int(operator.control("clock")["now"]), person()
    operator.control("quota", number=fields[2], held=4)
    request = unit.request(operator.blank(), fields)
    yield Owed(unit, start, request, unit.submit(request)[1], fields)
    operator.control("clock", now=start)


@pytest.mark.clause("JX-12")
def test_what_an_approval_reserved_ends_by_the_clock_and_goes_to_nobody_else(owed: Owed) -> None:
    owed.at(owed.start + TERM - 60)
    assert (owed.states(), owed.next(), owed.cases()) == (("reserved", "reserved"), "R401", [])
    owed.at(owed.start + TERM + 60)
    assert (owed.states(), owed.cases()) == (("quarantined", "quarantined"), ["BR-06"])
    again = owed.unit.request(owed.request.claims[264][1], owed.fields)
    assert owed.unit.submit(again)[1]["code"] == "R702"
    assert (owed.next(), owed.next()) == ("approved", "R401")
    owed.at(owed.start + TERM + 120)
    assert owed.cases() == ["BR-06"]


@pytest.mark.parametrize(("outcome", "ends"), [("cancelled", ("released", "blank")), ("voided", ("released", "scrapped"))])
def test_a_late_word_that_nothing_was_sold_gives_nothing_back_twice(owed: Owed, outcome: str, ends: tuple[str, str]) -> None:
    owed.at(owed.start + TERM + 60)
    assert (owed.report(outcome), owed.states()) == ("released", ends)
    assert (owed.next(), owed.next()) == ("approved", "R401")


def test_a_late_card_is_in_service_if_its_owner_may_still_have_it(owed: Owed) -> None:
    owed.at(owed.start + TERM + 60)
    assert (owed.report("written"), owed.report("written"), owed.states()) == ("active", "active", ("active", "used"))
    assert owed.next() == "R401"


def test_a_late_card_of_somebody_who_has_five_by_now_is_scrapped(owed: Owed) -> None:
    owed.at(owed.start + TERM + 60)
    assert owed.next() == "approved"
    assert (owed.report("written"), owed.states()) == ("failed", ("released", "scrapped"))
    assert owed.next() == "R401"


def test_a_result_in_time_leaves_nothing_to_lapse(owed: Owed) -> None:
    assert owed.report("written") == "active"
    owed.at(owed.start + TERM + 60)
    assert (owed.states(), owed.cases()) == (("active", "used"), [])


def test_a_replacement_that_lapsed_leaves_the_number_on_its_old_card(owed: Owed) -> None:
    assert owed.report("written") == "active"
    number = owed.operator.rows("numbers", owed.request.session)[0]["msisdn"]
    replacing = owed.unit.request(owed.operator.blank(), {**owed.fields, 9: number}, c257="T03")
    assert owed.unit.submit(replacing)[1]["outcome"] == "approved"
    owed.at(owed.start + TERM + 60)
    assert owed.operator.rows("numbers", replacing.session)[0]["state"] == "quarantined"
    assert owed.operator.control("life_of", msisdn=number)["state"] == "active"
    again = owed.unit.request(owed.operator.blank(), {**owed.fields, 9: number}, c257="T03")
    assert owed.unit.submit(again)[1]["outcome"] == "approved"


def test_a_held_record_lapses_from_its_decision_on(owed: Owed) -> None:
    owed.report("cancelled")
    owed.operator.control("rules", online="silent", hold_s=9 * DAY)
    request = owed.unit.request(owed.operator.blank(), owed.fields)
    assert owed.unit.submit(request)[0] == 202
    owed.at(owed.start + 4 * DAY)
    owed.operator.control("rules", online="off", hold_s=DAY)
    assert owed.unit.submit(request)[1]["outcome"] == "approved"
    for day, state in ((5, "reserved"), (7, "quarantined")):
        owed.at(owed.start + day * DAY)
        assert owed.operator.rows("numbers", request.session)[0]["state"] == state


def test_a_transfer_nobody_reported_is_the_old_owners(owed: Owed) -> None:
    assert owed.report("written") == "active"
    number, new = owed.operator.rows("numbers", owed.request.session)[0]["msisdn"], person()
    owed.operator.control("quota", number=new[2], held=4)
    owner, fields = party("owner", number=str(owed.fields[2]))
    about = {"c257": "T02", "c264": None, "c275": None, "c277": [owner]}
    assert owed.unit.submit(owed.unit.request("1", {**new, 9: number, **fields}, **about))[1]["outcome"] == "approved"
    owed.at(owed.start + TERM + 60)
    assert owed.states()[0] == "active"
    asked = [owed.unit.submit(owed.unit.request(owed.operator.blank(), new))[1] for _ in range(2)]
    assert [answer.get("code", answer["outcome"]) for answer in asked] == ["approved", "R401"]
