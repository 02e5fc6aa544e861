# SPDX-License-Identifier: Apache-2.0
"""DS-05, GA-36 through a whole session: the pictures that a record stands for are the marked ones, and no others are left anywhere."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import cbor2
import pytest

from firmware.core import events
from firmware.journal import Journal
from firmware.runtime.clock import Clock
from simulators.camera.picture import take_page
from tests.support import evidence
from tests.support.station import Station
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_HALL = "backend=--channel=1"
"""Only there a document without a chip is enough."""


@pytest.fixture
def hall() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace", "--option", OWN_HALL)
    try:
        station.provision()
        yield station
    finally:
        station.close()


def digest(page: tuple[str, int], text: str, frame: int) -> bytes:
    """Return the digest of what the camera saw in ``frame``, marked."""
    return hashlib.sha256(evidence.marked(take_page(page[0], "zhang", page[1], frame), text)).digest()


@pytest.mark.slow
@pytest.mark.clause("DS-05", "GA-36")
def test_pages_and_papers_of_a_session_are_recorded_as_their_marked_pictures(hall: Station) -> None:
    screen = hall.start()
    screen.ready()
    hall.device("desk", "start", kind="T08", document="D02", modifiers="P", line="8612000000001")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert hall.device("document_camera", "frames")["count"] == 3
    operator = json.loads((hall.state_dir / "trust/trust.json").read_bytes())["operator_id"].upper()
    text = f"{operator} / T08 / {Clock(0).today()} / {result['session'].upper()}"
    pages = [digest(("D02", number), text, number) for number in (1, 2)]
    paper = digest(("P-A", 1), text, 3)
    assert_clean_end(hall, result, written=False)
    journal = Journal.open(hall.state_dir / "journal.db", hall.store_key())
    rows = [events.decode(row.kind, row.payload) for row in journal.rows(bytes.fromhex(result["session"]))]
    journal.close()
    told = {row.step: row.evidence for row in rows if isinstance(row, events.StepDone)}
    assert told["document"] == hashlib.sha256(cbor2.dumps(["D02", *pages], canonical=True)).digest()
    assert told["papers"] == hashlib.sha256(cbor2.dumps([paper], canonical=True)).digest()
