# SPDX-License-Identifier: Apache-2.0
"""What the operator remembers, in SQLite: terminals, work orders, blanks and their keys, numbers, quota, activations, issues, results.

Decides nothing: it keeps the invariants a schema can keep (a nonce once, an approval spent once, at most five numbers for a
person) and hands out transactions. One connection, one lock; a transaction is the only way in.
``synchronous=NORMAL`` is enough here: the operator is killed in tests, its machine is not.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUOTA = 5
"""Numbers one person may hold with one operator (notice 452/2016; outcome R401)."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS terminal (serial TEXT PRIMARY KEY, spki BLOB NOT NULL, protection TEXT NOT NULL, tls BLOB NOT NULL UNIQUE,
  sequence INTEGER NOT NULL, last BLOB NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS work_order (token BLOB PRIMARY KEY, request BLOB, answer TEXT);
CREATE TABLE IF NOT EXISTS blank (iccid TEXT PRIMARY KEY, adm BLOB NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blank_key (iccid TEXT PRIMARY KEY, words TEXT NOT NULL, counter INTEGER NOT NULL, sqn INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS number (id INTEGER PRIMARY KEY AUTOINCREMENT, msisdn TEXT, imsi TEXT, iccid TEXT NOT NULL,
  session BLOB NOT NULL UNIQUE, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS quota (person BLOB PRIMARY KEY, held INTEGER NOT NULL CHECK (held BETWEEN 0 AND {QUOTA}));
CREATE TABLE IF NOT EXISTS nonce (nonce BLOB PRIMARY KEY, session BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS activation (session BLOB PRIMARY KEY, serial TEXT NOT NULL, record BLOB NOT NULL, outcome TEXT NOT NULL,
  code TEXT NOT NULL, answer TEXT NOT NULL, approval_id BLOB UNIQUE, profile BLOB, person BLOB, iccid TEXT, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS issue (session BLOB PRIMARY KEY, iccid TEXT NOT NULL, mode TEXT NOT NULL, proof TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS unlocking (session BLOB NOT NULL, challenge BLOB NOT NULL, code BLOB NOT NULL, PRIMARY KEY (session, challenge));
CREATE TABLE IF NOT EXISTS relay_round (session BLOB NOT NULL, sequence INTEGER NOT NULL, request BLOB NOT NULL, answers TEXT NOT NULL,
  commands TEXT NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (session, sequence));
CREATE TABLE IF NOT EXISTS result (session BLOB PRIMARY KEY, serial TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT NOT NULL,
  record BLOB NOT NULL, ack TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spent (approval_id BLOB PRIMARY KEY, session BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS chain_break (serial TEXT NOT NULL, record BLOB NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (serial, record));
"""


class Store:
    """The operator's database at ``path``."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one ``BEGIN IMMEDIATE``; commits at the end, rolls back on any exception."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def dump(self, table: str, columns: str) -> list[dict[str, Any]]:
        """Return ``columns`` of every row of ``table`` in order of insertion; bytes as hex."""
        with self.transaction() as db:
            return dump(db, table, columns)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def dump(db: sqlite3.Connection, table: str, columns: str) -> list[dict[str, Any]]:
    """Return ``columns`` of every row of ``table`` in order of insertion; bytes as hex."""
    rows = db.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()  # noqa: S608  # names from our own code only
    return [{key: value.hex() if isinstance(value, bytes) else value for key, value in dict(row).items()} for row in rows]


def take_quota(db: sqlite3.Connection, person: bytes) -> bool:
    """Count one more number for ``person``; ``False`` when five are held. One conditional upsert, no read before it."""
    row = db.execute(
        "INSERT INTO quota VALUES (?, 1) ON CONFLICT (person) DO UPDATE SET held = held + 1 WHERE held < ? RETURNING held", (person, QUOTA)
    ).fetchone()
    return row is not None


def give_back_quota(db: sqlite3.Connection, person: bytes) -> None:
    """Count one number less for ``person``."""
    db.execute("UPDATE quota SET held = held - 1 WHERE person = ? AND held > 0", (person,))
