# SPDX-License-Identifier: Apache-2.0
"""The ID reader as a worker's service: ``open``, ``await_card``, ``read``, ``card_gone``. Returns raw blocks as hex, mints nothing.

The port is opened at the first operation and after the link was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hal.errors import LinkClosed
from hal.id_reader.sam import SamReader
from hal.link.serial import SerialLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation


class IdReaderService:
    """Configuration: ``port`` (path of the tty), ``baud`` (default 115200)."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._port = str(config["port"])
        self._baud = int(config.get("baud", 115200))
        self._link: SerialLink | None = None
        self._reader: SamReader | None = None
        self.link_us = 0
        self.operations: Mapping[str, Operation] = {
            "open": self._operation(self._open),
            "await_card": self._operation(self._await_card),
            "read": self._operation(self._read),
            "card_gone": self._operation(self._card_gone),
        }

    def close(self) -> None:
        """Let go of the port."""
        if self._link:
            self._link.close()
        self._link = self._reader = None

    def _operation(self, action: Callable[[SamReader, Deadline], dict[str, Any]]) -> Operation:
        """Wrap an action: a started reader in front of it, the link's time behind it, a lost link closed."""

        def run(_args: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
            try:
                return action(self._started(deadline), deadline)
            except LinkClosed:
                self._collect()
                self.close()
                raise
            finally:
                self._collect()

        return run

    def _collect(self) -> None:
        if self._link:
            self.link_us += self._link.waited_us
            self._link.reset_waited()

    def _started(self, deadline: Deadline) -> SamReader:
        if self._link is None:
            self._link, self._reader = SerialLink(self._port, self._baud), None
        if self._reader is None:
            reader = SamReader(self._link)
            reader.start(deadline)
            self._reader = reader
        return self._reader

    @staticmethod
    def _open(reader: SamReader, deadline: Deadline) -> dict[str, Any]:
        reader.check(deadline)
        return {"sam_id": reader.sam_id.hex(), "status": "ok"}

    @staticmethod
    def _await_card(reader: SamReader, deadline: Deadline) -> dict[str, Any]:
        reader.await_card(deadline)
        return {}

    @staticmethod
    def _read(reader: SamReader, deadline: Deadline) -> dict[str, Any]:
        reader.frames = reader.bytes = 0
        reading = reader.read(deadline)
        return {
            "text": reading.text.hex(),
            "photo": reading.photo.hex(),
            "appended": reading.appended.hex() if reading.appended else None,
            "frames": reader.frames,
            "bytes": reader.bytes,
        }

    @staticmethod
    def _card_gone(reader: SamReader, deadline: Deadline) -> dict[str, Any]:
        return {"gone": reader.card_gone(deadline)}
