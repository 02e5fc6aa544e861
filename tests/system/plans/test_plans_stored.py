# SPDX-License-Identifier: Apache-2.0
"""Store-and-forward: the capsule waits while the operator is away, is handed over when it is back, and no card is ever written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from firmware.core import events
from firmware.journal import ItemGone, Journal
from tests.system.plans.serving import begun, record, serve

if TYPE_CHECKING:
    from tests.support.station import Station

STEPS = ("notice", "document", "check", "portrait", "agreement", "confirm", "seal", "record", "store")


def kept(station: Station, session: bytes) -> tuple[list[str], set[str]]:
    """Return the names of the session's rows, and which of its items can still be opened."""
    journal = Journal.open(station.state_dir / "journal.db", station.store_key())
    try:
        found = set()
        for name in ("record", "items", "masked", "profile-key"):
            try:
                journal.item(session, name)
            except ItemGone:
                continue
            found.add(name)
        return [row.kind for row in journal.rows(session)], found
    finally:
        journal.close()


def wait_for_result(station: Station, session: str) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [row["outcome"] for row in station.operator()["results"] if row["session"] == session]
        if found:
            return str(found[0])
        time.sleep(0.1)
    raise AssertionError("the capsule was never handed over")


def test_capsule_waits_closed_survives_a_restart_and_is_handed_over_without_a_write(station: Station) -> None:
    station.fault("backend", at="approve", do="hangup", times=4)
    screen = station.start()
    screen.ready()
    result = serve(station, screen, "T16", modifiers="S")
    assert result["outcome"] == "STORED"
    assert begun(screen)[: len(STEPS)] == STEPS
    assert station.device("printer", "receipts")["receipts"][-1][0].startswith("离线采集凭条")
    station.stop()
    rows, items = kept(station, bytes.fromhex(result["session"]))
    assert "stored" in rows
    station.start().ready()
    assert wait_for_result(station, result["session"]) == "accepted"
    station.stop()
    rows, items = kept(station, bytes.fromhex(result["session"]))
    assert (rows[-1], items) == ("acknowledged", set())
    assert "erased" not in rows
    claims = record(station, result)
    assert (claims[257], claims[278], 264 in claims) == ("T16", ["S"], False)
    assert station.device("sim_card", "state")["updates"] == 0
    assert not [row for row in station.operator()["numbers"] if row["session"] == result["session"]]
    assert events.KINDS["stored"] is events.Stored
