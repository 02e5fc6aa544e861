# SPDX-License-Identifier: Apache-2.0
"""One station at an own hall for every kind of business of a test process: there everything is done that is done at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = "\n[patience]\nperson_s = 3\ncard_back_s = 1.5\n"


@pytest.fixture(scope="session")
def plans_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace", "--option", "backend=--channel=1")
    try:
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write(PATIENCE)
        station.provision()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(plans_station: Station) -> Iterator[Station]:
    """Yield the station with a fresh blank card in the slot, well-behaved devices and people, and no terminal running."""
    plans_station.clear()
    plans_station.forget_numbers()
    plans_station.fresh_card()
    yield plans_station
    plans_station.stop()
    plans_station.clear()
