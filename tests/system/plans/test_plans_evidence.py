# SPDX-License-Identifier: Apache-2.0
"""Evidence reaches the operator: a reviewer sees them while the record is held, whenever the power went; then the terminal has none."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import select
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from firmware.core import events
from firmware.core.retention import Age
from firmware.core.session import fold
from firmware.core.states import Closed
from firmware.journal import Journal
from firmware.runtime.clock import Clock
from tests.support import canary, evidence
from tests.support.truth import assert_clean_end
from tests.system.plans.serving import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen, Station

HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
OFFICER = "officer-1"
FACE = slice(490, 610)
"""Columns of the face on a page of D02."""
PAGES = {"page-1", "page-2"}
BROUGHT = PAGES | {"agreement"}
"""Everything of a T01 with D02 that goes to the operator."""
SERVED: dict[str, tuple[dict[str, str], set[str]]] = {
    "T01": ({"kind": "T01", "document": "D02"}, PAGES),
    "T09": ({"kind": "T09", "document": "U01"}, {"page-1", "U-A", "U-B", "U-C"}),
}
"""Kind → what is asked for, and the pictures its reviewer gets to see."""


@pytest.fixture(autouse=True)
def reviewer(station: Station) -> Iterator[None]:
    """Let a reviewer see what nobody could read here."""
    station.device("backend", "rules", review_sources=["image"])
    yield
    station.device("backend", "rules", review_sources=[], online="off")


def begun(station: Station, kind: str = "T01") -> tuple[Screen, str]:
    """Begin a session whose pictures a reviewer must see; returns the screen and the session."""
    screen = station.start()
    screen.ready()
    station.device("desk", "start", **SERVED[kind][0])
    return screen, screen.wait("step", phase="begin")["session"]


def pulled(station: Station) -> None:
    """Pull the plug, and wait until the terminal's workers have let go of their ports."""
    ends = [os.pidfd_open(pid) for pid in canary.processes(station)]
    station.stop(signal.SIGKILL)
    for end in ends:
        dead, _, _ = select.select([end], [], [], 20)
        os.close(end)
        assert dead


def reported(station: Station, session: str) -> None:
    """Wait until the operator was told how a session ended."""
    end = time.monotonic() + 60
    while not [row for row in station.operator()["results"] if row["session"] == session]:
        assert time.monotonic() < end
        time.sleep(0.05)


def named(station: Station, session: str) -> dict[str, dict[str, Any]]:
    """Return what the operator expects of a session, by word."""
    return {row["word"]: row for row in station.device("backend", "evidence", session=session)["evidence"]}


def came(station: Station, session: str, words: set[str]) -> dict[str, dict[str, Any]]:
    """Wait until the operator has the pictures ``words``."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = named(station, session)
        if words <= {word for word, row in found.items() if row["stored"]}:
            return found
        time.sleep(0.05)
    raise AssertionError(named(station, session))


def state_of_operator(station: Station) -> Path:
    return Path(station.facts["ca"]).parent


def objects(station: Station) -> set[str]:
    return {path.name for path in (state_of_operator(station) / "evidence").iterdir()}


def looked_at(station: Station, session: str, digest: str) -> bytes:
    """Return a picture as the reviewer sees it: fetched from the gateway, opened with the vault's key."""
    shown = station.device("backend", "look", session=session, digest=digest, officer=OFFICER)
    key = X25519PrivateKey.from_private_bytes((state_of_operator(station) / "vault-key.raw").read_bytes())
    return HPKE.decrypt(base64.b64decode(shown["sealed"]), key, bytes.fromhex(shown["info"]))


def passed(station: Station, session: str) -> None:
    station.device("backend", "review", session=session, verdict="pass", officer=OFFICER)


def mark(station: Station, session: str, kind: str) -> str:
    operator = json.loads((station.state_dir / "trust/trust.json").read_bytes())["operator_id"].upper()
    return f"{operator} / {kind} / {Clock(0).today()} / {session.upper()}"


@pytest.mark.slow
@pytest.mark.clause("DS-05", "DS-11", "KYX-4", "O25-09b")
@pytest.mark.parametrize("kind", SERVED)
def test_reviewer_sees_the_marked_pictures_of_a_held_record_and_the_business_goes_on(station: Station, kind: str) -> None:
    screen, session = begun(station, kind)
    assert screen.wait("view", step="hold")["code"] == "H114"
    found = came(station, session, SERVED[kind][1])
    for word in SERVED[kind][1]:
        evidence.assert_marked(looked_at(station, session, found[word]["digest"]), mark(station, session, kind), across=True)
    looks = [event["detail"] for event in station.device("backend", "events", subject=session)["events"] if event["kind"] == "looked"]
    assert sorted(looks) == sorted(f"{OFFICER} {found[word]['digest']}" for word in SERVED[kind][1])
    passed(station, session)
    result = screen.result()
    assert (result["outcome"], result["session"]) == ("ACTIVE", session)
    assert_clean_end(station, result)


CUTS = {
    "record durable": ("approve", "hold"),
    "first picture on its way": ("evidence", "hold"),
    "first picture stored, not confirmed": ("evidence_done", "hold"),
    "last picture stored, not confirmed": ("evidence_done#2", "hold"),
}


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
def test_power_cut_between_capture_and_confirmation_loses_no_picture_and_doubles_none(station: Station, cut: str) -> None:
    before = objects(station)
    station.fault("backend", at=CUTS[cut][0], do=CUTS[cut][1])
    _, session = begun(station)
    assert station.device("backend", "wait_held", timeout=60)["held"]
    pulled(station)
    station.device("backend", "release")
    screen = station.start()
    screen.wait("view", timeout=60, step="hold")
    found = came(station, session, BROUGHT)
    for word in PAGES:
        evidence.assert_marked(looked_at(station, session, found[word]["digest"]), mark(station, session, "T01"), across=True)
    assert len(objects(station) - before) == len(BROUGHT)
    passed(station, session)
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result)
    assert len(objects(station) - before) == len(BROUGHT)


@pytest.mark.slow
def test_power_cut_after_the_confirmation_lets_the_hold_go_on(station: Station) -> None:
    before = objects(station)
    screen, session = begun(station)
    screen.wait("view", step="hold")
    came(station, session, BROUGHT)
    pulled(station)
    passed(station, session)
    result = station.start().result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result)
    assert len(objects(station) - before) == len(BROUGHT)


def pieces(image: bytes) -> list[bytes]:
    """Return pieces of the face on a page, row by row."""
    found = [row[FACE] for row in evidence.rows_of(image) if len(set(row[FACE])) > 3]
    assert len(found) > 20
    return found


def in_files(station: Station, image: bytes) -> list[str]:
    """Return the terminal's files that hold a piece of the face on a page."""
    files = [path for folder in (station.state_dir, station.root / "run") for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(piece in path.read_bytes() for piece in pieces(image))]


def items(station: Station, session: str) -> tuple[str, ...]:
    """Return the names of the sealed items of a session on a terminal that does not run."""
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        return journal.item_names(bytes.fromhex(session))


@pytest.mark.slow
@pytest.mark.clause("DS-09", "DS-10")
def test_refused_by_the_reviewer_the_terminal_keeps_no_picture_and_the_operator_deletes_its_own(station: Station) -> None:
    before = objects(station)
    screen, session = begun(station)
    screen.wait("view", step="hold")
    image = looked_at(station, session, came(station, session, BROUGHT)["page-1"]["digest"])
    pulled(station)
    assert {"biometric/page-1", "biometric/page-2"} <= set(items(station, session))
    assert in_files(station, image) == []
    station.device("backend", "review", session=session, verdict="R109", officer=OFFICER)
    result = station.start().result()
    assert result["outcome"] == "R109"
    assert_clean_end(station, result)
    assert in_files(station, image) == []
    assert len(objects(station) - before) == len(BROUGHT)
    assert ["pictures", session] in station.device("backend", "sweep")["purged"]
    assert not objects(station) - before


@pytest.mark.slow
@pytest.mark.clause("DS-08", "RC-1")
def test_pictures_kept_to_the_hard_limit_are_erased(station: Station) -> None:
    screen, session = begun(station)
    screen.wait("view", step="hold")
    pulled(station)
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        assert "biometric/page-1" in journal.item_names(bytes.fromhex(session))
        journal.note_ages({bytes.fromhex(session): Age(0, int(time.time()) - 86_460, b"before the power", 1000, crossed=False)})
    station.start().ready()
    reported(station, session)
    assert station.stop() == 0
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        assert journal.item_names(bytes.fromhex(session)) == ()
        rows = tuple(events.decode(row.kind, row.payload) for row in journal.rows(bytes.fromhex(session)))
    assert fold(rows).state == Closed("R511")


@pytest.mark.slow
def test_port_that_is_down_is_tried_again_and_the_card_waits_for_it(station: Station) -> None:
    station.device("backend", "rules", review_sources=[])  # approved at once
    for number in range(1, 4):
        station.fault("backend", at=f"evidence#{number}", do="status", status=503)
    station.fault("backend", at="evidence#4", do="hold")
    screen, session = begun(station)
    assert station.device("backend", "wait_held", timeout=60)["held"]
    assert station.device("sim_card", "state")["updates"] == 0
    station.device("backend", "release")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert {word for word, row in named(station, session).items() if row["stored"]} == BROUGHT
    assert_clean_end(station, result)


@pytest.mark.slow
def test_picture_the_operator_will_not_take_ends_the_session_with_nothing_written(station: Station) -> None:
    station.device("backend", "rules", review_sources=[])
    station.fault("backend", at="evidence", do="status", status=422, code="EVIDENCE_REJECTED")
    screen, session = begun(station)
    result = screen.result()
    assert (result["outcome"], result["session"]) == ("R802", session)
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)


@pytest.mark.slow
def test_agreement_reaches_the_operator_as_it_was_signed(station: Station) -> None:
    station.device("backend", "rules", review_sources=[], online="silent")  # a hold, whoever it waits for
    screen = station.start()
    screen.ready()
    station.device("desk", "start", kind="T01")
    session = screen.wait("view", step="hold")["session"]
    digest = came(station, session, {"agreement"})["agreement"]["digest"]
    document, strokes, salt = cbor2.loads(looked_at(station, session, digest))
    parts = [hashlib.sha256(document).digest(), hashlib.sha256(salt + strokes).digest()]
    assert hashlib.sha256(cbor2.dumps(parts, canonical=True)).hexdigest() == digest
    assert session in json.dumps(cbor2.loads(document), default=repr)  # drawn up for this session
    station.device("backend", "rules", online="off")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    assert record(station, result)[263].hex() == digest
    assert_clean_end(station, result)
