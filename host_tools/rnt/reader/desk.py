# SPDX-License-Identifier: Apache-2.0
"""One command's work with a reader: open it, start it, tell failures in words, let go of it.

Decides that every failure becomes how the command ends (:class:`~host_tools.rnt.outcome.Stopped`), with who holds the device where
somebody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from hal.errors import DeadlinePassed, HalError
from host_tools.rnt.outcome import ExitCode, Stopped
from host_tools.rnt.reader.place import Chosen, chosen
from host_tools.rnt.reader.refusals import GRABBERS, Trouble, in_use, trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hal.id_reader.driver import IdReader
    from hal.id_reader.watching import Watcher
    from host_tools.rnt.console import Console

T = TypeVar("T")

START_S = 6.0
"""A SAM needs up to 2 s to come up, and five rates are tried."""


class Desk:
    """The reader the options name; a context manager that opens and starts it. ``watcher`` is told of every exchange."""

    def __init__(self, console: Console, options: dict[str, Any], watcher: Watcher) -> None:
        self._console, self._watcher = console, watcher
        self.chosen: Chosen = chosen(options)
        self._reader: IdReader | None = None

    @property
    def reader(self) -> IdReader:
        """The open reader."""
        if self._reader is None:
            raise RuntimeError("the desk was not entered")
        return self._reader

    def __enter__(self) -> Self:
        """Open the reader and wait until it is up."""
        place = self.chosen.place
        grabbed = [holder for holder in self.chosen.holders() if holder.name in GRABBERS]
        if grabbed:
            raise _stopped(in_use(place, grabbed))  # they take a port without locking it, and answers with it
        with self._console.task("open", f"looking for the reader at {place.name}"):
            self._reader = self.do(lambda: place.connect(watcher=self._watcher))
            try:
                self.do(lambda: self.reader.start(self._console.deadline.sooner(START_S)))
            except BaseException:
                self.reader.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of the reader."""
        self.reader.close()

    def do(self, work: Callable[[], T]) -> T:
        """Do ``work``; raises :class:`Stopped` when the reader fails."""
        try:
            return work()
        except HalError as error:
            raise self.told(error) from error

    def told(self, error: HalError) -> Stopped:
        """Return how a command ends on ``error``."""
        if isinstance(error, DeadlinePassed) and self._reader and self._reader.sam_id:  # it is there: the time of the command was over
            left = error.data.get("left")
            message = "The card that was read still lies there." if left else "No card came in time."
            return Stopped(ExitCode.NOT_FOUND, message, "lift the card and lay it down again" if left else "repeat with a longer --timeout")
        return _stopped(trouble(error.kind, error.data, self.chosen.place, self.chosen.holders()))


def _stopped(found: Trouble) -> Stopped:
    return Stopped(found.code, found.cause, found.fix)
