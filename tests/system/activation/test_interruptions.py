# SPDX-License-Identifier: Apache-2.0
"""Interrupts at awkward moments: until the approval is spent they end the session, from then on the card is finished and told of."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from tests.support.station import Screen, Station


def held_in_the_write(station: Station) -> Screen:
    """Run a session until the card has its third update in hand."""
    station.fault("sim_card", at="update#3", do="hold")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    assert station.device("sim_card", "wait_held", timeout=20)["held"]
    return screen


def held_at_the_operator(station: Station) -> Screen:
    """Run a session until the operator has the record and has not answered."""
    station.fault("backend", at="approve", do="hold")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    assert station.device("backend", "wait_held", timeout=20)["held"]
    return screen


def processes(station: Station) -> list[int]:
    """Return the terminal and its workers, as a service manager or a console signals them."""
    if station.terminal is None:
        raise AssertionError("no terminal runs")
    pid = station.terminal.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_of_the_whole_group_in_the_write_finishes_the_card(station: Station, number: signal.Signals) -> None:
    screen = held_in_the_write(station)
    for pid in processes(station):
        os.kill(pid, number)
    station.device("sim_card", "release")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert station.ended() == 0
    assert_clean_end(station, result)


def test_tamper_in_the_write_finishes_the_card_and_then_stops_all_work(station: Station) -> None:
    screen = held_in_the_write(station)
    try:
        station.device("controller", "tamper", open=True)
        station.device("sim_card", "release")
        result = screen.result()
        assert result["outcome"] == "ACTIVE"
        assert screen.wait("view", state="out_of_service")["code"] == "R506"
        assert_clean_end(station, result)
    finally:
        station.replace_controller()


def test_stop_while_the_operator_thinks_is_r803_and_reported(station: Station) -> None:
    screen = held_at_the_operator(station)
    for pid in processes(station):
        os.kill(pid, signal.SIGTERM)
    result = screen.result()
    station.device("backend", "release")
    assert result["outcome"] == "R803"
    assert station.device("sim_card", "state")["updates"] == 0
    assert station.terminal is not None
    assert station.terminal.wait(20) == 0
    station.start().ready()
    assert_clean_end(station, result)


def test_sim_worker_killed_in_the_write_voids_the_card(station: Station) -> None:
    screen = held_in_the_write(station)
    station.kill_worker("sim_card")
    station.device("sim_card", "release")
    result = screen.result()
    assert result["outcome"] == "R711"
    assert_clean_end(station, result)


@pytest.mark.parametrize(("device", "prompt"), [("camera", "agreement"), ("printer", "agreement"), ("controller", "agreement")])
def test_worker_killed_while_a_person_thinks_is_replaced(station: Station, device: str, prompt: str) -> None:
    station.fault("desk", at=prompt, do="hold")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    assert station.device("desk", "wait_held", timeout=20)["held"]
    station.kill_worker(device)
    station.device("desk", "release")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result)


def test_business_no_pack_offers_is_r410_on_the_ready_view(station: Station) -> None:
    screen = station.start()
    screen.ready()
    station.device("desk", "start", kind="T99")
    assert screen.wait("view", state="closed")["code"] == "R410"
    assert screen.wait("view", state="ready")["last"]["outcome"] == "R410"
    station.device("desk", "start")
    assert screen.result()["outcome"] == "ACTIVE"
