# SPDX-License-Identifier: Apache-2.0
"""Who works at the counter: a clerk who logs on, a second member of staff where two are needed, and a clerk who is the customer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from simulators.personas import PERSONAS
from tests.support.truth import assert_clean_end
from tests.system.plans.serving import begun, record, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen, Station


@pytest.fixture
def agent(station: Station) -> Iterator[str]:
    """Give the terminal an agent with two clerks; afterwards it stands at nobody's counter again."""
    code, serial = f"AGENT-{os.urandom(3).hex()}", station.operator()["terminals"][0]["serial"]
    station.device("backend", "agent", code=code)
    station.device("backend", "site", serial=serial, agent=code)
    for staff, pin in (("CLERK-7", "000007"), ("CLERK-8", "000008")):
        station.device("backend", "clerk", staff=staff, agent=code, pin=pin)
    yield code
    station.device("backend", "agent", code=code)


def log_on(station: Station, screen: Screen, staff: str = "CLERK-7", pin: str = "000007") -> None:
    station.device("desk", "logon", staff=staff, pin=pin)
    station.device("desk", "answers", count=1)
    screen.ready()


@pytest.mark.clause("XT-FR", "XT-41819")
@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(("kind", "modifiers", "level"), [("T01", "V", 3), ("T15", "", 0)])
def test_two_members_of_staff_stand_in_the_record(station: Station, kind: str, modifiers: str, level: int) -> None:
    screen = station.start()
    screen.ready()
    log_on(station, screen)
    result = serve(station, screen, kind, modifiers=modifiers)
    assert result["outcome"] == "ACTIVE", begun(screen)
    claims = record(station, result)
    assert (claims[281], claims[282], claims[276]) == ("CLERK-7", "CLERK-8", level)
    assert 274 not in claims
    assert ["second-person", True] in claims[261]
    assert_clean_end(station, result, written=kind == "T01")


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"staff": "CLERK-7", "pin": "000007"}, "R503"),
        ({"pin": "999999"}, "R503"),
        ({"staff": "CLERK-9"}, "R503"),
        ({"attested": False}, "R204"),
    ],
)
def test_second_member_of_staff_is_another_one_the_operator_knows_and_agrees(station: Station, script: dict[str, Any], code: str) -> None:
    station.device("desk", "script", **script)
    screen = station.start()
    screen.ready()
    log_on(station, screen)
    assert serve(station, screen, "T01", modifiers="V")["outcome"] == code, begun(screen)
    assert station.device("sim_card", "state")["updates"] == 0


@pytest.mark.clause("GA-26", "O25-15", "O25-14")
@pytest.mark.parametrize(
    ("agent_facts", "pin", "code"),
    [
        ({}, "111111", "R503"),
        ({"contract_until": 1}, "000007", "R501"),
        ({"parent": "AGENT-X"}, "000007", "R512"),
        ({"blacklisted": True}, "000007", "R502"),
    ],
)
def test_log_on_that_the_operator_refuses_shows_its_code(
    station: Station, agent: str, agent_facts: dict[str, Any], pin: str, code: str
) -> None:
    station.device("backend", "agent", code=agent, **agent_facts)
    screen = station.start()
    screen.ready()
    station.device("desk", "logon", staff="CLERK-7", pin=pin)
    assert screen.wait("view", state="closed")["code"] == code


@pytest.mark.clause("GA-39")
def test_clerk_who_is_the_customer_is_r514(station: Station, agent: str) -> None:
    station.device("backend", "clerk", staff="CLERK-7", agent=agent, number=PERSONAS["zhang"].number, pin="000007")
    screen = station.start()
    screen.ready()
    log_on(station, screen)
    assert serve(station, screen, "T05")["outcome"] == "R514"
