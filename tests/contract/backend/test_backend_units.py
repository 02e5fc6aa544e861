# SPDX-License-Identifier: Apache-2.0
"""Units at the operator: what their opening must bring, and cards that wait until their user is bound."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backend.operator_messages import Operator, Request, Unit, digest, party, person, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ("U-A", "U-B", "U-C", "unit-document-image", "user-list")
CONSENTS = [["C-1", digest(b"notice")], ["C-6", digest(b"joining")]]


@dataclass(frozen=True)
class Company:
    """A unit with its people, and the counter it comes to."""

    counter: Unit
    code: str
    handler: str
    user: str

    def told(self, command: str, **told: Any) -> dict[str, Any]:
        return self.counter.operator.control(command, **told)

    def opening(self, *, without: tuple[str, ...] = (), **changes: Any) -> Request:
        """A record of T09: the unit's papers in pictures, the handler and the responsible person by their chips."""
        unit = self.counter
        roles = [role for role in ("handler", "responsible") if role not in without]
        parties = [party(role, nth, self.handler if role == "handler" else None) for nth, role in enumerate(roles, 1)]
        fields = {22: digest(b"licence")} | {number: value for _, own in parties for number, value in own.items()}
        pieces: list[Any] = [[word, digest(f"{self.code} {word}".encode())] for word in WORDS if word not in without]
        claims: dict[str, Any] = {
            "c257": "T09",
            "c258": "U01",
            "c259": "image",
            "c261": [["original", True], ["attested", True]],
            "c274": None,
            "c276": 0,
        }
        claims |= {"c277": [claim for claim, _ in parties], "c280": pieces}
        return unit.request(unit.operator.blank(), fields, **{**claims, **changes})

    def opened(self) -> str:
        """A unit's card that is written and proven; returns its number."""
        request = self.opening()
        _, answer = self.counter.submit(request)
        approval = verify1(unb64(answer["approval"]), self.counter.approval_spki, "rnt-approval", digest(request.record))
        read_back = [request.claims[264][1], digest(self.counter.open_profile(request, answer))]
        result = self.counter.result(request, "written", approval_id=approval[7], read_back=read_back)
        assert self.counter.ack(result, self.counter.report(request.session, result)[1])[257] == "active"
        return str(self.counter.operator.rows("numbers", request.session)[0]["msisdn"])

    def business(self, number: str, *, kind: str = "T10", user: str = "", handler: str = "", consents: Any = CONSENTS) -> str:
        """Business about a number without a card; returns its outcome."""
        unit, (claim, fields) = self.counter, party("handler", 1, handler or self.handler)
        request = unit.request(
            "1", {**person(user or self.user), 9: number, **fields}, c257=kind, c262=consents, c264=None, c275=None, c277=[claim]
        )
        _, answer = unit.submit(request)
        if answer["outcome"] != "approved":
            return str(answer["code"])
        approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
        result = unit.result(request, "accepted", approval_id=approval[7], c258="")
        return str(unit.ack(result, unit.report(request.session, result)[1])[257])

    def state(self, number: str) -> str:
        return str(self.told("life_of", msisdn=number)["state"])

    def asked(self, **changes: Any) -> str:
        answer = self.counter.submit(self.opening(**changes))[1]
        return str(answer.get("code", answer["outcome"]))


@pytest.fixture
def company(operator: Operator, unit: Unit) -> Iterator[Company]:
    company = Company(unit, f"U-{os.urandom(4).hex()}", str(person()[2]), str(person()[2]))
    operator.control("unit", code=company.code, handler=company.handler)
    yield company
    operator.control("rules", strict=False, assessed=False)


@pytest.mark.clause("XJ-2.1.7", "O25-08b", "TB-09", "TB-10", "XJU-2a")
@pytest.mark.parametrize(
    ("without", "code"),
    [
        ((), "approved"),
        (("unit-document-image",), "R301"),
        (("U-A",), "R304"),
        (("U-B",), "R307"),
        (("U-C",), "R306"),
        (("handler",), "R303"),
        (("responsible",), "R305"),
    ],
)
def test_an_opening_lacks_none_of_its_papers_and_people(company: Company, without: tuple[str, ...], code: str) -> None:
    assert company.asked(without=without) == code


@pytest.mark.clause("XJ-2.1.7")
def test_an_opening_without_the_handlers_face_is_refused(company: Company) -> None:
    seen = [["attested", True], ["second-person", True]]
    parties = [party("handler", 1, company.handler, c4=seen, c5=None, c6=3)[0], party("responsible", 2)[0]]
    request = company.opening(c277=parties)
    assert company.counter.submit(request)[1]["code"] == "R308"


@pytest.mark.clause("TB-09", "XJ-11.8", "XJU-6", "XJ-2.1.9")
def test_a_units_card_stays_inactive_until_its_listed_user_has_joined(company: Company) -> None:
    number = company.opened()
    assert company.told("life_of", msisdn=number) == {"state": "inactive", "calls": "none", "billed": False}
    assert company.business(number) == "R306"
    company.told("users", unit=company.code, numbers=[company.user])
    assert company.business(number, user=str(person()[2])) == "R306"
    assert company.business(number, consents=CONSENTS[:1]) == "R602"
    assert company.state(number) == "inactive"
    assert company.business(number) == "active"
    assert company.told("life_of", msisdn=number) == {"state": "active", "calls": "all", "billed": True}
    assert [row["kind"] for row in company.told("events", subject=number)["events"]] == ["bound"]


@pytest.mark.clause("XJ-2.1.10")
def test_another_than_the_registered_handler_changes_nothing(company: Company) -> None:
    number, other = company.opened(), str(person()[2])
    company.told("users", unit=company.code, numbers=[company.user])
    assert company.business(number, handler=other) == "R303"
    assert company.business(number, kind="T08", handler=other) == "R407"
    company.told("unit", code=company.code, handler=other)
    assert company.business(number, handler=other) == "active"
    assert company.business(number, kind="T08", handler=other) == "active"
    assert company.state(number) == "terminated"


@pytest.mark.clause("XJ-2.1.8")
def test_a_list_of_users_is_that_of_the_sealed_paper_a_record_names(company: Company) -> None:
    number, seal = company.opened(), digest(f"{company.code} user-list".encode())
    for wrong in (digest(b"another paper"), seal[::-1]):
        with pytest.raises(RuntimeError, match="no opening brought this list"):
            company.told("users", unit=company.code, numbers=[company.user], seal=wrong.hex())
    assert company.business(number) == "R306"
    company.told("users", unit=company.code, numbers=[company.user], seal=seal.hex())
    assert company.business(number) == "active"
    company.told("users", unit=company.code, numbers=[], seal=seal.hex())
    assert company.business(number) == "R306"


@pytest.mark.clause("XJ-2.1.11")
def test_a_suspended_unit_gets_no_card_and_binds_nobody(company: Company) -> None:
    number = company.opened()
    company.told("users", unit=company.code, numbers=[company.user])
    company.told("suspend", unit=company.code, reason="resold")
    assert (company.asked(), company.business(number), company.state(number)) == ("R301", "R301", "inactive")
    company.told("suspend", unit=company.code)
    assert (company.asked(), company.business(number)) == ("approved", "active")


@pytest.mark.clause("JX-40/41", "SMS-06", "SMS-12", "XJ-11.6")
@pytest.mark.parametrize("purpose", ["outbound", "sms_port"])
def test_a_purpose_that_needs_a_licence_is_refused_without_one(company: Company, purpose: str) -> None:
    company.told("unit", code=company.code, handler=company.handler, purpose=purpose)
    assert company.asked() == "R310"
    company.told("unit", code=company.code, handler=company.handler, purpose=purpose, licence="L-1")
    assert company.asked() == "approved"
    company.told("unit", code=company.code, handler=company.handler)
    assert company.asked() == "approved"


@pytest.mark.clause("XJ-11.7")
def test_a_unit_without_its_own_assessment_waits_for_it(company: Company) -> None:
    company.told("rules", assessed=True)
    request = company.opening()
    status, held = company.counter.submit(request)
    assert (status, held["code"], held["why"]) == (202, "H114", "assessment")
    company.told("unit", code=company.code, handler=company.handler, assessment="A-1")
    assert company.counter.submit(request)[1]["outcome"] == "approved"


def test_a_strict_operator_knows_the_unit(company: Company) -> None:
    counter, unit = f"A-{company.code}", company.counter
    company.told("agent", code=counter)
    company.told("clerk", staff="clerk-7", agent=counter)
    company.told("site", serial=unit.serial, agent=counter)
    company.told("rules", strict=True)
    assert company.asked() == "approved"
    stranger = Company(unit, "U-0", str(person()[2]), company.user)
    assert stranger.asked() == "R301"


def test_units_cards_count_for_nobody(company: Company) -> None:
    assert [company.asked() for _ in range(7)] == ["approved"] * 7


def test_a_replaced_card_of_a_unit_waits_as_the_first_did(company: Company) -> None:
    number = company.opened()
    unit, (claim, fields) = company.counter, party("handler", 1, company.handler)
    request = unit.request(unit.operator.blank(), {**person(), 9: number, **fields}, c257="T03", c277=[claim])
    _, answer = unit.submit(request)
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    read_back = [request.claims[264][1], digest(unit.open_profile(request, answer))]
    result = unit.result(request, "written", approval_id=approval[7], read_back=read_back)
    unit.report(request.session, result)
    assert company.state(number) == "inactive"
