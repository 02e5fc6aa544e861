# SPDX-License-Identifier: Apache-2.0
"""The ID reader as a worker's service. Returns raw blocks as hex, mints nothing.

Rules
* The reader is opened at the first operation and after the link was lost.
* A reader that fell silent is opened anew and asked once more. If that is in vain too, :class:`~hal.id_reader.errors.ReaderSilent` asks the
  owner of the power for the last step of the ladder (``remedy``: ``power_cycle``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hal.errors import DeadlinePassed, LinkClosed
from hal.id_reader.errors import ReaderSilent
from hal.id_reader.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hal.deadline import Deadline
    from hal.id_reader.line import Line
    from hal.id_reader.sam import SamReader
    from hal.worker import Operation

    Action = Callable[[SamReader, dict[str, Any], Deadline], dict[str, Any]]

REOPEN_S: Final = 2.5
"""What a reader opened anew gets to answer: a SAM needs up to 2 s to start."""


class IdReaderService:
    """Configuration: ``port`` (a tty, with ``baud``, default 115200) or ``usb`` (see :mod:`hal.id_reader.opening`)."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._opening = Opening.of(config)
        self._line: Line | None = None
        self._reader: SamReader | None = None
        self.link_us = 0
        self.operations: Mapping[str, Operation] = {
            name: self._operation(action)
            for name, action in {
                "open": _open,
                "await_card": _await_card,
                "read": _read,
                "card_gone": _card_gone,
                "reset": _reset,
                "set_baud": _set_baud,
                "set_max_rf": _set_max_rf,
            }.items()
        }

    def close(self) -> None:
        """Let go of the reader."""
        self._collect()
        if self._line:
            self._line.close()
        self._line = self._reader = None

    def _operation(self, action: Action) -> Operation:
        """Wrap an action: a started reader in front of it, the ladder's last steps around it, the link's time behind it."""

        def run(args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
            try:
                try:
                    return action(self._started(deadline), args, deadline)
                except ReaderSilent:
                    return action(self._opened_anew(deadline), args, deadline)
            except (LinkClosed, ReaderSilent):
                self.close()
                raise
            finally:
                self._collect()

        return run

    def _opened_anew(self, deadline: Deadline) -> SamReader:
        known = self._reader.baud if self._reader else None
        self.close()
        try:
            return self._started(deadline.sooner(REOPEN_S), known)
        except DeadlinePassed:
            deadline.check()
            raise ReaderSilent(remedy="power_cycle") from None

    def _started(self, deadline: Deadline, known: int | None = None) -> SamReader:
        if self._line is None:
            self._line, self._reader = self._opening.line(), None
        if self._reader is None:
            reader = self._opening.reader(self._line, known)
            reader.start(deadline)
            self._reader = reader
        return self._reader

    def _collect(self) -> None:
        if self._line:
            self.link_us += self._line.waited_us
            self._line.reset_waited()


def _open(reader: SamReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.check(deadline)
    return {"sam_id": reader.sam_id.hex(), "status": "ok", "baud": reader.baud}


def _await_card(reader: SamReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.await_card(deadline)
    return {}


def _read(reader: SamReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    counter = reader.exchange
    counter.frames = counter.bytes = 0
    reading = reader.read(deadline)
    return {
        "text": reading.text.hex(),
        "photo": reading.photo.hex(),
        "appended": reading.appended.hex() if reading.appended else None,
        "sam_id": reader.sam_id.hex(),
        "frames": counter.frames,
        "bytes": counter.bytes,
    }


def _card_gone(reader: SamReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    return {"gone": reader.card_gone(deadline)}


def _reset(reader: SamReader, _args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.reset(deadline)
    return {}


def _set_baud(reader: SamReader, args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.change_baud(int(args["baud"]), deadline)
    return {}


def _set_max_rf(reader: SamReader, args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    reader.set_max_rf(int(args["size"]), deadline)
    return {}
