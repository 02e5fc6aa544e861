# SPDX-License-Identifier: Apache-2.0
"""One station for all power cuts of a test process; each cut gets a fresh card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cut_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write("\n[patience]\nperson_s = 20\ncard_back_s = 3\n")
        station.provision()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(cut_station: Station) -> Iterator[Station]:
    cut_station.clear()
    cut_station.forget_numbers()
    cut_station.fresh_card()
    yield cut_station
    cut_station.stop()
