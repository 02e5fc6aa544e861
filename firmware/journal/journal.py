# SPDX-License-Identifier: Apache-2.0
"""The journal: one append is one durable transaction of row, items, audit leaf, spent approval and record link.

Rules
* A row is an event and is never changed; the state of a session is a fold over its rows, kept elsewhere.
* What :meth:`Journal.append` returned survives any crash; what it raised left nothing, except that after :class:`JournalFailed` the
  row may or may not be found on the next opening (the caller was not told it is there, so it must ask the world again).
* An approval, its nonce and its record are spent once in the life of the file.
* Personal data goes into sealed items only. Erasing deletes the session's wrapped key and the items in the transaction of the erasing
  row, then empties the log, so that neither file still holds them. Items it is told to keep are sealed anew under another key, in the
  same transaction, and are deleted with the closing row.
* Items named ``biometric/…`` are pictures of faces and papers: other tables, other keys (:mod:`firmware.journal.items`).
* Every caller mistake (wrong sizes, appending to a closed session, items after erasing) is a ``ValueError`` before anything is written.

The signed checkpoints of the audit tree and the operator's countersignatures are rows too, each a session of its own.

It runs no effect, reads no clock, and signs nothing.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from firmware.journal import merkle, proofs, reading, sealing
from firmware.journal.entry import CHAIN_START, CLOSES, ERASES, Entry, next_chain
from firmware.journal.errors import AlreadySpent, JournalCorrupt
from firmware.journal.items import Items
from firmware.journal.reading import Tip
from firmware.journal.schema import APPLICATION_ID, MIGRATIONS
from firmware.journal.store import Store
from firmware.journal.values import (
    CHECKPOINT,
    COUNTERSIGNATURE,
    ID_BYTES,
    MARKS,
    MAX_INTEGER,
    MAX_ITEM,
    MAX_PAYLOAD,
    TOLD,
    RecordLink,
    Row,
    Spend,
    check_limit,
    check_link,
    check_name,
    check_size,
    check_spend,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from firmware.core.retention import Age
    from firmware.journal.entry import Outline
    from firmware.journal.values import CheckpointRow

NOTE_EVERY: Final = 2048  # rows after which the audit tree is noted, so that opening re-hashes at most about so many
T = TypeVar("T")
_NO_ITEMS: Final[Mapping[str, bytes]] = MappingProxyType({})


class Journal:
    """The open journal of this terminal; a context manager that closes it. Use :meth:`open`."""

    def __init__(self, store: Store, store_key: bytes | None) -> None:
        """Take over a configured, identified store. Verifies it; see :meth:`open` for what that raises."""
        self._store = store
        self._noted = reading.noted_tree(store)
        self._tree, chains = reading.check_tree(store, self._noted)
        self._root = self._tree.root()
        self._tips: dict[bytes, Tip] = reading.open_tips(store, chains)
        self._last_record = reading.last_link(store)
        reading.last_checkpoint(store)
        self._items = Items(store, store_key or b"")
        if store_key:
            self._items.check()

    @classmethod
    def open(cls, path: Path, store_key: bytes | None) -> Self:
        """Open the journal at ``path`` or create it (mode 0600), with the store key, whose length decides the cipher.

        Without one, its seal being gone, the log of an existing journal can still be read: rows, audit tree, proofs; no item.

        Verifies: application, version, store key, every table but that of the rows, audit tree and rows since it was last noted, chains of
        open sessions, record numbers, items.
        Raises :class:`JournalBusy`, :class:`JournalCorrupt` or :class:`JournalFailed`.
        """
        if store_key is not None:
            sealing.check_store_key(store_key)
        store = Store(path)
        try:
            store.claim()
            fresh = reading.check_identity(store)
            if not fresh:
                reading.check_tables(store, *reading.SMALL_TABLES)
                if store_key is not None:
                    reading.check_store_key(store, store_key)
            store.configure()
            _migrate(store, store_key, fresh=fresh)
            store.checkpoint()  # what was erased just before a power cut may still be in the log
            journal = cls(store, store_key)
        except BaseException:
            store.close()
            raise
        store.opened()
        return journal

    @property
    def commits(self) -> int:
        """Transactions made durable since opening, each one flush of the disk."""
        return self._store.commits

    def append(  # noqa: PLR0913  # the parts of one transaction, all but the row optional and named
        self,
        session: bytes,
        kind: str,
        payload: bytes,
        *,
        items: Mapping[str, bytes] = _NO_ITEMS,
        spend: Spend | None = None,
        record: RecordLink | None = None,
        erase: bool = False,
        keep: Sequence[str] = (),
        close: bool = False,
    ) -> Row:
        """Write one event and everything that must stand or fall with it; durable on return.

        ``session`` 16 bytes, ``kind`` 1..64 plain characters, ``payload`` at most 1 MiB without personal data, ``items`` name → bytes of at
        most 8 MiB each (the same name again replaces), ``record`` exactly one after :meth:`last_record`. ``erase`` destroys all items of
        the session for ever; those named in ``keep`` (not personal) last until it is closed. ``close`` makes this its last row.
        Raises :class:`AlreadySpent` (nothing appended), :class:`ItemGone` (one to keep), :class:`JournalFailed`, ``ValueError``.
        """
        flags = (ERASES if erase else 0) | (CLOSES if close else 0)
        tip = self._check(session, kind, payload, items, spend, record, erase=erase)
        if keep and (close or not erase):
            raise ValueError("only an erasing row that does not close keeps items")
        entry = Entry(self._tree.size + 1, session, flags, kind, payload, spend, record)
        kept = {name: self.item(session, name) for name in keep}
        forget = erase or (close and tip.erased)  # what was kept goes with the last row
        digest = entry.digest()
        tree = self._tree.append(merkle.leaf_hash(digest))
        root, chain = tree.root(), next_chain(tip.chain, digest)
        noting = tree.size - self._noted.size >= NOTE_EVERY
        with self._store.transaction():
            number = tip.number or self._begin_session(session)
            self._store.execute(
                "INSERT INTO row (seq, session, flags, kind, payload, chain, root) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (entry.seq, number, flags, kind, payload, chain, root),
            )
            if spend or record or kind in MARKS:
                self._write_links(entry)
            self._items.put(number, session, items)
            if flags:
                self._end(number, erase=forget, close=close)
                self._items.put(number, session, kept)
            if noting:
                self._store.execute("UPDATE unit SET audit_size = ?, audit_peaks = ?", (tree.size, tree.pack()))
        self._tree, self._root, self._last_record = tree, root, record or self._last_record
        if noting:
            self._noted = tree
        if close:
            self._tips.pop(session, None)
        else:
            self._tips[session] = Tip(number, chain, tip.erased or erase)
        if forget or self._store.log_is_long():
            self._store.checkpoint()
        return Row(entry.seq, session, kind, payload)

    def add_checkpoint(self, message: bytes) -> Row:
        """Store the signed checkpoint of the audit tree as :meth:`audit_head` gives it now: it becomes the next row."""
        return self.append(os.urandom(ID_BYTES), CHECKPOINT, message, close=True)

    def add_countersignature(self, message: bytes) -> Row:
        """Store the operator's countersignature of the last checkpoint; ``ValueError`` when there is none, or it has one already."""
        last = self.last_checkpoint()
        if last is None or last.countersigned:
            raise ValueError("no checkpoint waits for a countersignature")
        return self.append(os.urandom(ID_BYTES), COUNTERSIGNATURE, message, close=True)

    def rows(self, session: bytes) -> tuple[Row, ...]:
        """Return the session's rows, oldest first; empty for an unknown session. Raises :class:`JournalCorrupt` on a broken chain."""
        return tuple(Row(s.entry.seq, session, s.entry.kind, s.entry.payload) for s in self._session_rows(session))

    def open_sessions(self) -> tuple[bytes, ...]:
        """Return the sessions without a closing row, oldest first."""
        self._store.check()
        return tuple(self._tips)

    def holding(self) -> tuple[bytes, ...]:
        """Return the open sessions whose items were not erased, oldest first."""
        self._store.check()
        return tuple(session for session, tip in self._tips.items() if not tip.erased)

    def noted_ages(self) -> dict[bytes, Age]:
        """Return how old open sessions were when that was last noted; a session without a note was never old enough."""
        return reading.noted_ages(self._store)

    def note_ages(self, ages: Mapping[bytes, Age]) -> None:
        """Note how old open sessions are now; durable on return. ``ValueError`` for one that is not open."""
        numbers = {session: tip.number for session in ages if (tip := self._tips.get(session))}
        if len(numbers) != len(ages):
            raise ValueError("session is not open")
        with self._store.transaction():
            for session, age in ages.items():
                self._store.execute(
                    "INSERT OR REPLACE INTO age (session, lived_ms, at, boot_id, boot_ms, crossed) VALUES (?, ?, ?, ?, ?, ?)",
                    (numbers[session], age.lived_ms, age.at, age.boot_id, age.boot_ms, age.crossed),
                )

    def item(self, session: bytes, name: str) -> bytes:
        """Return a sealed item's content; raises :class:`ItemGone`, or :class:`JournalCorrupt` when it does not open."""
        return self._items.take(session, name)

    def item_names(self, session: bytes) -> tuple[str, ...]:
        """Return the names of a session's sealed items, in order; none once they are erased."""
        return self._items.names(session)

    def last_record(self) -> RecordLink:
        """Return the link of the last signed record, ``RecordLink(0, 32 zero bytes)`` before the first."""
        self._store.check()
        return self._last_record

    def chain(self, session: bytes) -> bytes:
        """Return the SHA-256 chain over the session's rows so far, 32 bytes; zeros for an unknown session."""
        self._store.check()
        if tip := self._tips.get(session):
            return tip.chain
        rows = self._session_rows(session)
        return rows[-1].chain if rows else CHAIN_START

    def audit_head(self) -> tuple[int, bytes]:
        """Return size and head of the audit tree (RFC 9162) over all rows."""
        self._store.check()
        return self._tree.size, self._root

    def last_checkpoint(self) -> CheckpointRow | None:
        """Return the unit's last checkpoint, if there is one."""
        self._store.check()
        return self._read(lambda: reading.last_checkpoint(self._store))

    def outlines(self, after: int) -> Iterator[tuple[int, Outline, bytes | None]]:
        """Yield number, outline and, of the kinds in ``values.TOLD``, payload of the rows behind ``after``. Nothing personal."""
        for entry in reading.audit_entries(self._store, after):
            yield entry.seq, entry.outline(), entry.payload if entry.kind in TOLD else None

    def inclusion_proof(self, seq: int) -> list[bytes]:
        """Return the proof that row ``seq`` is in the audit tree; re-hashes the journal. ``ValueError`` when there is no such row."""
        return self._proof(proofs.inclusion_ranges(seq - 1, self._tree.size), None)

    def consistency_proof(self, old: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the tree of the first ``size`` rows (all, when not told) begins with that of the first ``old``.

        Re-hashes the rows behind ``old`` when a checkpoint signed that tree, else the journal. ``ValueError`` unless 0 < old <= size.
        """
        size = self._tree.size if size is None else size
        if size > self._tree.size:
            raise ValueError("no such tree")
        return self._proof(proofs.consistency_ranges(old, size), self._read(lambda: reading.checkpoint_tree(self._store, old)))

    def verify(self) -> int:
        """Check the whole file and re-hash every row, not only those since the tree was noted; return the rows checked."""
        try:
            reading.check_tables(self._store)
            return reading.check_tree(self._store, merkle.Frontier())[0].size
        except JournalCorrupt:
            self._store.stop("content does not add up")
            raise

    def time_floor(self) -> int:
        """Return the highest Unix time (seconds) this terminal was ever told by the operator."""
        floor: int = self._store.query("SELECT time_floor FROM unit")[0][0]
        return floor

    def raise_time_floor(self, seconds: int) -> None:
        """Raise the floor; a lower or equal time changes nothing. Durable on return."""
        if not 0 <= seconds <= MAX_INTEGER:
            raise ValueError("not a time")
        if seconds > self.time_floor():
            with self._store.transaction():
                self._store.execute("UPDATE unit SET time_floor = ?", (seconds,))

    def pack_floor(self) -> dict[str, int]:
        """Return the newest version of each policy pack that ever held on this terminal."""
        return dict(self._store.query("SELECT id, version FROM pack_floor"))

    def raise_pack_floor(self, versions: Mapping[str, int]) -> None:
        """Raise the floors of packs; lower or equal versions change nothing. Durable on return."""
        known = self.pack_floor()
        higher = [(pack, version) for pack, version in versions.items() if version > known.get(pack, 0)]
        if higher:
            with self._store.transaction():
                for row in higher:
                    self._store.execute("INSERT OR REPLACE INTO pack_floor (id, version) VALUES (?, ?)", row)

    def close(self) -> None:
        """Move the log into the file and close it; harmless when repeated."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _check(
        self,
        session: bytes,
        kind: str,
        payload: bytes,
        items: Mapping[str, bytes],
        spend: Spend | None,
        record: RecordLink | None,
        *,
        erase: bool,
    ) -> Tip:
        self._store.check()
        check_size("session", session, ID_BYTES)
        check_name("kind", kind)
        check_limit("payload", payload, MAX_PAYLOAD)
        for name, content in items.items():
            check_name("item name", name)
            check_limit("item", content, MAX_ITEM)
        if spend:
            check_spend(spend)
        if record:
            check_link(record, self._last_record)
        tip = self._tips.get(session)
        if tip is None:
            if self._number(session):
                raise ValueError("session is closed")
            tip = Tip(0, CHAIN_START, erased=False)
        if items and (erase or tip.erased):
            raise ValueError("the session's items are erased")
        return tip

    def _begin_session(self, session: bytes) -> int:
        return int(self._store.query("INSERT INTO session (name) VALUES (?) RETURNING id", (session,))[0][0])

    def _write_links(self, entry: Entry) -> None:
        if spend := entry.spend:
            values = (entry.seq, spend.approval_id, spend.nonce, spend.record)
            if not self._store.insert_once("INSERT INTO spent (row, approval_id, nonce, record) VALUES (?, ?, ?, ?)", values):
                raise AlreadySpent("this approval, nonce or record was spent before")
        if record := entry.record:
            self._store.execute("INSERT INTO record (row, number, digest) VALUES (?, ?, ?)", (entry.seq, record.seq, record.digest))
        if entry.kind == CHECKPOINT:
            self._store.execute("INSERT INTO checkpoint (row, peaks) VALUES (?, ?)", (entry.seq, self._tree.pack()))
        elif entry.kind == COUNTERSIGNATURE:
            self._store.execute("INSERT INTO countersignature (row, checkpoint) SELECT ?, max(row) FROM checkpoint", (entry.seq,))

    def _end(self, number: int, *, erase: bool, close: bool) -> None:
        if erase:
            self._items.destroy(number)
        if close:
            self._store.execute("DELETE FROM age WHERE session = ?", (number,))
        self._store.execute("UPDATE session SET erased = erased | ?, closed = ? WHERE id = ?", (erase, close, number))

    def _number(self, session: bytes) -> int:
        found = self._store.query("SELECT id FROM session WHERE name = ?", (session,))
        return int(found[0][0]) if found else 0

    def _session_rows(self, session: bytes) -> list[reading.Stored]:
        tip = self._tips.get(session)
        number = tip.number if tip else self._number(session)
        if not number:
            return []
        return self._read(lambda: reading.session_rows(self._store, number, tip))

    def _proof(self, ranges: list[proofs.Range], known: merkle.Frontier | None) -> list[bytes]:
        """Return the heads over the ranges, re-hashing every row behind ``known``, which must lead to the tree we have."""
        collector = proofs.Collector(ranges, known)

        def hash_all() -> None:
            for entry in reading.audit_entries(self._store, collector.size):
                collector.append(merkle.leaf_hash(entry.digest()))
            if collector.frontier() != self._tree:
                raise JournalCorrupt("audit tree does not match its rows")

        self._read(hash_all)
        return [collector.head(found) for found in ranges]

    def _read(self, read: Callable[[], T]) -> T:
        """Return what ``read`` does; a journal found corrupt answers nothing any more."""
        try:
            return read()
        except JournalCorrupt:
            self._store.stop("content does not add up")
            raise


def _migrate(store: Store, store_key: bytes | None, *, fresh: bool) -> None:
    """Run the migrations the file has not seen, each in its own transaction."""
    if fresh and store_key is None:
        raise JournalCorrupt("there is no journal")
    done = store.pragma("user_version")
    for number, statements in enumerate(MIGRATIONS, start=1):
        if number <= int(done):
            continue
        with store.transaction():
            for statement in statements:
                store.execute(statement)
            if fresh and number == 1:
                store.execute(f"PRAGMA application_id={APPLICATION_ID}")
                store.execute(
                    "INSERT INTO unit (id, key_check, time_floor, audit_size, audit_peaks) VALUES (1, ?, 0, 0, x'')",
                    (sealing.new_key_check(store_key or b""),),
                )
            store.execute(f"PRAGMA user_version={number}")
