# SPDX-License-Identifier: Apache-2.0
"""Rows as they come back from the file, believed only when they hash to what was noted beside them.

Decides whether the file is this terminal's journal and adds up: application and schema number, store key, audit tree, session chains,
record numbers, sealed items. Changes nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firmware.core.retention import Age
from firmware.journal import sealing
from firmware.journal.entry import CHAIN_START, CLOSES, ERASES, Entry, next_chain
from firmware.journal.errors import JournalCorrupt
from firmware.journal.merkle import Frontier, leaf_hash
from firmware.journal.schema import APPLICATION_ID, MIGRATIONS
from firmware.journal.values import CHECKPOINT, FIRST_LINK, CheckpointRow, RecordLink, Spend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware.journal.store import Store

# they grow with the sessions, not with the rows
SMALL_TABLES: Final = (
    "unit",
    "session",
    "spent",
    "record",
    "session_key",
    "item",
    "checkpoint",
    "countersignature",
    "biometric_key",
    "biometric",
    "age",
    "pack_floor",
)
_BATCH: Final = 1024
_COLUMNS: Final = (
    "SELECT r.seq, s.name, r.flags, r.kind, r.payload, p.approval_id, p.nonce, p.record, l.number, l.digest, r.chain, r.root"
    " FROM row r JOIN session s ON s.id = r.session LEFT JOIN spent p ON p.row = r.seq LEFT JOIN record l ON l.row = r.seq"
)
_BY_SEQ: Final = f"{_COLUMNS} WHERE r.seq > ? ORDER BY r.seq LIMIT {_BATCH}"
_BY_SESSION: Final = f"{_COLUMNS} WHERE r.session = ? ORDER BY r.seq"


@dataclass(frozen=True, slots=True)
class Tip:
    """Where an open session stands: its number in the file, the chain over its rows, whether its items are erased."""

    number: int
    chain: bytes
    erased: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A row with the two hashes noted beside it."""

    entry: Entry
    digest: bytes
    chain: bytes
    root: bytes


def _stored(columns: tuple[Any, ...]) -> Stored:
    seq, session, flags, kind, payload, approval_id, nonce, spent, number, link, chain, root = columns
    spend = None if approval_id is None else Spend(approval_id, nonce, spent)
    record = None if number is None else RecordLink(number, link)
    entry = Entry(seq, session, flags, kind, payload, spend, record)
    try:
        return Stored(entry, entry.digest(), chain, root)
    except (TypeError, ValueError, AttributeError, struct.error) as error:  # a column holds what its table would never have taken
        raise JournalCorrupt(f"row {seq} is malformed") from error


def session_rows(store: Store, number: int, tip: Tip | None) -> list[Stored]:
    """Return a session's rows, oldest first, which must end at ``tip``, or closed when there is none; raises :class:`JournalCorrupt`."""
    rows = [_stored(columns) for columns in store.query(_BY_SESSION, (number,))]
    chain = CHAIN_START
    for row in rows:
        chain = next_chain(chain, row.digest)
        if chain != row.chain:
            raise JournalCorrupt(f"chain breaks at row {row.entry.seq}")
    if tip.chain != chain if tip else not (rows and rows[-1].entry.flags & CLOSES):
        raise JournalCorrupt(f"session {number} has lost its last rows")
    return rows


def check_tables(store: Store, *tables: str) -> None:
    """Have SQLite compare the tables (all, when none is named) with their indexes, types and constraints."""
    known = {name for (name,) in store.query("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for argument in known.intersection(tables) if tables else ("1",):  # a file of an older version lacks the later tables
        if store.query(f"PRAGMA integrity_check({argument})") != [("ok",)]:
            raise JournalCorrupt("a table does not match its indexes or types")


def audit_entries(store: Store, after: int) -> Iterator[Entry]:
    """Yield the rows behind number ``after``, oldest first, in bounded memory."""
    while batch := store.query(_BY_SEQ, (after,)):
        for columns in batch:
            yield _stored(columns).entry
        after += len(batch)


def last_checkpoint(store: Store) -> CheckpointRow | None:
    """Return the last checkpoint; raises :class:`JournalCorrupt` when its row is none, or its peaks are not of the tree it signs."""
    found = store.query(
        "SELECT c.row, r.kind, r.payload, s.row FROM checkpoint c LEFT JOIN row r ON r.seq = c.row"
        " LEFT JOIN countersignature s ON s.checkpoint = c.row ORDER BY c.row DESC LIMIT 1"
    )
    if not found:
        return None
    seq, kind, message, countersigned = found[0]
    if kind != CHECKPOINT or not checkpoint_tree(store, seq - 1):
        raise JournalCorrupt("the last checkpoint is not the one that was stored")
    return CheckpointRow(seq, message, countersigned)


def checkpoint_tree(store: Store, size: int) -> Frontier | None:
    """Return the tree of the first ``size`` rows when a checkpoint of it was stored; raises :class:`JournalCorrupt`."""
    found = store.query("SELECT peaks FROM checkpoint WHERE row = ?", (size + 1,))
    if not found:
        return None
    try:
        tree = Frontier.unpack(size, found[0][0])
    except ValueError as error:
        raise JournalCorrupt("the tree of a checkpoint is malformed") from error
    head = store.query("SELECT root FROM row WHERE seq = ?", (size,)) if size else [(tree.root(),)]
    if head != [(tree.root(),)]:
        raise JournalCorrupt("the tree of a checkpoint does not match its row")
    return tree


def check_identity(store: Store) -> bool:
    """Tell whether the file is new and empty; raises :class:`JournalCorrupt` when it is neither that nor a journal we can read."""
    application, version = store.pragma("application_id"), store.pragma("user_version")
    tables = store.query("SELECT count(*) FROM sqlite_schema")[0][0]
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != APPLICATION_ID:
        raise JournalCorrupt("not a journal of this terminal")
    if not isinstance(version, int) or not 1 <= version <= len(MIGRATIONS):
        raise JournalCorrupt(f"journal is of version {version}, this software reads up to {len(MIGRATIONS)}")
    return False


def check_store_key(store: Store, store_key: bytes) -> None:
    """Raise :class:`JournalCorrupt` unless the journal was made with this store key."""
    found = store.query("SELECT key_check FROM unit")
    if len(found) != 1 or not sealing.is_store_key(store_key, found[0][0]):
        raise JournalCorrupt("store key does not belong to this journal")


def noted_tree(store: Store) -> Frontier:
    """Return the audit tree as last noted, which must be the one that stood at that row."""
    size, packed = store.query("SELECT audit_size, audit_peaks FROM unit")[0]
    try:
        tree = Frontier.unpack(size, packed)
    except ValueError as error:
        raise JournalCorrupt("noted audit tree is malformed") from error
    if size and store.query("SELECT root FROM row WHERE seq = ?", (size,)) != [(tree.root(),)]:
        raise JournalCorrupt("noted audit tree does not match its row")
    return tree


def check_tree(store: Store, tree: Frontier) -> tuple[Frontier, dict[bytes, bytes]]:
    """Hash every row after ``tree``; return the tree of all rows, and the chain noted last for each session among those rows.

    Raises :class:`JournalCorrupt` at the first mismatch.
    """
    chains: dict[bytes, bytes] = {}
    while batch := store.query(_BY_SEQ, (tree.size,)):
        for columns in batch:
            stored = _stored(columns)
            tree = tree.append(leaf_hash(stored.digest))
            if stored.entry.seq != tree.size or stored.root != tree.root():
                raise JournalCorrupt(f"audit tree breaks at row {tree.size}")
            chains[stored.entry.session] = stored.chain
    if store.query("SELECT ifnull(max(seq), 0) FROM row") != [(tree.size,)]:
        raise JournalCorrupt("rows are missing")
    return tree, chains


def open_tips(store: Store, chains: dict[bytes, bytes]) -> dict[bytes, Tip]:
    """Return the sessions without a closing row, oldest first, each checked against the chain :func:`check_tree` met last."""
    tips: dict[bytes, Tip] = {}
    for number, name, erased in store.query("SELECT id, name, erased FROM session WHERE closed = 0 ORDER BY id"):
        last = store.query("SELECT chain FROM row WHERE session = ? ORDER BY seq DESC LIMIT 1", (number,))
        tips[name] = tip = Tip(number, last[0][0] if last else CHAIN_START, bool(erased))
        rows = session_rows(store, number, tip)
        if not rows or chains.get(name, tip.chain) != tip.chain or any(row.entry.session != name for row in rows):
            raise JournalCorrupt(f"session {number} has lost its rows")
        said = any(row.entry.flags & ERASES for row in rows)
        if tip.erased != said and (said or _holds_keys(store, number)):  # who is called erased is never asked to erase; see rekey
            raise JournalCorrupt(f"session {number} is not as erased as its rows say")
    return tips


def _holds_keys(store: Store, number: int) -> bool:
    held = "SELECT 1 FROM {} WHERE session = ?"
    return any(store.query(held.format(drawer.keys), (number,)) for drawer in sealing.DRAWERS)


def last_link(store: Store) -> RecordLink:
    """Return the last record's link; raises :class:`JournalCorrupt` when numbers are missing."""
    found = store.query("SELECT number, digest FROM record ORDER BY number DESC LIMIT 1")
    link = RecordLink(*found[0]) if found else FIRST_LINK
    if store.query("SELECT count(*) FROM record") != [(link.seq,)]:
        raise JournalCorrupt("record links are missing")
    return link


def noted_ages(store: Store) -> dict[bytes, Age]:
    """Return the age of each open session that has one noted."""
    found = store.query(
        "SELECT s.name, a.lived_ms, a.at, a.boot_id, a.boot_ms, a.crossed FROM age a JOIN session s ON s.id = a.session WHERE s.closed = 0"
    )
    return {name: Age(lived_ms, at, boot_id, boot_ms, bool(crossed)) for name, lived_ms, at, boot_id, boot_ms, crossed in found}
