# SPDX-License-Identifier: Apache-2.0
"""A short history of one journal: run by a child process that is killed or traced, and known to the test that judges what is left.

``python -m tests.crash.journal.journal_history PATH HISTORY [--normal]`` performs the history and writes ``ack N`` after the Nth step
became durable. ``--normal`` weakens the flush behind the journal's back: the harness must notice.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from firmware.core.retention import Age
from firmware.journal import ItemGone, Journal, RecordLink, Spend, merkle
from firmware.journal.entry import CLOSES, ERASES, Entry

STORE_KEY = bytes(range(32))
PICTURE = "biometric/live"
NAMES = ("holder", "key", "portrait", "x", PICTURE)
A, B = b"a" * 16, b"b" * 16


@dataclass(frozen=True)
class Step:
    """One append, or a raised floor when ``floor`` is set, or the session's age noted when ``lived_ms`` is."""

    session: bytes = A
    payload: bytes = b""
    items: dict[str, bytes] = field(default_factory=dict)
    spend: Spend | None = None
    record: RecordLink | None = None
    erase: bool = False
    close: bool = False
    floor: int = 0
    lived_ms: int = 0


def _bytes(label: str, size: int) -> bytes:
    return b"".join(sha256(f"{label}{number}".encode()).digest() for number in range(size // 32 + 1))[:size]


SPEND = Spend(_bytes("approval", 16), _bytes("nonce", 16), _bytes("record", 32))
HISTORIES: dict[str, tuple[Step, ...]] = {
    "activation": (
        Step(payload=b"opened"),
        Step(payload=_bytes("document", 300), items={"holder": _bytes("holder", 700), PICTURE: _bytes("live", 900)}),
        Step(floor=1_700_000_000),
        Step(lived_ms=600_000),
        Step(payload=_bytes("signed", 1500), record=RecordLink(1, _bytes("record", 32)), items={"key": _bytes("key", 32)}),
        Step(payload=b"write", spend=SPEND),
        Step(payload=b"written"),
        Step(payload=b"expired", erase=True),
        Step(lived_ms=1_200_000),
        Step(payload=b"reported", close=True),
        Step(session=B, payload=b"next"),
    ),
    "large": (
        Step(payload=_bytes("big", 9000)),
        Step(payload=b"portrait", items={"portrait": _bytes("portrait", 20_000)}),
        Step(payload=b"again", items={"portrait": _bytes("portrait2", 5000)}),
        Step(payload=b"gone", erase=True),
        Step(payload=_bytes("after", 3000)),
    ),
    "two": (
        *(Step(session=(A, B)[number % 2], payload=_bytes(f"row{number}", 100 * number)) for number in range(6)),
        Step(session=A, items={"x": b"secret of A, long enough"}),
        Step(session=B, items={"x": b"secret of B, long enough"}),
        Step(session=A, erase=True, close=True),
        Step(session=B, erase=True, close=True),
    ),
}


def age(step: Step) -> Age:
    """Return the age a step notes."""
    return Age(step.lived_ms, 1_700_000_000, b"boot" * 4, step.lived_ms, crossed=False)


def perform(journal: Journal, step: Step) -> None:
    if step.floor:
        journal.raise_time_floor(step.floor)
        return
    if step.lived_ms:
        journal.note_ages({step.session: age(step)})
        return
    journal.append(
        step.session,
        "k",
        step.payload,
        items=step.items,
        spend=step.spend,
        record=step.record,
        erase=step.erase,
        close=step.close,
    )


def state(journal: Journal) -> tuple[Any, ...]:
    """Everything the journal can be asked."""
    items = []
    for session in (A, B):
        for name in NAMES:
            try:
                items.append(journal.item(session, name))
            except ItemGone:
                items.append(b"(gone)")
    rows = tuple((row.seq, row.payload) for session in (A, B) for row in journal.rows(session))
    spent = tuple(journal._store.query("SELECT approval_id, nonce, record FROM spent"))
    ages = journal.noted_ages()
    return rows, journal.open_sessions(), journal.last_record(), journal.time_floor(), journal.audit_head(), spent, tuple(items), ages


def expected_states(steps: tuple[Step, ...]) -> list[tuple[Any, ...]]:
    """What :func:`state` must say after 0, 1, … steps, worked out without a journal."""
    rows: list[tuple[bytes, int, bytes]] = []
    still_open: dict[bytes, None] = {}
    items: dict[tuple[bytes, str], bytes] = {}
    tree, link, floor, spent = merkle.Frontier(), RecordLink(0, bytes(32)), 0, []
    ages: dict[bytes, Age] = {}
    states = []
    for step in (None, *steps):
        if step and step.floor:
            floor = step.floor
        elif step and step.lived_ms:
            ages = {**ages, step.session: age(step)}
        elif step:
            flags = (ERASES if step.erase else 0) | (CLOSES if step.close else 0)
            entry = Entry(len(rows) + 1, step.session, flags, "k", step.payload, step.spend, step.record)
            tree = tree.append(merkle.leaf_hash(entry.digest()))
            rows.append((step.session, entry.seq, step.payload))
            still_open[step.session] = None
            items |= {(step.session, name): content for name, content in step.items.items()}
            link = step.record or link
            spent += [(step.spend.approval_id, step.spend.nonce, step.spend.record)] if step.spend else []
            if step.erase:
                items = {place: content for place, content in items.items() if place[0] != step.session}
            if step.close:
                del still_open[step.session]
                ages = {session: noted for session, noted in ages.items() if session != step.session}
        listed = tuple((seq, payload) for session in (A, B) for owner, seq, payload in rows if owner == session)
        held = tuple(items.get((session, name), b"(gone)") for session in (A, B) for name in NAMES)
        states.append((listed, tuple(still_open), link, floor, (tree.size, tree.root()), tuple(spent), held, ages))
    return states


def main(path: str, history: str, *options: str) -> None:
    journal = Journal.open(Path(path), STORE_KEY)
    if "--normal" in options:
        journal._store.execute("PRAGMA synchronous=NORMAL")
    os.write(1, b"ack 0\n")
    for number, step in enumerate(HISTORIES[history], start=1):
        perform(journal, step)
        os.write(1, b"ack %d\n" % number)
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
