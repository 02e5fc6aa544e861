# SPDX-License-Identifier: Apache-2.0
"""One station for all activations of a test process: starting a rig costs seconds, a session does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = "\n[patience]\nperson_s = 3\ncard_back_s = 1.5\n"


@pytest.fixture(scope="session")
def shared_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write(PATIENCE)
        station.provision()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(shared_station: Station) -> Iterator[Station]:
    """Yield the station with a fresh blank card in the slot, well-behaved devices and people, and no terminal running."""
    shared_station.clear()
    shared_station.forget_numbers()
    shared_station.fresh_card()
    yield shared_station
    shared_station.stop()
    shared_station.clear()
