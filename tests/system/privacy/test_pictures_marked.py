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
from tests.support import canary, evidence
from tests.support.station import Station
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_HALL = "backend=--channel=1"
"""Only there a document without a chip is enough."""
FACE = slice(490, 610)
"""Columns of the face on the page."""


@pytest.fixture
def hall() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace", "--option", OWN_HALL)
    try:
        station.provision()
        yield station
    finally:
        station.close()


def picture(document: str, page: int, text: str, frame: int) -> bytes:
    """Return what the camera saw in ``frame``, marked."""
    return evidence.marked(take_page(document, "zhang", page, frame), text)


def digest(image: bytes) -> bytes:
    return hashlib.sha256(image).digest()


def held(station: Station, image: bytes) -> int:
    """Return how many of the terminal's processes hold a piece of the face on a page."""
    pieces = [row[FACE] for row in evidence.rows_of(image) if len(set(row[FACE])) > 3]
    assert len(pieces) > 20
    return sum(bool(canary.holds(pid, pieces)) for pid in canary.processes(station))


@pytest.mark.slow
@pytest.mark.clause("DS-05", "GA-36", "O25-09b")
def test_pages_and_papers_of_a_session_are_recorded_as_their_marked_pictures(hall: Station) -> None:
    screen = hall.start()
    screen.ready()
    hall.fault("desk", at="confirm", do="hold")
    hall.device("desk", "start", kind="T08", document="D02", modifiers="P", line="8612000000001")
    assert hall.device("desk", "wait_held", timeout=30)["held"]
    session = screen.session()
    assert session is not None
    operator = json.loads((hall.state_dir / "trust/trust.json").read_bytes())["operator_id"].upper()
    text = f"{operator} / T08 / {Clock(0).today()} / {session.upper()}"
    pictures = [picture("D02", 1, text, 1), picture("D02", 2, text, 2), picture("P-A", 1, text, 3)]
    assert held(hall, pictures[0]) == 1  # the terminal itself, while the session runs
    hall.device("desk", "release")
    result = screen.result()
    assert (result["outcome"], result["session"]) == ("ACTIVE", session)
    screen.ready()
    assert held(hall, pictures[0]) == 0
    assert hall.device("document_camera", "frames")["count"] == 3
    assert_clean_end(hall, result, written=False)
    journal = Journal.open(hall.state_dir / "journal.db", hall.store_key())
    rows = [events.decode(row.kind, row.payload) for row in journal.rows(bytes.fromhex(result["session"]))]
    journal.close()
    told = {row.step: row.evidence for row in rows if isinstance(row, events.StepDone)}
    assert told["document"] == digest(cbor2.dumps(["D02", *map(digest, pictures[:2])], canonical=True))
    assert told["papers"] == digest(cbor2.dumps([digest(pictures[2])], canonical=True))
