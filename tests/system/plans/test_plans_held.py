# SPDX-License-Identifier: Apache-2.0
"""A hold, H114: neither refused nor passed. It is asked about until the register answers or the time is over, across a power cut too."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.truth import assert_clean_end
from tests.system.plans.serving import begun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen, Station


@pytest.fixture(autouse=True)
def register_that_answers_again(station: Station) -> Iterator[None]:
    yield
    station.device("backend", "rules", online="off", hold_s=86_400)


def held(station: Station, kind: str) -> Screen:
    """Bring a session to where the operator's register is silent."""
    station.device("backend", "rules", online="silent")
    screen = station.start()
    screen.ready()
    station.device("desk", "start", kind=kind)
    assert screen.wait("view", step="hold")["code"] == "H114"
    return screen


@pytest.mark.clause("TB-12")
@pytest.mark.parametrize("kind", ["T01", "T05"])
def test_hold_ends_well_once_the_register_answers(station: Station, kind: str) -> None:
    screen = held(station, kind)
    assert station.device("sim_card", "state")["updates"] == 0
    station.device("backend", "rules", online="off")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert "hold" in begun(screen)
    assert_clean_end(station, result, written=kind == "T01")


def test_hold_survives_a_power_cut(station: Station) -> None:
    held(station, "T05")
    station.stop(signal.SIGKILL)
    screen = station.start()
    screen.wait("view", step="hold")
    station.device("backend", "rules", online="off")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result, written=False)


@pytest.mark.clause("TB-12")
def test_hold_whose_time_is_over_is_never_accepted_unchecked(station: Station) -> None:
    station.device("backend", "rules", hold_s=1)
    screen = held(station, "T01")
    result = screen.result()
    assert result["outcome"] in {"H114", "R207"}  # the terminal's own end of it, or the operator's, whoever is first
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)
