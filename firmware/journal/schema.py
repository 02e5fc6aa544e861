# SPDX-License-Identifier: Apache-2.0
"""The journal's tables, as numbered migrations. A released migration is never edited; a change is a new number at the end.

``user_version`` is the number of migrations that have run. Rows, spent approvals and record links are append-only, by trigger.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x524E544A  # "RNTJ"


def _kept(table: str) -> tuple[str, str]:
    return (
        f"CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'append only'); END",
        f"CREATE TRIGGER {table}_not_removed BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'append only'); END",
    )


MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # one row: proof of the store key, the time floor, and the audit tree as it was when it was last noted
        """CREATE TABLE unit (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            key_check BLOB NOT NULL,
            time_floor INTEGER NOT NULL CHECK (time_floor >= 0),
            audit_size INTEGER NOT NULL CHECK (audit_size >= 0),
            audit_peaks BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE session (
            id INTEGER PRIMARY KEY,
            name BLOB NOT NULL UNIQUE CHECK (length(name) = 16),
            erased INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1)),
            closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
        ) STRICT""",
        "CREATE INDEX session_open ON session (id) WHERE closed = 0",
        # chain: over the rows of the session up to this one; root: head of the audit tree with this row in it
        """CREATE TABLE row (
            seq INTEGER PRIMARY KEY CHECK (seq > 0),
            session INTEGER NOT NULL REFERENCES session (id),
            flags INTEGER NOT NULL,
            kind TEXT NOT NULL,
            payload BLOB NOT NULL,
            chain BLOB NOT NULL CHECK (length(chain) = 32),
            root BLOB NOT NULL CHECK (length(root) = 32)
        ) STRICT""",
        "CREATE INDEX row_session ON row (session)",
        """CREATE TABLE spent (
            row INTEGER PRIMARY KEY REFERENCES row (seq),
            approval_id BLOB NOT NULL UNIQUE CHECK (length(approval_id) = 16),
            nonce BLOB NOT NULL UNIQUE CHECK (length(nonce) = 16),
            record BLOB NOT NULL UNIQUE CHECK (length(record) = 32)
        ) STRICT""",
        """CREATE TABLE record (
            row INTEGER PRIMARY KEY REFERENCES row (seq),
            number INTEGER NOT NULL UNIQUE CHECK (number > 0),
            digest BLOB NOT NULL CHECK (length(digest) = 32)
        ) STRICT""",
        # these lose rows: erasing deletes both the key and what it opened
        """CREATE TABLE session_key (
            session INTEGER PRIMARY KEY REFERENCES session (id),
            wrapped BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE item (
            id INTEGER PRIMARY KEY,
            session INTEGER NOT NULL REFERENCES session_key (session),
            name TEXT NOT NULL,
            sealed BLOB NOT NULL,
            UNIQUE (session, name)
        ) STRICT""",
        *_kept("row"),
        *_kept("spent"),
        *_kept("record"),
    ),
    (
        # a row that is a checkpoint of the tree before it, with the peaks of that tree; a row that is the countersignature of one
        """CREATE TABLE checkpoint (
            row INTEGER PRIMARY KEY REFERENCES row (seq),
            peaks BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE countersignature (
            row INTEGER PRIMARY KEY REFERENCES row (seq),
            checkpoint INTEGER NOT NULL UNIQUE REFERENCES checkpoint (row)
        ) STRICT""",
        *_kept("checkpoint"),
        *_kept("countersignature"),
    ),
    (
        # pictures of faces and papers: their own store, their own keys (DS-10); loses rows as item and session_key do
        """CREATE TABLE biometric_key (
            session INTEGER PRIMARY KEY REFERENCES session (id),
            wrapped BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE biometric (
            id INTEGER PRIMARY KEY,
            session INTEGER NOT NULL REFERENCES biometric_key (session),
            name TEXT NOT NULL,
            sealed BLOB NOT NULL,
            UNIQUE (session, name)
        ) STRICT""",
        # how long an open session had lived when that was last noted; not hashed: it only ever makes the end come sooner
        """CREATE TABLE age (
            session INTEGER PRIMARY KEY REFERENCES session (id),
            lived_ms INTEGER NOT NULL CHECK (lived_ms >= 0),
            at INTEGER NOT NULL CHECK (at >= 0),
            boot_id BLOB NOT NULL CHECK (length(boot_id) = 16),
            boot_ms INTEGER NOT NULL CHECK (boot_ms >= 0),
            crossed INTEGER NOT NULL CHECK (crossed IN (0, 1))
        ) STRICT""",
    ),
    (
        # the newest version of each policy pack that ever held here; like the time floor it only rises
        "CREATE TABLE pack_floor (id TEXT PRIMARY KEY, version INTEGER NOT NULL CHECK (version > 0)) STRICT",
    ),
)
