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


def printed(station: Station) -> list[list[str]]:
    papers: list[list[str]] = station.device("printer", "receipts")["receipts"]
    return papers


def codes(paper: list[str]) -> list[str]:
    """Return the codes a paper has; none: it is a receipt."""
    return [line.removeprefix("代码 Code: ") for line in paper if line.startswith("代码 Code: ")]


@pytest.mark.clause("TB-12")
@pytest.mark.parametrize("kind", ["T01", "T05"])
def test_hold_ends_well_once_the_register_answers(station: Station, kind: str) -> None:
    paper = len(printed(station))
    screen = held(station, kind)
    assert station.device("sim_card", "state")["updates"] == 0
    [slip] = printed(station)[paper:]
    shown = screen.last("slip")
    assert (shown["code"], shown["printed"]) == ("H114", True)
    assert codes(slip) == ["H114"]
    for part in ("neither refused nor passed", "resumes by itself", "时间 Until: 20", "投诉电话 Complaints: 10086", "wait here"):
        assert part in " ".join(slip)
    assert "10086" in shown["html"]
    station.device("backend", "rules", online="off")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert "hold" in begun(screen)
    assert_clean_end(station, result, written=kind == "T01")


def test_hold_survives_a_power_cut(station: Station) -> None:
    paper = len(printed(station))
    held(station, "T05")
    station.stop(signal.SIGKILL)
    screen = station.start()
    screen.wait("view", step="hold")
    station.device("backend", "rules", online="off")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result, written=False)
    slip, receipt = printed(station)[paper:]
    assert (codes(slip), codes(receipt)) == (["H114"], [])


@pytest.mark.clause("TB-12")
def test_hold_whose_time_is_over_is_never_accepted_unchecked(station: Station) -> None:
    paper = len(printed(station))
    station.device("backend", "rules", hold_s=1)
    screen = held(station, "T01")
    result = screen.result()
    assert result["outcome"] in {"H114", "R207"}  # the terminal's own end of it, or the operator's, whoever is first
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)
    found = [code for slip in printed(station)[paper:] for code in codes(slip)]
    assert found == (["H114"] if result["outcome"] == "H114" else ["H114", "R207"])  # each code once


def test_slip_of_a_hold_without_paper_is_on_the_screen_and_printed_after_the_restart(station: Station) -> None:
    paper = len(printed(station))
    station.device("printer", "paper", present=False)
    try:
        shown = held(station, "T05").last("slip")
        assert (shown["code"], shown["printed"]) == ("H114", False)
        station.stop(signal.SIGKILL)
    finally:
        station.device("printer", "paper", present=True)
    screen = station.start()
    screen.wait("view", step="hold")
    assert [codes(slip) for slip in printed(station)[paper:]] == [["H114"]]
    station.device("backend", "rules", online="off")
    assert screen.result()["outcome"] == "ACTIVE"
