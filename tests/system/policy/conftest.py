# SPDX-License-Identifier: Apache-2.0
"""One station for the policy tests of a process; each test finds the packs as they were provisioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKS = "policy/packs.cbor"


@pytest.fixture(scope="module")
def shared_counter() -> Iterator[Station]:
    counter = Station("--option", "id_reader=--no-pace")
    try:
        counter.provision()
        yield counter
    finally:
        counter.close()


@pytest.fixture
def counter(shared_counter: Station) -> Iterator[Station]:
    """Yield the station with a blank card in the slot and no terminal running."""
    packs = shared_counter.state_dir / PACKS
    as_sent = packs.read_bytes()
    shared_counter.clear()
    shared_counter.fresh_card()
    yield shared_counter
    shared_counter.stop()
    packs.write_bytes(as_sent)
