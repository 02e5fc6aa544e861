# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from firmware.journal import Journal, JournalBusy, JournalCorrupt, JournalError, JournalFailed, RecordLink, Spend
from firmware.journal.journal import NOTE_EVERY
from firmware.journal.schema import APPLICATION_ID, MIGRATIONS
from firmware.journal.store import WAL_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

STORE_KEY = bytes(range(32))
A, B = b"a" * 16, b"b" * 16


def _filled(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"one", items={"x": b"y", "biometric/x": b"p"}, spend=Spend(A, A, A * 2), record=RecordLink(1, b"d" * 32))
        journal.append(A, "k", b"two", close=True)
        journal.append(B, "k", b"three", items={"x": b"y", "biometric/x": b"p"}, record=RecordLink(2, b"e" * 32))


def _edit(path: Path, *statements: str) -> None:
    """Change the file behind the journal's back, triggers and constraints out of the way."""
    database = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute("PRAGMA foreign_keys=OFF")
    database.execute("PRAGMA ignore_check_constraints=ON")
    for statement in statements:
        database.execute(statement)
    database.close()


def test_new_journal_is_private_and_carries_its_application_and_version(path: Path) -> None:
    Journal.open(path, STORE_KEY).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    tables = database.execute("SELECT sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    assert all(sql.endswith("STRICT") for (sql,) in tables)
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def test_log_of_an_open_journal_is_private_too(path: Path, journal: Journal) -> None:
    journal.append(A, "k", b"")
    assert {entry.name for entry in path.parent.iterdir()} == {"journal.db", "journal.db-wal"}
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("locking_mode", "exclusive"),
        ("secure_delete", 1),
        ("foreign_keys", 1),
        ("wal_autocheckpoint", 0),
        ("temp_store", 2),
        ("mmap_size", 0),
    ],
)
def test_open_journal_has_the_setting(journal: Journal, name: str, value: object) -> None:
    found = journal._store.query(f"PRAGMA {name}")
    assert (found[0][0] if found else 0) == value


def test_second_opening_in_the_same_process_is_busy(path: Path, journal: Journal) -> None:
    with pytest.raises(JournalBusy):
        Journal.open(path, STORE_KEY)
    journal.append(A, "k", b"")
    assert journal.rows(A)


def test_second_opening_from_another_process_is_busy_until_the_first_ends(path: Path) -> None:
    script = (
        "import sys, pathlib; from firmware.journal import *\n"
        "try: Journal.open(pathlib.Path(sys.argv[1]), bytes(range(32))).close(); print('open')\n"
        "except JournalBusy: print('busy')\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with Journal.open(path, STORE_KEY):
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "busy\n"
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "open\n"


def test_foreign_store_key_is_refused_and_changes_nothing(path: Path) -> None:
    _filled(path)
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="store key"):
        Journal.open(path, bytes(32))
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(24), bytes(33)], ids=len)
def test_store_key_of_a_wrong_size_is_refused(path: Path, key: bytes) -> None:
    with pytest.raises(ValueError, match="32 or 16 bytes"):
        Journal.open(path, key)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"\0" * 5000, b"not a database at all, but long enough to be read as one" * 100])
def test_file_that_is_no_database_is_corrupt(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError):
        Journal.open(path, STORE_KEY)
    assert path.read_bytes() == content


@pytest.mark.parametrize("statement", ["CREATE TABLE other (x)", "PRAGMA user_version=1", "PRAGMA application_id=7"])
def test_database_of_another_application_is_corrupt_and_untouched(path: Path, statement: str) -> None:
    _edit(path, statement)
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="not a journal"):
        Journal.open(path, STORE_KEY)
    assert path.read_bytes() == before


def test_empty_file_left_by_a_crash_becomes_a_journal(path: Path) -> None:
    path.touch(0o600)
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"")


def test_missing_directory_is_a_storage_failure(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed):
        Journal.open(tmp_path / "missing" / "journal.db", STORE_KEY)


DAMAGE = {
    "newer version": f"PRAGMA user_version={len(MIGRATIONS) + 1}",
    "payload changed": "UPDATE row SET payload = x'00' WHERE seq = 2",
    "kind changed": "UPDATE row SET kind = 'j' WHERE seq = 2",
    "flags changed": "UPDATE row SET flags = 0 WHERE seq = 2",
    "flags out of range": "UPDATE row SET flags = 4000 WHERE seq = 2",
    "row moved to another session": "UPDATE row SET session = 2 WHERE seq = 2",
    "row removed": "DELETE FROM row WHERE seq = 2",
    "first row removed": "DELETE FROM row WHERE seq = 1",
    "last row of an open session removed": "DELETE FROM row WHERE seq = 3",
    "row number changed": "UPDATE row SET seq = 9 WHERE seq = 3",
    "row number below one": "UPDATE row SET seq = -1 WHERE seq = 1",
    "chain changed": "UPDATE row SET chain = zeroblob(32) WHERE seq = 3",
    "root changed": "UPDATE row SET root = zeroblob(32) WHERE seq = 2",
    "approval unspent": "DELETE FROM spent",
    "approval changed": "UPDATE spent SET approval_id = zeroblob(16)",
    "record removed": "DELETE FROM record WHERE number = 2",
    "record renumbered": "UPDATE record SET number = 7 WHERE number = 2",
    "record changed": "UPDATE record SET digest = zeroblob(32) WHERE number = 1",
    "session renamed": "UPDATE session SET name = zeroblob(16) WHERE id = 1",
    "open session renamed": "UPDATE session SET name = zeroblob(16) WHERE id = 2",
    "session removed": "DELETE FROM session WHERE id = 1",
    "session without rows": "INSERT INTO session (name) VALUES (zeroblob(16))",
    "noted tree changed": "UPDATE unit SET audit_size = 1, audit_peaks = zeroblob(32)",
    "noted tree malformed": "UPDATE unit SET audit_size = 1, audit_peaks = x'00'",
    "noted tree larger than the rows": "UPDATE unit SET audit_size = 4, audit_peaks = zeroblob(32)",
    "unit row removed": "DELETE FROM unit",
    "item damaged": "UPDATE item SET sealed = zeroblob(40) WHERE session = 2",
    "item cut short": "UPDATE item SET sealed = x'00' WHERE session = 2",
    "item under another name": "UPDATE item SET name = 'z' WHERE session = 2",
    "item moved to another session": "UPDATE item SET session = 1, name = 'z' WHERE session = 2",
    "session key damaged": "UPDATE session_key SET wrapped = zeroblob(60) WHERE session = 2",
    "session key removed": "DELETE FROM session_key WHERE session = 2",
    "picture damaged": "UPDATE biometric SET sealed = zeroblob(40) WHERE session = 2",
    "picture under a text's name": "UPDATE biometric SET name = 'x' WHERE session = 2",
    "picture put among the texts": "INSERT INTO item (session, name, sealed) SELECT session, name, sealed FROM biometric WHERE session = 2",
    "picture key removed": "DELETE FROM biometric_key WHERE session = 2",
    "picture keys swapped": "UPDATE biometric_key SET wrapped = (SELECT wrapped FROM biometric_key WHERE session = 1) WHERE session = 2",
    "text's key put in a picture key's place": "UPDATE biometric_key SET wrapped = (SELECT wrapped FROM session_key WHERE session = 2) "
    "WHERE session = 2",
    "session called erased": "UPDATE session SET erased = 1 WHERE id = 2",
    "session keys swapped": "UPDATE session_key SET wrapped = (SELECT wrapped FROM session_key WHERE session = 1) WHERE session = 2",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_content_is_corrupt_on_opening(path: Path, damage: str) -> None:
    _filled(path)
    _edit(path, DAMAGE[damage])
    with pytest.raises(JournalCorrupt):
        Journal.open(path, STORE_KEY)
    with pytest.raises(JournalCorrupt):  # and again: nothing was repaired, nothing is left locked
        Journal.open(path, STORE_KEY)


def test_damage_met_while_reading_is_corrupt_and_stops_the_journal(path: Path) -> None:
    _filled(path)
    with Journal.open(path, STORE_KEY) as journal:
        journal._store.execute("DROP TRIGGER row_not_changed")
        journal._store.execute("UPDATE row SET payload = x'00' WHERE seq = 1")
        with pytest.raises(JournalCorrupt):
            journal.rows(A)
        with pytest.raises(JournalFailed):
            journal.rows(B)


def test_proofs_over_damaged_rows_are_refused(path: Path) -> None:
    _filled(path)
    with Journal.open(path, STORE_KEY) as journal:
        journal._store.execute("DROP TRIGGER row_not_changed")
        journal._store.execute("UPDATE row SET payload = x'00' WHERE seq = 1")
        with pytest.raises(JournalCorrupt):
            journal.consistency_proof(1)
        with pytest.raises(JournalFailed):
            journal.audit_head()


def test_rows_spent_and_records_cannot_be_changed_or_removed_by_a_statement(path: Path) -> None:
    for statement in (
        "UPDATE row SET payload = x'00'",
        "DELETE FROM row",
        "DELETE FROM spent",
        "UPDATE spent SET nonce = zeroblob(16)",
        "DELETE FROM record",
    ):
        path.unlink(missing_ok=True)
        _filled(path)
        with Journal.open(path, STORE_KEY) as journal:
            with pytest.raises(JournalFailed):
                journal._store.execute(statement)
            with pytest.raises(JournalFailed):
                journal.audit_head()
        with Journal.open(path, STORE_KEY) as journal:
            assert journal.audit_head()[0] == 3


def test_full_disk_fails_and_stays_failed_until_reopened(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"kept")
        pages = journal._store.pragma("page_count")
        journal._store.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalFailed, match="SQLITE_FULL"):
            journal.append(A, "k", b"x" * 500_000)
        for _ in range(2):
            with pytest.raises(JournalFailed, match="SQLITE_FULL"):
                journal.append(A, "k", b"")
        with pytest.raises(JournalFailed):
            journal.open_sessions()
    with Journal.open(path, STORE_KEY) as journal:
        assert [row.payload for row in journal.rows(A)] == [b"kept"]


def test_body_that_raises_inside_a_transaction_leaves_nothing(journal: Journal) -> None:
    def interrupted() -> None:
        with journal._store.transaction():
            journal._store.execute("UPDATE unit SET time_floor = 9")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert journal.time_floor() == 0
    journal.append(A, "k", b"")


def test_long_log_is_emptied_after_the_commit(path: Path, journal: Journal) -> None:
    for number in range(12):
        journal.append(A, "k", bytes([number]) * 500_000)
    assert path.with_name("journal.db-wal").stat().st_size <= WAL_LIMIT
    assert len(journal.rows(A)) == 12


@pytest.mark.slow
def test_tree_noted_on_the_way_is_where_the_next_opening_starts(ram: Path) -> None:
    path = ram / "journal.db"
    with Journal.open(path, STORE_KEY) as journal:
        for _ in range(NOTE_EVERY + 3):
            journal.append(A, "k", b"", close=False)
        journal.append(A, "k", b"", close=True)
        head = journal.audit_head()
        assert journal._noted.size == NOTE_EVERY
    with Journal.open(path, STORE_KEY) as journal:
        assert journal._noted.size == NOTE_EVERY
        assert journal.audit_head() == head
        assert journal.verify() == head[0]
    _edit(path, "UPDATE row SET payload = x'00' WHERE seq = 5")  # older than the noted tree
    with Journal.open(path, STORE_KEY) as journal:
        with pytest.raises(JournalCorrupt):
            journal.verify()
        with pytest.raises(JournalFailed):
            journal.append(B, "k", b"")
    _edit(path, "UPDATE row SET payload = x'00' WHERE seq = (SELECT max(seq) - 1 FROM row)")
    with pytest.raises(JournalCorrupt):
        Journal.open(path, STORE_KEY)
