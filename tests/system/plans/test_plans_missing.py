# SPDX-License-Identifier: Apache-2.0
"""Every party and paper missing in turn, one customer after another at one terminal: its code, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.system.plans.serving import begun, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen, Station


@pytest.fixture(scope="module")
def screen(plans_station: Station) -> Iterator[Screen]:
    """Yield the screen of one terminal for all customers of this module."""
    plans_station.clear()
    plans_station.fresh_card()
    screen = plans_station.start()
    screen.ready()
    yield screen
    plans_station.stop()
    plans_station.clear()


@pytest.mark.clause("TB-08", "O25-06b", "UC-6", "DOC-1", "DOC-7", "TB-09", "TB-10", "O25-08b", "XT-PI28-31", "XJU-2a")
@pytest.mark.clause("XJ-2.1.9", "XJ-2.1.10", "XJU-6")
@pytest.mark.parametrize(
    ("kind", "wish", "script", "code"),
    [
        ("T01", {"modifiers": "P"}, {"proxy": ""}, "R208"),
        ("T01", {"modifiers": "P"}, {"unfit": "P-A"}, "R209"),
        ("T01", {"modifiers": "M"}, {"persona": "minor", "guardian": ""}, "R206"),
        ("T01", {}, {"persona": "fifteen"}, "R206"),
        ("T01", {"modifiers": "M"}, {"persona": "fifteen", "guardian": ""}, "R206"),
        ("T01", {"modifiers": "M"}, {"persona": "fifteen", "guardian": "seventeen"}, "R206"),
        ("T01", {"modifiers": "M"}, {"persona": "fifteen", "missing": "P-B"}, "R206"),
        ("T01", {"modifiers": "M"}, {"persona": "minor", "unfit": "P-B"}, "R206"),
        ("T01", {"modifiers": "M"}, {"persona": "minor", "consent": False}, "R602"),
        ("T02", {}, {"release": False}, "R603"),
        ("T09", {"document": "U01"}, {"missing": "U01"}, "R301"),
        ("T09", {"document": "U01"}, {"unfit": "U-B"}, "R302"),
        ("T09", {"document": "U01"}, {"handler": ""}, "R303"),
        ("T09", {"document": "U01"}, {"missing": "U-A"}, "R304"),
        ("T09", {"document": "U01"}, {"responsible": ""}, "R305"),
        ("T09", {"document": "U01"}, {"missing": "U-C"}, "R306"),
        ("T09", {"document": "U01"}, {"missing": "U-B"}, "R307"),
        ("T10", {}, {"handler": ""}, "R303"),
        ("T10", {}, {"consent": False}, "R602"),
        ("T01", {"document": "D02"}, {"original": False}, "R104"),
        ("T04", {}, {}, "R407"),
    ],
)
def test_party_or_paper_that_is_missing_has_its_code_and_nothing_is_written(
    plans_station: Station, screen: Screen, kind: str, wish: dict[str, str], script: dict[str, Any], code: str
) -> None:
    plans_station.device("desk", "script", reset=True, **script)
    result = serve(plans_station, screen, kind, **wish)
    assert result["outcome"] == code, begun(screen)
    assert plans_station.device("sim_card", "state")["updates"] == 0
