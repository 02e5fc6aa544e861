# SPDX-License-Identifier: Apache-2.0
"""Who may log on, and how often a PIN can be guessed, wherever it is tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from simulators.backend.logon import MOST_WRONG

if TYPE_CHECKING:
    from tests.contract.backend.operator_messages import Operator, Unit

GOOD, WRONG = "000007", "111111"


@pytest.fixture
def clerk(operator: Operator, unit: Unit) -> str:
    """A clerk whose PIN is :data:`GOOD`, at the counter of ``unit``."""
    agent, staff = f"A-{unit.serial}", f"CLERK-{unit.serial}"
    operator.control("agent", code=agent)
    operator.control("clerk", staff=staff, agent=agent, pin=GOOD)
    operator.control("site", serial=unit.serial, agent=agent)
    return staff


def tried(unit: Unit, staff: str, *pins: str) -> list[str]:
    """Return how a log-on with each PIN ended."""
    answers = [unit.http("POST", "/v1/logon", {"staff": staff, "pin": pin}) for pin in pins]
    assert {status for status, _ in answers} == {200}
    return [str(body.get("code", body["outcome"])) for _, body in answers]


def cases(operator: Operator, staff: str) -> list[str]:
    return [case["event"] for case in operator.control("cases")["cases"] if case["subject"] == staff]


@pytest.mark.clause("O25-15")
def test_wrong_pins_in_a_row_lock_the_clerk_out_and_open_one_case_until_a_new_pin_is_set(
    operator: Operator, unit: Unit, clerk: str
) -> None:
    assert tried(unit, clerk, *[WRONG] * MOST_WRONG) == ["R503"] * MOST_WRONG
    assert cases(operator, clerk) == ["BR-04"]
    assert tried(unit, clerk, GOOD, WRONG, GOOD) == ["R503"] * 3
    assert cases(operator, clerk) == ["BR-04"]
    operator.control("clerk", staff=clerk, agent=f"A-{unit.serial}", pin="000008")
    assert tried(unit, clerk, GOOD, "000008") == ["R503", "accepted"]


def test_right_pin_begins_the_count_anew(operator: Operator, unit: Unit, clerk: str) -> None:
    nearly = [WRONG] * (MOST_WRONG - 1)
    assert tried(unit, clerk, *nearly, GOOD, *nearly, GOOD)[MOST_WRONG - 1 :: MOST_WRONG] == ["accepted"] * 2
    assert cases(operator, clerk) == []


def test_wrong_pins_tried_at_once_are_all_counted(operator: Operator, unit: Unit, clerk: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda _: tried(unit, clerk, WRONG)[0], range(3 * MOST_WRONG)))
    assert ends == ["R503"] * 3 * MOST_WRONG
    assert cases(operator, clerk) == ["BR-04"]
    assert tried(unit, clerk, GOOD) == ["R503"]


def test_somebody_the_operator_does_not_know_opens_no_case(operator: Operator, unit: Unit, clerk: str) -> None:
    stranger = clerk.replace("CLERK", "NOBODY")
    assert tried(unit, stranger, *[WRONG] * (MOST_WRONG + 1)) == ["R503"] * (MOST_WRONG + 1)
    assert cases(operator, stranger) == []
