# SPDX-License-Identifier: Apache-2.0
"""The embedded store: one SQLite file, one connection, one writer thread, group commit.

Rules
* WAL and ``synchronous=FULL``: what was answered survives a power cut
* works queue up; the writer takes those that wait, runs each under a savepoint, and commits them together: one flush for all of them
* a work that raises is rolled back alone; a commit that fails fails every work of its group, and the store takes no further one
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from simulators.backend.store.port import Db, Job, StoreFailed, finish, plain
from simulators.backend.store.texts import migrations, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")
GROUP = 128
"""Most works in one commit."""


class _Connection:
    """:class:`Db` on the one connection."""

    def __init__(self, path: Path) -> None:
        self._raw = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
        self._raw.row_factory = sqlite3.Row
        self.execute = self._raw.execute
        self._texts = statements()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self.execute(f"PRAGMA {pragma}")

    def migrate(self) -> None:
        """Bring the file to the newest schema; each migration is one transaction."""
        done = int(self.execute("PRAGMA user_version").fetchone()[0])
        for number, parts in migrations():
            if number <= done:
                continue
            self.execute("BEGIN IMMEDIATE")
            for part in parts:
                self.execute(part.replace("{COUNTED}", "INTEGER PRIMARY KEY AUTOINCREMENT"))
            self.execute(f"PRAGMA user_version={number}")
            self.execute("COMMIT")

    def one(self, name: str, *values: Any) -> Mapping[str, Any] | None:
        row: Any = self.execute(self._texts[name], values).fetchone()
        return row  # type: ignore[no-any-return]  # sqlite3.Row is a mapping in all but its type

    def all(self, name: str, *values: Any) -> list[Mapping[str, Any]]:
        rows: Any = self.execute(self._texts[name], values).fetchall()
        return rows  # type: ignore[no-any-return]  # as above

    def run(self, name: str, *values: Any) -> int:
        return self.execute(self._texts[name], values).rowcount

    def do(self, name: str, *values: Any) -> None:
        self.execute(self._texts[name], values)

    def dump(self, table: str, columns: str) -> list[dict[str, Any]]:
        return plain(self.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall())  # noqa: S608  # names from our own code only

    def close(self) -> None:
        self._raw.close()


class SqliteStore:
    """The store in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._db = _Connection(path)
        self._db.migrate()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._failed: StoreFailed | None = None
        self._writer = threading.Thread(target=self._write, name="store", daemon=True)
        self._writer.start()

    def run(self, work: Callable[[Db], T]) -> T:
        """Run ``work`` and wait for its commit."""
        future: Future[T] = Future()
        self._jobs.put(Job(work, future))
        return future.result()

    async def ask(self, work: Callable[[Db], T]) -> T:
        """Run ``work`` from an event loop and wait for its commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(Job(work, future, loop))
        return await future

    def close(self) -> None:
        """Finish the works that wait, then close the file."""
        self._jobs.put(None)
        self._writer.join()
        self._db.close()

    def _write(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group, last = [job], False
            while len(group) < GROUP and not last:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                else:
                    group.append(job)
            self._commit(group)
            finish(group)
            if last:
                return

    def _commit(self, group: list[Job]) -> None:
        try:
            if self._failed:
                raise self._failed
            self._db.execute("BEGIN IMMEDIATE")
            for job in group:
                self._carry_out(job)
            self._db.execute("COMMIT")
        except (sqlite3.Error, StoreFailed) as error:
            self._failed = self._failed or StoreFailed(type(error).__name__)
            for job in group:
                job.error = self._failed

    def _carry_out(self, job: Job) -> None:
        self._db.execute("SAVEPOINT work")
        try:
            job.result = job.work(self._db)
        except sqlite3.OperationalError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a work raises is its caller's
            job.error = error
            self._db.execute("ROLLBACK TO work")
        self._db.execute("RELEASE work")
