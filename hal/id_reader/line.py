# SPDX-License-Identifier: Apache-2.0
"""What the protocol needs of the way to a reader, whatever it is: a serial port, two pipes, four pipes, reports.

Says only the shape; :mod:`hal.link.serial` and :mod:`hal.id_reader.usb_lines` fill it. All calls raise
:class:`~hal.errors.LinkClosed` once the reader went away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hal.deadline import Deadline


class Line(Protocol):
    """Bytes to and from one reader."""

    @property
    def waited_us(self) -> int:
        """Microseconds spent in calls of this line since the last :meth:`reset_waited`."""
        ...

    def reset_waited(self) -> None:
        """Start counting ``waited_us`` from 0."""
        ...

    def discard(self) -> int:
        """Throw away what has arrived; return how many bytes nobody asked for that was."""
        ...

    def quiet(self, deadline: Deadline) -> bool:
        """Wait until something arrives (``False``) or the deadline passes in silence (``True``)."""
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send one whole request."""
        ...

    def read_exactly(self, length: int, deadline: Deadline) -> bytes:
        """Return exactly ``length`` bytes, or raise :class:`~hal.errors.DeadlinePassed`."""
        ...

    def close(self) -> None:
        """Let go of the reader; twice is fine."""
        ...


class RatedLine(Line, Protocol):
    """A line with a rate of its own: the serial one."""

    def set_baud(self, baud: int) -> None:
        """Go on at another rate; what was waiting is thrown away."""
        ...
