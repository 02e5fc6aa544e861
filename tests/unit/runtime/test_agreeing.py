# SPDX-License-Identifier: Apache-2.0
"""The agreement of a session: whose data it names, what is kept of a signature, and that nobody sells for an operator nobody named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from firmware import packs
from firmware.core.agreement import verify
from firmware.core.policy import assemble, resolve
from firmware.runtime import agreeing
from firmware.runtime.clock import Clock
from firmware.runtime.policies import Policies
from firmware.runtime.unit import Stop

SESSION = bytes(range(16))
MASKED = {"name": "张*", "number": "*" * 14 + "0015"}
STROKES = [[[100 + 40 * step, 200 + step, step * 15] for step in range(12)]]


def unit(*names: str) -> Any:
    """Return what the agreement asks of a terminal."""
    held = assemble(packs.load("cn/base"), [packs.load(name) for name in names])
    return SimpleNamespace(policies=Policies(held), clock=Clock(0), serial="RNT-000001")


@pytest.mark.clause("JX-09/10")
def test_terminal_whose_packs_name_no_operator_makes_no_agreement() -> None:
    with pytest.raises(Stop) as stop:
        agreeing.draw_up(unit(), "T01", SESSION, MASKED)
    assert stop.value.code == "R510"


def test_agreement_names_operator_business_and_the_masked_customer_only() -> None:
    text = "\n".join(agreeing.draw_up(unit("cn/mobile"), "T01", SESSION, MASKED).text())
    assert all(word in text for word in ("中国移动", "10086", "新入网", "new number", "张*", "0015", SESSION.hex(), "RNT-000001"))


def test_signed_agreement_is_proven_and_the_customers_copy_is_of_the_same_document() -> None:
    drawn = agreeing.draw_up(unit("cn/mobile"), "T02", SESSION, MASKED)
    signed = agreeing.signed(drawn, STROKES)
    again, _ = verify(signed.to_item(), signed.digest)
    assert again == drawn
    assert agreeing.signed(drawn, STROKES).digest != signed.digest  # another salt
    assert "".join(agreeing.copy(signed.to_item())[1:]).replace(" ", "") == "".join(drawn.text()).replace(" ", "")


@pytest.mark.clause("XT-AF30")
@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [("T01", "D01", ["fraud-warning", "resale-ban"]), ("T09", "U01", ["fraud-warning", "resale-ban"]), ("T13", "D01", [])],
)
def test_warnings_are_the_agreements_own_clauses_where_the_plan_asks_for_them(kind: str, document: str, words: list[str]) -> None:
    station = unit("cn/mobile")
    plan = resolve(kind, document, station.policies.packs, level=1)
    drawn = agreeing.draw_up(station, kind, SESSION, MASKED)
    warnings = agreeing.warnings(drawn, plan.evidence)
    assert list(warnings) == words
    assert all(section.flagged for section in warnings.values())
    text = "".join(drawn.text())
    assert all(section.zh in text for section in warnings.values())
