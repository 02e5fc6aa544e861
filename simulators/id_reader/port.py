# SPDX-License-Identifier: Apache-2.0
"""The wire: a pseudo-terminal that hears frames and speaks at the line's own rate.

Answers leave in small pieces on a monotonic schedule of 10 bits for each byte, so that the last
byte arrives when a real line would deliver it. The slave end stays open here; otherwise reading would fail whenever no driver is there.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import time
import tty
from typing import TYPE_CHECKING

from simulators.id_reader.ear import Ear

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PIECE = 32
SPIN_S = 0.0002
SPEEDS = {115200: termios.B115200, 57600: termios.B57600, 38400: termios.B38400, 19200: termios.B19200, 9600: termios.B9600}


class Port:
    """A pseudo-terminal with a stable name: ``link`` is a symbolic link to the slave."""

    rated = True

    def __init__(self, link: Path | None) -> None:
        self._link = link
        self._ear = Ear()
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        """Open a new pseudo-terminal and point the link at it."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        self._ear.deafen()
        if self._link:
            new = self._link.with_name(self._link.name + ".new")
            new.unlink(missing_ok=True)
            new.symlink_to(self.name)
            new.replace(self._link)
            self.name = str(self._link)

    def unplug(self) -> None:
        """Close both ends: the cable is pulled."""
        if self._link:
            self._link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def speed_is(self, baud: int) -> bool:
        """Return whether the host's end is set to ``baud``; a wrong rate makes noise of everything."""
        return bool(termios.tcgetattr(self._slave)[5] == SPEEDS[baud])

    def hear(self, timeout: float) -> None:
        """Add what the host sent within ``timeout`` seconds."""
        if select.select([self._master], [], [], timeout)[0]:
            self._ear.add(os.read(self._master, 4096))

    def stall(self) -> None:
        """Do nothing: a serial port has no pipe that could halt."""

    def deafen(self) -> None:
        """Forget what was heard."""
        self._ear.deafen()

    def request(self) -> bytes | int | None:
        """Take the next request, as :meth:`~simulators.id_reader.ear.Ear.request`."""
        return self._ear.request()

    def say(self, answers: Sequence[bytes], bytes_per_s: float | None) -> None:
        """Send ``answers``, spread over the time the line takes, or at once when no rate is given."""
        data = b"".join(answers)
        if bytes_per_s is None:
            self._write(data)
            return
        start = time.monotonic()
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            due = start + (at + len(piece)) / bytes_per_s
            time.sleep(max(0.0, due - SPIN_S - time.monotonic()))
            while at + PIECE >= len(data) and time.monotonic() < due:
                pass  # the last piece on the dot: a sleep may overshoot by more than a short answer takes
            self._write(piece)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the port may be unplugged meanwhile; then nobody hears
            while data:
                data = data[os.write(self._master, data) :]
