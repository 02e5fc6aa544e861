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


@dataclass(slots=True)
class Counter:
    """A station whose terminal runs on from test to test."""

    station: Station
    screen: Screen

    def play(self, name: str) -> list[dict[str, Any]]:
        """Play every session of a scenario; each must end as the table says. Returns the results, with the ``blank`` brought."""
        return [self.session(session) for session in scenarios.load()[name].sessions]

    def session(self, session: scenarios.Session) -> dict[str, Any]:
        """Stage and play one session, with people and devices as they are at the start of a day."""
        self.station.clear()
        blank = self.station.fresh_card()
        for request in session.stage:
            words = dict(request)
            self.station.device(words.pop("device"), words.pop("cmd"), **words)
        self.station.device("desk", "start", kind=session.kind)
        result = self.screen.result()
        assert result["outcome"] == session.ends
        self.screen.ready()
        return {**result, "blank": blank}

    def untouched(self) -> bool:
        """Whether nothing was written to the card in the slot."""
        return bool(self.station.device("sim_card", "state")["updates"] == 0)

    def numbers(self, result: dict[str, Any]) -> list[str]:
        """Return the states of the numbers the operator has for a session."""
        return [number["state"] for number in self.station.operator()["numbers"] if number["session"] == result["session"]]


@pytest.fixture(scope="session")
def _running() -> Iterator[Counter]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write(PATIENCE)
        station.provision()
        screen = station.start()
        screen.ready()
        yield Counter(station, screen)
    finally:
        station.close()


@pytest.fixture
def counter(_running: Counter) -> Iterator[Counter]:
    """Yield the counter; nobody has a number yet."""
    _running.station.forget_numbers()
    yield _running
    _running.station.clear()
