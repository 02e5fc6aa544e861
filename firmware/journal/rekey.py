# SPDX-License-Identifier: Apache-2.0
"""A new store key for a journal whose own is lost: with its controller replaced, nobody can open what was sealed, and the log goes on.

One transaction: every sealed item and session key is deleted, open sessions count as erased, the journal knows the new key. Rows, audit
tree, spent approvals and record links stay as they are. Whoever calls this has made sure that the old key is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.journal import reading, sealing
from firmware.journal.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def belongs(path: Path, store_key: bytes) -> bool:
    """Return whether the journal at ``path`` was made with this key; ``False`` when there is none yet. Raises ``JournalError``."""
    if not path.exists():
        return False
    store = Store(path)
    try:
        store.claim()
        if reading.check_identity(store):
            return False
        found = store.query("SELECT key_check FROM unit")
        return len(found) == 1 and sealing.is_store_key(store_key, found[0][0])
    finally:
        store.close()


def replace_store_key(path: Path, store_key: bytes) -> None:
    """Delete what the lost key sealed and have the journal at ``path`` use ``store_key``. Raises ``JournalError``."""
    sealing.check_store_key(store_key)
    store = Store(path)
    try:
        store.claim()
        if reading.check_identity(store):
            return
        reading.check_tables(store, *reading.SMALL_TABLES)
        store.configure()
        with store.transaction():
            for drawer in sealing.DRAWERS:
                store.execute(f"DELETE FROM {drawer.items}")  # noqa: S608  # a table of ours
                store.execute(f"DELETE FROM {drawer.keys}")  # noqa: S608  # the same
            store.execute("UPDATE session SET erased = 1 WHERE closed = 0")
            store.execute("UPDATE unit SET key_check = ?", (sealing.new_key_check(store_key),))
        store.checkpoint()
    finally:
        store.close()
