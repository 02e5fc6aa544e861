# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the real terminal at the rows that only plans without a card have; then it starts again and the world is checked."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.crash.terminal.test_power_cuts import CUT
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from tests.support.station import Station

RECORDED = ("opened", "notice", "document", "check", "portrait", "confirm", "record-signed", "accepted", "acknowledged", "receipt-done")
STORED = ("opened", "notice", "document", "check", "portrait", "agreement", "confirm", "seal", "record-signed", "stored", "accepted")
HELD = ("opened", "notice", "document", "check", "portrait", "confirm", "record-signed", "held", "receipt-done")


def cut(station: Station, when: str, row: int, **wish: str) -> str:
    """Run a session of ``wish`` until its power is gone; returns the session."""
    screen = station.start(CUT, "--cut", f"{when}:{row}")
    screen.ready()
    station.device("desk", "start", **wish)
    if station.terminal is None:
        raise AssertionError("the terminal was never started")
    assert station.terminal.wait(40) == -signal.SIGKILL
    station.terminal = None
    session = screen.session()
    assert session is not None
    return session


def verdicts(station: Station, session: str) -> list[str]:
    """Return what the operator was told of a session, once it was told."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := [row["outcome"] for row in station.operator()["results"] if row["session"] == session]:
            return found
        time.sleep(0.1)
    return []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "row", "outcome"),
    [
        ("after", "confirm", "R803"),
        ("after", "record-signed", "ACTIVE"),
        ("before", "accepted", "ACTIVE"),
        ("after", "accepted", "ACTIVE"),
        ("before", "acknowledged", "ACTIVE"),
        ("after", "acknowledged", "ACTIVE"),
    ],
)
def test_cut_at_row_of_a_plan_without_a_card_ends_by_the_rule(station: Station, when: str, row: str, outcome: str) -> None:
    session = cut(station, when, RECORDED.index(row) + 1, kind="T08")
    station.start().ready()
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, {"session": session, "outcome": outcome}, written=False)


@pytest.mark.slow
@pytest.mark.parametrize(("when", "row"), [("after", "record-signed"), ("before", "stored"), ("after", "stored"), ("before", "accepted")])
def test_cut_around_a_capsule_hands_it_over_once_and_writes_nothing(station: Station, when: str, row: str) -> None:
    session = cut(station, when, STORED.index(row) + 1, kind="T16", modifiers="S")
    station.start().ready()
    assert verdicts(station, session) == ["accepted"]
    assert station.device("sim_card", "state")["updates"] == 0
    assert not [number for number in station.operator()["numbers"] if number["session"] == session]


@pytest.mark.slow
@pytest.mark.parametrize(("when", "row"), [("before", "held"), ("after", "held"), ("after", "receipt-done")])
def test_cut_around_the_beginning_of_a_hold_leaves_the_subscriber_with_one_slip(station: Station, when: str, row: str) -> None:
    paper = len(station.device("printer", "receipts")["receipts"])
    station.device("backend", "rules", online="silent")
    try:
        session = cut(station, when, HELD.index(row) + 1, kind="T05")
        for _ in range(2):  # the second time it is cut in the hold itself
            screen = station.start()
            assert screen.wait("view", step="hold")["code"] == "H114"
            station.stop(signal.SIGKILL)
    finally:
        station.device("backend", "rules", online="off")
    screen = station.start()
    assert screen.result()["session"] == session
    assert_clean_end(station, {"session": session, "outcome": "ACTIVE"}, written=False)
    slip, receipt = station.device("printer", "receipts")["receipts"][paper:]
    assert "代码 Code: H114" in slip
    assert not [line for line in receipt if line.startswith("代码")]
