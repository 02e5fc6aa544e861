# SPDX-License-Identifier: Apache-2.0
"""The reader's ladder through the real stacks: terminal, driver, controller firmware, load switch, reader. Power is its last rung."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from hal.deadline import Deadline

if TYPE_CHECKING:
    from tests.support.station import Station


def notes(station: Station) -> list[str]:
    """Return what the simulated reader noted of its supply."""
    path = station.facts["devices"]["id_reader"]["transcript"]
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # a path out of the rig's list
        entries: list[dict[str, Any]] = [json.loads(line) for line in file]
    return [entry["note"] for entry in entries if entry["note"].startswith("supply")]


def switched(station: Station) -> int:
    """Return how often the controller took the reader's power away."""
    lines = station.device("controller", "light")
    assert lines["reader_power"] is True
    return len(lines["reader_off_ms"])


def statuses(station: Station) -> int:
    """Return how often the reader was asked for its status."""
    return int(station.device("id_reader", "counts")["counts"]["status"])


@pytest.mark.slow
def test_sam_that_only_power_brings_back_costs_the_session_time_and_nothing_else(station: Station) -> None:
    screen = station.start()
    screen.ready()
    known, before, counted = len(notes(station)), switched(station), dict(station.device("id_reader", "counts")["counts"])
    station.fault("id_reader", at="find", do="hang")
    station.device("desk", "start")
    assert screen.result()["outcome"] == "ACTIVE"
    assert switched(station) == before + 1
    assert notes(station)[known:] == ["supply off", "supply on"]
    after = station.device("id_reader", "counts")["counts"]
    assert after["read"] == counted.get("read", 0) + 1
    screen.ready()


@pytest.mark.slow
def test_reader_that_nothing_helps_is_r516_in_words_and_its_power_is_not_switched_twice(station: Station) -> None:
    screen = station.start()
    screen.ready()
    before = switched(station)
    for event in ("find", "reset", "status", "samid"):
        station.fault("id_reader", at=event, do="drop", times=0)
    station.device("desk", "start")
    assert screen.result()["outcome"] == "R516"
    closed = screen.last("view", state="closed")
    assert (closed["code"], closed["step"]) == ("R516", None)
    assert closed["sentence"] == {
        "zh": "读卡器无响应。请检查读卡器电源和连线后重试，仍不行请更换（代码 R516）",
        "en": "the ID reader does not answer: check its power and cable and try again; else replace it (code R516)",
    }
    assert screen.wait("view", state="out_of_service")["code"] == "R516"
    asked = statuses(station)
    deadline = Deadline.after(30)
    while statuses(station) == asked:  # the terminal goes on asking
        deadline.check()
        time.sleep(0.05)
    assert switched(station) == before + 1
    station.device("id_reader", "clear_faults")
    screen.ready()
    assert switched(station) == before + 1
