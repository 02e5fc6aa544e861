# SPDX-License-Identifier: Apache-2.0
"""The ID reader as a worker's service. Returns raw blocks as hex, mints nothing.

Rules
* The reader is opened at the first operation and after the link was lost.
* A reader that fell silent is opened anew and asked once more, once for the same fault (:mod:`hal.id_reader.ladder`). If that is in vain,
  :class:`~hal.id_reader.errors.ReaderSilent` asks the owner of the power for the last step (``remedy``: ``power_cycle``).
* Whoever has switched the power asks for ``await_reader``: a port that is not there yet is waited for, under the deadline.
"""

from __future__ import annotations

import errno
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from hal.errors import DeadlinePassed, LinkClosed, LinkError
from hal.id_reader.driver import Adjustable, Spent
from hal.id_reader.errors import ReaderSilent
from hal.id_reader.families import Place
from hal.id_reader.ladder import Ladder, Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hal.deadline import Deadline
    from hal.id_reader.driver import IdReader
    from hal.worker import Operation

    Action = Callable[[IdReader, dict[str, Any], Deadline], dict[str, Any]]

REOPEN_S: Final = 2.5
"""What a reader opened anew gets to answer: a SAM needs up to 2 s to start."""
COME_S: Final = 0.05
"""Between two looks whether a port came back: what tells of it (udev, a link) differs from port to port."""
COMING: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EACCES, None})
"""``LinkClosed.data["errno"]`` of a port that is about to come or go. EACCES: the node is there before its rights are."""


class IdReaderService:
    """Configuration: one of the keys of :data:`~hal.id_reader.families.FAMILIES`, and what its family reads beside it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._place = Place.of(config)
        self._reader: IdReader | None = None
        self._ready = False
        """The reader was started and has answered."""
        self._ladder = Ladder()
        self._spent = Spent()
        """Frames and bytes of the operation at work."""
        self.link_us = 0
        self.operations: Mapping[str, Operation] = {
            "await_reader": self._await_reader,
            **{
                name: self._operation(action)
                for name, action in {
                    "open": _open,
                    "await_card": _await_card,
                    "read": self._read,
                    "card_gone": _card_gone,
                    "reset": _reset,
                    "set_baud": _set_baud,
                    "set_max_rf": _set_max_rf,
                }.items()
            },
        }

    def close(self) -> None:
        """Let go of the reader."""
        self._collect()
        if self._reader:
            self._reader.close()
        self._reader, self._ready = None, False

    def stalled(self) -> bool:
        """Return whether a call of the reader's link is overdue, where it can hang at all. Called from another thread."""
        reader = self._reader
        return reader is not None and reader.stalled()

    def _operation(self, action: Action) -> Operation:
        """Wrap an action: a started reader in front of it, the ladder's last steps around it, the link's time behind it."""

        def run(args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
            try:
                return self._climbed(action, args, deadline)
            except ReaderSilent:
                self.close()
                raise
            except LinkClosed:
                self.close()
                self._ladder.forget()
                raise
            finally:
                self._collect()

        return run

    def _climbed(self, action: Action, args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Run an action; for a reader that fell silent once more on a port opened anew."""
        try:
            return action(self._started(deadline), args, deadline)
        except ReaderSilent:
            reader = self._opened_anew(deadline)
        try:
            return action(reader, args, deadline)
        except ReaderSilent:
            raise self._powerless() from None

    def _opened_anew(self, deadline: Deadline) -> IdReader:
        known = self._reader.baud if self._reader else None
        self.close()
        if not self._ladder.take(Rung.REOPEN):
            raise self._powerless()
        try:
            return self._started(deadline.sooner(REOPEN_S), known)
        except DeadlinePassed:
            deadline.check()
            raise self._powerless() from None

    def _powerless(self) -> ReaderSilent:
        """Return the error that asks for the rung which is not ours."""
        taken = self._ladder.taken
        return ReaderSilent(remedy=str(Rung.POWER), find=taken[Rung.FIND], reset=taken[Rung.RESET], reopen=taken[Rung.REOPEN])

    def _await_reader(self, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Open a reader whose power was switched: its port may not be there yet, may go once more, and its SAM takes its time to start."""
        self._ladder.take(Rung.POWER)
        try:
            while True:
                self.close()
                try:
                    reader = self._started(deadline)
                    reader.check(deadline)
                    return {"sam_id": reader.sam_id.hex()}
                except LinkClosed as closed:
                    if closed.data.get("errno") not in COMING:
                        raise
                    deadline.check()
                self._pause(deadline)
        except LinkError:
            self.close()
            raise
        finally:
            self._collect()

    def _pause(self, deadline: Deadline) -> None:
        """Let :data:`COME_S` pass: time of the device, not ours."""
        start = time.monotonic_ns()
        threading.Event().wait(min(COME_S, deadline.check()))
        self.link_us += (time.monotonic_ns() - start) // 1000

    def _started(self, deadline: Deadline, known: int | None = None) -> IdReader:
        if self._reader is None:
            self._reader = self._place.connect(known, ladder=self._ladder)
        if not self._ready:
            self._reader.start(deadline)
            self._ready = True
        return self._reader

    def _collect(self) -> None:
        """Add up what the reader spent since the last time."""
        if self._reader:
            spent = self._reader.spent()
            self.link_us += spent.link_us
            self._spent.frames += spent.frames
            self._spent.bytes += spent.bytes

    def _read(self, reader: IdReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        self._collect()
        self._spent = Spent()
        reading = reader.read(deadline)
        self._collect()
        return {
            "text": reading.text.hex(),
            "photo": reading.photo.hex(),
            "appended": reading.appended.hex() if reading.appended else None,
            "sam_id": reader.sam_id.hex(),
            "frames": self._spent.frames,
            "bytes": self._spent.bytes,
        }


def _open(reader: IdReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.check(deadline)
    return {"sam_id": reader.sam_id.hex(), "status": "ok", "baud": reader.baud}


def _await_card(reader: IdReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.await_card(deadline)
    return {}


def _card_gone(reader: IdReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    return {"gone": reader.card_gone(deadline)}


def _reset(reader: IdReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.reset(deadline)
    return {}


def _set_baud(reader: IdReader, args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    _adjustable(reader).change_baud(int(args["baud"]), deadline)
    return {}


def _set_max_rf(reader: IdReader, args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    _adjustable(reader).set_max_rf(int(args["size"]), deadline)
    return {}


def _adjustable(reader: IdReader) -> Adjustable:
    if not isinstance(reader, Adjustable):
        raise ValueError("this kind of reader has nothing to set")  # noqa: TRY004  # of the caller's request, as for a rate there is not
    return reader
