# SPDX-License-Identifier: Apache-2.0
"""Every card layout, whole and wrong in one thing, through whole sessions: each ends with exactly its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulators.personas import PERSONAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen, Station

LAYOUTS = ("zhang", "residence_permit", "foreigner_2017", "foreigner_2023")
DEFECTS = {
    "expired": "R105",
    "not_yet": "R106",
    "dates_swapped": "R111",
    "bad_date": "R111",
    "bad_check": "R111",
    "birth_mismatch": "R111",
    "sex_mismatch": "R111",
    "hostile_number": "R111",
    "hostile_name": "R107",
    "two_lines": "R107",
    "empty_name": "R107",
    "empty_number": "R107",
    "empty_birth": "R107",
    "empty_validity": "R107",
    "empty_address": "R107",
}
WHOLE = [*LAYOUTS, "rare_name", "dotted_name", "long_term", "moved", "moved_often"]
CASES = [
    *((key, "ACTIVE") for key in WHOLE),
    *((f"{key}_{defect}", code) for key in LAYOUTS for defect, code in DEFECTS.items() if f"{key}_{defect}" in PERSONAS),
    ("unknown_type", "R103"),
    ("lone_surrogate", "R107"),
    ("minor", "R206"),
]


@pytest.fixture(scope="module")
def screen(shared_station: Station) -> Iterator[Screen]:
    """Yield the screen of one terminal that serves them all."""
    shared_station.clear()
    shared_station.forget_numbers()
    yield shared_station.start()
    shared_station.stop()


def test_every_persona_with_a_defect_has_its_case() -> None:
    told = {key for key, _ in CASES}
    assert [key for key in PERSONAS if key.startswith(tuple(f"{layout}_" for layout in LAYOUTS)) and key not in told] == []


@pytest.mark.clause("XT-ID")
@pytest.mark.slow
@pytest.mark.parametrize(("persona", "code"), CASES, ids=[case[0] for case in CASES])
def test_document_ends_the_session_with_exactly_its_code(shared_station: Station, screen: Screen, persona: str, code: str) -> None:
    if code == "ACTIVE":
        shared_station.fresh_card()
    shared_station.device("desk", "script", persona=persona)
    shared_station.device("desk", "start")
    result = screen.result()
    assert result["outcome"] == code
    assert screen.last("view", state="closed")["code"] == (None if code == "ACTIVE" else code)
    shown = result["masked"].get("number", "")
    assert shown in {"", "*" * (len(shown) - 4) + PERSONAS[persona].number[-4:]}
