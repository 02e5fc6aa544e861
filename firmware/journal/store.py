# SPDX-License-Identifier: Apache-2.0
"""The SQLite file under the journal: how it is opened, locked and flushed, and what happens when the storage fails.

Rules
* WAL, ``synchronous=FULL``: one fdatasync per commit, after which the commit survives a power cut.
* One process, one connection (``locking_mode=EXCLUSIVE``): no shared-memory file, and SQLite's WAL-reset bug (before 3.51.3, two
  connections) cannot happen. A second opener gets :class:`JournalBusy`.
* Fail-stop: after a failed sync the kernel calls the lost pages clean, and SQLite would let the next commit succeed. So the first
  error of any kind is kept, and every later call raises it as :class:`JournalFailed`. Only opening anew, which verifies, ends that.
* Checkpoints are explicit and always truncate the log: an automatic one would swallow its errors, and old pages in the log would
  keep what was erased.

It knows no table; :mod:`firmware.journal.schema` and :mod:`firmware.journal.journal` do.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from firmware.journal.errors import JournalBusy, JournalCorrupt, JournalError, JournalFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WAL_LIMIT: Final = 4 << 20  # bytes of log after which the next commit is followed by a checkpoint
_PAGE_SIZE: Final = 4096
_PRAGMAS: Final[tuple[tuple[str, str | int, str | int], ...]] = (  # name, what is set, what must then be read back
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("wal_autocheckpoint", 0, 0),
    ("secure_delete", "ON", 1),
    ("foreign_keys", "ON", 1),
    ("temp_store", "MEMORY", 2),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
)
_NOT_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
_PRIMARY: Final = 0xFF  # the low byte of an extended result code
_UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Store:
    """One open file. ``commits`` counts the transactions made durable since it was opened."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises :class:`JournalBusy`, :class:`JournalCorrupt` or :class:`JournalFailed`."""
        self.commits = 0
        self._path = path
        self._log = f"{path}-wal"
        self._stopped: str | None = None
        self._opening = True
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=0)
        except (OSError, sqlite3.Error) as error:
            raise JournalFailed(f"journal cannot be opened: {type(error).__name__}") from error

    def claim(self) -> None:
        """Lock the file for this connection and read its first page, changing nothing."""
        self.execute("PRAGMA locking_mode=EXCLUSIVE")
        self.query("SELECT count(*) FROM sqlite_schema")

    def configure(self) -> None:
        """Set every pragma and read it back; SQLite ignores what it cannot do. Makes the file's name durable."""
        self.execute(f"PRAGMA page_size={_PAGE_SIZE}")  # counts for a new file only
        for name, value, expected in _PRAGMAS:
            self.execute(f"PRAGMA {name}={value}")
            if (found := self.pragma(name)) != expected:
                raise self.stop(f"{name} is {found}")
        try:
            _sync_directory(self._path.parent)
        except OSError as error:
            raise self.stop("directory not synced") from error

    def opened(self) -> None:
        """From here on every storage error is :class:`JournalFailed`, whatever its cause."""
        self._opening = False

    def check(self) -> None:
        """Raise :class:`JournalFailed` when the storage has failed or is closed."""
        if self._stopped is not None:
            raise JournalFailed(self._stopped)

    def pragma(self, name: str) -> int | str:
        """Return the value of a pragma."""
        value: int | str = self.query(f"PRAGMA {name}")[0][0]
        return value

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run one statement that returns nothing of interest."""
        self._run(sql, parameters)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return all rows of one statement."""
        return self._run(sql, parameters, fetch=True)

    def insert_once(self, sql: str, parameters: Sequence[object]) -> bool:
        """Run an INSERT; return ``False`` when a UNIQUE constraint refused it."""
        try:
            self._run(sql, parameters, constraint=True)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _NOT_UNIQUE:
                return False
            raise self._failed(error) from error
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one durable commit, or nothing of it when the body raises."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._stopped is None:
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")
        self.commits += 1

    def checkpoint(self) -> None:
        """Move the log into the file, flush it and cut the log to nothing."""
        if self.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise self.stop("checkpoint was blocked")

    def log_is_long(self) -> bool:
        """Tell whether the log has grown past its bound."""
        try:
            return os.stat(self._log).st_size > WAL_LIMIT  # noqa: PTH116  # on the commit path; a Path costs more than the call
        except OSError as error:
            raise self.stop("log is gone") from error

    def close(self) -> None:
        """Checkpoint and close; a store that failed is closed as it is. Later calls raise :class:`JournalFailed`."""
        try:
            if self._stopped is None and not self._opening:
                self.checkpoint()
        finally:
            self._stopped = self._stopped or "journal is closed"
            with contextlib.suppress(sqlite3.Error):  # everything is durable by now; the next opening verifies
                self._db.close()

    def stop(self, reason: str) -> JournalError:
        """Refuse every later call; return the error to raise now."""
        self._stopped = self._stopped or f"journal failed: {reason}"
        return JournalFailed(self._stopped)

    def _run(self, sql: str, parameters: Sequence[object], *, fetch: bool = False, constraint: bool = False) -> list[Any]:
        self.check()
        try:
            cursor = self._db.execute(sql, parameters)
            return cursor.fetchall() if fetch else []
        except sqlite3.IntegrityError as error:
            if constraint:
                raise
            raise self._failed(error) from error
        except (sqlite3.Error, UnicodeDecodeError) as error:  # damaged text breaks the module while it words its error
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT if isinstance(error, UnicodeDecodeError) else 0) & _PRIMARY
        failed = self.stop(name)
        if self._opening and code == sqlite3.SQLITE_BUSY:
            return JournalBusy("journal is open elsewhere")
        if self._opening and code in _UNREADABLE:
            return JournalCorrupt(f"journal is unreadable: {name}")
        return failed
