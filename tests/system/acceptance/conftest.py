# SPDX-License-Identifier: Apache-2.0
"""One counter for all acceptance scenarios of a process, and the way a scenario of the table is played on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from host_tools.demo import scenarios
from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen

PATIENCE = "\n[patience]\nperson_s = 5\ncard_back_s = 1.5\n"


REGISTERS: dict[str, dict[str, Any]] = {
    "rules": {"national": 5, "postpaid": 0, "prepaid": 0, "tariff": "prepaid", "online": "off", "hold_s": 86_400},
    "person": {"number": "990101199003070015"},
    "agent": {"code": "A-1"},
    "clerk": {"staff": "CLERK-7", "agent": "A-1"},
    "site": {"serial": "RNT-000001", "agent": "A-1", "cells": ["c1"], "seen": "c1"},
}
"""The operator's registers as they are when nothing is wrong; put back after a session that changed them."""


@dataclass(slots=True)
class Counter:
    """A station whose terminal runs on from test to test."""

    station: Station
    screen: Screen
    number: str = ""
    """The number the last session was given."""

    def play(self, name: str) -> list[dict[str, Any]]:
        """Play every session of a scenario; each must end as the table says. Returns the results, with the ``blank`` brought."""
        return [self.session(session) for session in scenarios.load()[name].sessions]

    def session(self, session: scenarios.Session) -> dict[str, Any]:
        """Stage and play one session, with people and devices as they are at the start of a day."""
        self.station.clear()
        self.station.device("camera", "uncover")
        blank = self.station.fresh_card()
        changed = set()
        for request in session.stage:
            words = scenarios.filled(dict(request), self.number)
            device, cmd = words.pop("device"), words.pop("cmd")
            self.station.device(device, cmd, **words)
            changed |= {cmd} & REGISTERS.keys() if device == "backend" else set()
        self.station.device("desk", "start", **scenarios.filled(dict(session.wish), self.number))
        if session.begins:
            result = self.screen.result()
        else:
            view = self.screen.wait("view", state="closed")
            result = {"outcome": view["code"], "session": None, "sentence": view["sentence"]}
        for cmd in changed:
            self.station.device("backend", cmd, **REGISTERS[cmd])
        assert result["outcome"] in session.ends
        self.screen.ready()
        mine = [row["msisdn"] for row in self.station.operator()["numbers"] if row["session"] == result["session"]]
        self.number = mine[0] if mine else self.number
        return {**result, "blank": blank}

    def untouched(self) -> bool:
        """Whether nothing was written to the card in the slot."""
        return bool(self.station.device("sim_card", "state")["updates"] == 0)

    def numbers(self, result: dict[str, Any]) -> list[str]:
        """Return the states of the numbers the operator has for a session."""
        return [number["state"] for number in self.station.operator()["numbers"] if number["session"] == result["session"]]


@pytest.fixture(scope="session")
def counters() -> Iterator[dict[tuple[str, ...], Counter]]:
    """Yield the counters that run, by the options of their rig."""
    running: dict[tuple[str, ...], Counter] = {}
    try:
        yield running
    finally:
        for counter in running.values():
            counter.station.close()


@pytest.fixture
def counter(request: pytest.FixtureRequest, counters: dict[tuple[str, ...], Counter]) -> Iterator[Counter]:
    """Yield the counter of the scenario a test is named for; nobody has a number yet."""
    name = "-".join(request.node.name.split("_")[1:3]).upper()
    rig = scenarios.load()[name].rig
    if rig not in counters:
        counters[rig] = begun(rig)
    counters[rig].station.forget_numbers()
    yield counters[rig]
    counters[rig].station.clear()


def begun(rig: tuple[str, ...]) -> Counter:
    """Start a rig with the options of a scenario and a terminal on it."""
    station = Station("--option", "id_reader=--no-pace", *rig)
    try:
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write(PATIENCE)
        station.provision()
        screen = station.start()
        screen.ready()
    except BaseException:
        station.close()
        raise
    return Counter(station, screen)
