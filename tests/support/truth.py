# SPDX-License-Identifier: Apache-2.0
"""What must be true after a session, whatever happened: the invariants of reliability, checked against all parties.

I1 no card update before an approval · I2 an approval is spent at most once · I3 every approval ends in one of active or released · I4 what
was acknowledged is in the journal · I8 the audit tree fits the rows (``Journal.open`` refuses otherwise) · I9 no personal data at rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from firmware.core import events
from firmware.core.session import fold
from firmware.core.states import Closed
from firmware.journal import ItemGone, Journal
from firmware.keystore import SealBroken
from simulators.personas import PERSONAS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.station import Station

PERSONAL = ("record", "items", "agreement", "profile-key", "profile", "masked", "told", "card", "card_answers")
ENCODINGS = ("utf-8", "utf-16-le", "gb18030")


def assert_clean_end(station: Station, result: dict[str, Any], *, written: bool = True) -> None:
    """Assert that the session of ``result`` ended with its one outcome everywhere. Stops the terminal to read its journal.

    ``written``: its business writes a card when it ends well.
    """
    session = bytes.fromhex(result["session"])
    wait_until_settled(station, result["session"])
    assert station.stop() == 0
    check_journal(station, session, result["outcome"])
    check_operator(station.operator(), result["session"], result["outcome"], written=written)
    assert_no_personal_data(station)


def wait_until_settled(station: Station, session: str, timeout: float = 15.0) -> None:
    """Wait until the operator has a result for every approval it gave in ``session``."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        operator = station.operator()
        approved = any(row["session"] == session and row["outcome"] == "approved" for row in operator["activations"])
        reported = any(row["session"] == session for row in operator["results"])
        if reported or not approved:
            return
        time.sleep(0.05)
    raise AssertionError("the operator was never told how the session ended")


def check_journal(station: Station, session: bytes, outcome: str) -> None:
    """Open the journal as the terminal would, or without its key where a tampered controller took it, and check the session's rows."""
    try:
        store_key = station.store_key()
    except SealBroken:
        store_key = None
    journal = Journal.open(station.state_dir / "journal.db", store_key)
    try:
        history = tuple(events.decode(row.kind, row.payload) for row in journal.rows(session))
        stands = fold(history)
        assert stands.state == Closed(outcome)
        assert session not in journal.open_sessions()
        assert sum(isinstance(event, events.Erased) for event in history) == 1
        for name in PERSONAL:
            try:
                journal.item(session, name)
            except ItemGone:
                continue
            raise AssertionError(f"item {name} survived the session")
        assert journal.item_names(session) == ()
    finally:
        journal.close()


def check_operator(operator: dict[str, Any], session: str, outcome: str, *, written: bool = True) -> None:
    """Check that the operator's side agrees: active if and only if the terminal says so, nothing left hanging."""
    numbers = [row for row in operator["numbers"] if row["session"] == session]
    assert len(numbers) <= 1
    states = [row["state"] for row in numbers]
    if outcome == "ACTIVE" and written:
        assert states in (["active"], ["inactive"])  # a unit's card waits for its user
    else:
        assert not {"active", "inactive"} & set(states)
        assert "reserved" not in states
    spent = [row["approval_id"] for row in operator["spent"]]
    assert len(spent) == len(set(spent))


def assert_no_personal_data(station: Station) -> None:
    """Assert that no persona's name, number or address stands in any file the terminal left."""
    needles = {
        text.encode(encoding)
        for persona in PERSONAS.values()
        for text in (persona.name, persona.number, persona.address)
        for encoding in ENCODINGS
        if text and encodable(text, encoding)
    }
    for path in _files(station):
        content = path.read_bytes()
        found = [needle for needle in needles if needle in content]
        assert not found, f"personal data in {path.name}"


def encodable(text: str, encoding: str) -> bool:
    """Return whether ``text`` has a form in ``encoding``."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _files(station: Station) -> Iterator[Path]:
    yield from (path for path in station.state_dir.rglob("*") if path.is_file())
    yield from (path for path in (station.root / "run").rglob("*") if path.is_file())
    yield station.root / "terminal.err"
