# SPDX-License-Identifier: Apache-2.0
"""One station for all documents: starting a rig costs seconds, a session does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        station.provision()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(shared_station: Station) -> Iterator[Station]:
    """Yield the station with a fresh blank card in the slot and no terminal running."""
    shared_station.clear()
    shared_station.forget_numbers()
    shared_station.fresh_card()
    yield shared_station
    shared_station.stop()
    shared_station.clear()
