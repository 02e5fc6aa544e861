# SPDX-License-Identifier: Apache-2.0
"""The storage port: one unit of work is one function that runs inside a transaction.

Rules
* a work either commits as a whole or leaves nothing; its result is handed out only after the commit is durable
* a work may run again from the start (a lost race between two gateways), so it changes nothing outside its transaction
* a work that raises is rolled back, and its exception is what the caller gets

Which engine does it, and how many works share a commit, is the engine's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

T = TypeVar("T")
Row: TypeAlias = "Mapping[str, Any]"


class StoreFailed(Exception):
    """The engine could not keep what it was given; nothing of the work is stored."""


class Db(Protocol):
    """The inside of a transaction. Statements are named ``file.name``; values stand in order."""

    def one(self, name: str, *values: Any) -> Mapping[str, Any] | None:
        """Return the first row, or ``None``."""

    def all(self, name: str, *values: Any) -> list[Mapping[str, Any]]:
        """Return every row."""

    def run(self, name: str, *values: Any) -> int:
        """Return how many rows were changed."""

    def do(self, name: str, *values: Any) -> None:
        """Change rows when nobody needs to know how many; an engine may send it later, but before the commit."""

    def dump(self, table: str, columns: str) -> list[dict[str, Any]]:
        """Return ``columns`` of every row of ``table`` in order of the first column named; bytes as hex. Names come from our own code."""


class Store(Protocol):
    """A place to run works."""

    def run(self, work: Callable[[Db], T]) -> T:
        """Run ``work`` and wait for its commit; from any thread but an event loop's."""

    async def ask(self, work: Callable[[Db], T]) -> T:
        """Run ``work`` from an event loop and wait for its commit."""

    def close(self) -> None:
        """Finish what was begun and let the engine go."""


@dataclass(slots=True)
class Job:
    """A work on its way through an engine's threads, and who waits for it."""

    work: Callable[[Db], Any]
    waiting: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    result: Any = None
    error: BaseException | None = None


def finish(jobs: Iterable[Job]) -> None:
    """Tell everybody who waits; each event loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.loop is not None:
            loops.setdefault(job.loop, []).append(job)
        else:
            _settle(job)
    for loop, waiting in loops.items():
        loop.call_soon_threadsafe(_settle_all, waiting)


def _settle_all(jobs: list[Job]) -> None:
    for job in jobs:
        _settle(job)


def _settle(job: Job) -> None:
    if job.waiting.cancelled():
        return
    if job.error is not None:
        job.waiting.set_exception(job.error)
    else:
        job.waiting.set_result(job.result)


def plain(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as dictionaries, bytes as hex."""
    return [
        {key: bytes(value).hex() if isinstance(value, bytes | memoryview) else value for key, value in dict(row).items()} for row in rows
    ]
