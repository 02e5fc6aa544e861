# SPDX-License-Identifier: Apache-2.0
"""Bytes over a serial port: the only importer of pyserial.

Decides how bytes are waited for, and nothing about what they mean.

Rules
* pyserial opens and configures the port (8N1, raw, exclusive); reading and writing then go to the file descriptor, by length, with one
  ``poll`` for each wait. No timeouts armed per byte, no sleeping, no fixed pauses.
* Every wait has the caller's deadline; :class:`~hal.errors.DeadlinePassed` leaves what was read so far in the buffer.
* Whatever the operating system says about a port that went away becomes :class:`~hal.errors.LinkClosed`.
* A pseudo-terminal is a port like any other: modem lines it does not have are not an error.
* ``waited_us`` adds up the time spent in here, so that the terminal can tell the device's time from its own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios
import time
from typing import TYPE_CHECKING, Final

import serial

from hal.errors import DeadlinePassed, LinkClosed, LinkError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.deadline import Deadline

_CHUNK: Final = 4096
_DRAIN_LIMIT: Final = 1 << 16
"""Bytes thrown away by one ``discard`` before the line is called babbling."""


class SerialLink:
    """One open serial port. Opening raises ``LinkClosed``: ``errno`` 2 not there, 13 not permitted, 16 taken; others: no serial port."""

    def __init__(self, port: str, baud: int) -> None:
        try:
            self._serial = serial.Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, termios.error) as error:
            number = _errno(error)
            taken = number == errno.EAGAIN  # what the lock of pyserial's "exclusive" says
            raise LinkClosed("the serial port cannot be opened", errno=errno.EBUSY if taken else number) from error
        self.port = port
        self._fd: int = self._serial.fileno()
        self._buffer = bytearray()
        self._waited_ns = 0
        self._readable = select.poll()
        self._readable.register(self._fd, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self._fd, select.POLLOUT)

    @property
    def waited_us(self) -> int:
        """Microseconds spent in calls of this link since the last :meth:`reset_waited`."""
        return self._waited_ns // 1000

    def reset_waited(self) -> None:
        """Start counting ``waited_us`` from 0."""
        self._waited_ns = 0

    def set_baud(self, baud: int) -> None:
        """Go on at another rate; bytes still waiting are thrown away."""
        with self._timed():
            self._serial.baudrate = baud
        self.discard()

    def discard(self) -> int:
        """Throw away everything that has arrived and return how many bytes that was; :class:`LinkError` when they do not end."""
        with self._timed():
            queued: int = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, b"\0\0\0\0"))[0]
            gone = len(self._buffer) + queued
            self._buffer.clear()
            termios.tcflush(self._fd, termios.TCIFLUSH)
            while read := self._read_now():
                gone += len(read)
                if gone > _DRAIN_LIMIT:
                    raise LinkError("the line does not fall silent")
            return gone

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data``; raises :class:`DeadlinePassed` when the port does not take it in time."""
        with self._timed():
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except BlockingIOError:
                    self._poll(self._writable, deadline)

    def read_exactly(self, length: int, deadline: Deadline) -> bytes:
        """Return exactly ``length`` bytes; at :class:`DeadlinePassed` the bytes that did arrive stay for the next call."""
        with self._timed():
            while len(self._buffer) < length:
                self._fill(deadline)
            return self._take(length)

    def read_some(self, limit: int, deadline: Deadline) -> bytes:
        """Return 1 to ``limit`` bytes, as soon as there are any."""
        with self._timed():
            if not self._buffer:
                self._fill(deadline)
            return self._take(min(limit, len(self._buffer)))

    def read_until(self, delimiter: bytes, limit: int, deadline: Deadline) -> bytes:
        """Return the bytes up to and with ``delimiter``; :class:`ProtocolError` when it does not come within ``limit`` bytes.

        After a ``ProtocolError`` those bytes are gone, so the next call starts behind them.
        """
        with self._timed():
            searched = 0
            while (at := self._buffer.find(delimiter, searched)) < 0 or at + len(delimiter) > limit:
                if len(self._buffer) >= limit:
                    self._take(limit)
                    raise ProtocolError("no end of frame", limit=limit)
                searched = max(0, len(self._buffer) - len(delimiter) + 1)
                self._fill(deadline)
            return self._take(at + len(delimiter))

    def quiet(self, deadline: Deadline) -> bool:
        """Wait until bytes arrive (``False``) or the deadline passes in silence (``True``). Also notices that the port goes away."""
        with self._timed():
            if self._buffer:
                return False
            try:
                self._fill(deadline)
            except DeadlinePassed:
                return True
            return False

    def close(self) -> None:
        """Close the port; closing twice or closing a port that is gone is fine."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.close()

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _fill(self, deadline: Deadline) -> None:
        """Add what has arrived to the buffer; waits for at least one byte."""
        while not (read := self._read_now()):
            self._poll(self._readable, deadline)
        self._buffer += read

    def _read_now(self) -> bytes:
        """Return what is there, or nothing. An end of file on a port is its end."""
        try:
            read = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        if not read and self._hung_up():
            raise LinkClosed("the serial port went away")
        return read

    def _hung_up(self) -> bool:
        """Tell an ended port from an empty one: with VMIN and VTIME 0 both read as no bytes."""
        return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in self._readable.poll(0))

    @staticmethod
    def _poll(poller: select.poll, deadline: Deadline) -> None:
        if not poller.poll(deadline.check() * 1000):
            raise DeadlinePassed

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        if not self._serial.is_open:
            raise LinkClosed("the serial port is closed")
        start = time.monotonic_ns()
        try:
            yield
        except (OSError, termios.error) as error:
            raise LinkClosed("the serial port went away", errno=_errno(error)) from error
        finally:
            self._waited_ns += time.monotonic_ns() - start


def _errno(error: Exception) -> int | None:
    """Return the error number of an ``OSError`` or a ``termios.error``, which is none."""
    number = error.args[0] if error.args else None
    return number if isinstance(number, int) else None
