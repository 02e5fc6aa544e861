# SPDX-License-Identifier: Apache-2.0
"""The three ways a reader hangs on USB, told by its descriptors and never by vendor and product (facts: id_reader §1.3).

==============  =================================================================  ==========================================
four pipes      bulk OUT 02 and 06, bulk IN 81 and 85                               7 header bytes on the first of each pair,
                                                                                    the rest on the second
two pipes       exactly one bulk IN and one bulk OUT, of no class with a driver     whole frames, in one or more transfers
                of its own
reports         HID, interrupt IN with 64 bytes                                     frames in 64-byte reports, zeros behind
==============  =================================================================  ==========================================

Rules
* A transfer that failed is a broken answer (:class:`~hal.id_reader.errors.FrameError` ``transfer``): the exchange drains and asks again.
* Empty transfers are no bytes: devices may end an answer with one.
* What stands behind an answer in its last report is padding. What comes in a transfer of its own is not.
* Only a HID interface is taken from the kernel: another driver on a bulk interface means another kind of device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from hal.errors import DeadlinePassed
from hal.id_reader.errors import FrameError, UnknownReader
from hal.id_reader.frames import HEADER_LENGTH
from hal.link.usb import TransferFailed, UsbLink, UsbName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hal.deadline import Deadline
    from hal.link.usb import Interface, Pipe

HID_CLASS: Final = 0x03
REPORT_LENGTH: Final = 64
DRIVEN_CLASSES: Final = frozenset({0x01, 0x02, HID_CLASS, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0E, 0xE0})
"""Classes with a protocol of their own (sound, modem, printer, disk, hub, smart card, video, radio): two bulk pipes there are no reader."""
FOUR_PIPES: Final = (0x02, 0x06, 0x81, 0x85)
DRAIN_LIMIT: Final = 1 << 16


class Shape(Protocol):
    """How frames travel: what is sent where, and where the next bytes come from."""

    @property
    def inputs(self) -> Sequence[Pipe]:
        """The pipes the device talks on; the one an answer begins on is first."""
        ...

    def begin(self, request: bytes) -> None:
        """Start a new answer, to ``request``."""

    def parts(self, request: bytes) -> Iterator[tuple[Pipe | None, bytes]]:
        """Yield (pipe, bytes) of each transfer of a request; ``None`` = the control pipe."""

    def source(self, missing: int) -> tuple[Pipe, int]:
        """Return the pipe the next bytes come from, and how many to ask for when ``missing`` are needed."""

    def received(self, count: int) -> None:
        """Take note of the bytes one transfer brought."""


class FourPipes:
    """The standard SAM reader: header and body on pipes of their own."""

    def __init__(self, interface: Interface) -> None:
        pipes = {pipe.address: pipe for pipe in interface.pipes}
        self._header_out, self._body_out, self._header_in, self._body_in = (pipes[address] for address in FOUR_PIPES)
        self.inputs = (self._header_in, self._body_in)
        self._headed = 0

    def begin(self, _request: bytes) -> None:
        """Expect a header."""
        self._headed = 0

    def parts(self, request: bytes) -> Iterator[tuple[Pipe | None, bytes]]:
        """Header, then the rest."""
        yield self._header_out, request[:HEADER_LENGTH]
        yield self._body_out, request[HEADER_LENGTH:]

    def source(self, missing: int) -> tuple[Pipe, int]:
        """Read the header pipe until it brought 7 bytes, then the other."""
        return (self._header_in, HEADER_LENGTH) if self._headed < HEADER_LENGTH else (self._body_in, missing)

    def received(self, count: int) -> None:
        """Count the header's bytes."""
        self._headed += count


class TwoPipes:
    """Whole frames, one pipe each way."""

    def __init__(self, interface: Interface) -> None:
        (self._in,) = (pipe for pipe in interface.pipes if pipe.is_in and pipe.kind == "bulk")
        (self._out,) = (pipe for pipe in interface.pipes if not pipe.is_in and pipe.kind == "bulk")
        self.inputs = (self._in,)

    def begin(self, _request: bytes) -> None:
        """Nothing to remember."""

    def parts(self, request: bytes) -> Iterator[tuple[Pipe | None, bytes]]:
        """All at once."""
        yield self._out, request

    def source(self, missing: int) -> tuple[Pipe, int]:
        """Ask for what is missing, and no more: an answer of whole packets may end without an empty one."""
        return self._in, missing

    def received(self, count: int) -> None:
        """Nothing to remember."""


class Reports:
    """HID reports of 64 bytes, without a report id."""

    def __init__(self, interface: Interface) -> None:
        self._in = next(pipe for pipe in interface.pipes if pipe.is_in and pipe.kind == "interrupt")
        self._out = next((pipe for pipe in interface.pipes if not pipe.is_in and pipe.kind == "interrupt"), None)
        self.inputs = (self._in,)

    def begin(self, _request: bytes) -> None:
        """Nothing to remember."""

    def parts(self, request: bytes) -> Iterator[tuple[Pipe | None, bytes]]:
        """One report, zeros behind; over the control pipe where there is no other (HID 1.11 §4.4)."""
        yield self._out, request.ljust(REPORT_LENGTH, b"\0")

    def source(self, _missing: int) -> tuple[Pipe, int]:
        """One report at a time."""
        return self._in, REPORT_LENGTH

    def received(self, count: int) -> None:
        """Nothing to remember."""


def is_four_pipes(interface: Interface) -> bool:
    """Return whether the four pipes of the standard reader are there."""
    return set(FOUR_PIPES) <= {pipe.address for pipe in interface.pipes if pipe.kind == "bulk"}


def is_reports(interface: Interface) -> bool:
    """Return whether this is HID with 64-byte input."""
    return interface.usb_class == HID_CLASS and any(
        pipe.is_in and pipe.kind == "interrupt" and pipe.packet == REPORT_LENGTH for pipe in interface.pipes
    )


def is_two_pipes(interface: Interface) -> bool:
    """Return whether there is one bulk pipe each way and no class that says otherwise."""
    ways = sorted(pipe.is_in for pipe in interface.pipes if pipe.kind == "bulk")
    return interface.usb_class not in DRIVEN_CLASSES and ways == [False, True]


SHAPES: Final[tuple[tuple[str, Callable[[Interface], bool], Callable[[Interface], Shape]], ...]] = (
    ("four_pipes", is_four_pipes, FourPipes),
    ("reports", is_reports, Reports),
    ("two_pipes", is_two_pipes, TwoPipes),
)
"""Name, how it is told, what drives it. A new kind of USB reader is a row here and one in the contract tests."""


def kind_of(interfaces: Sequence[Interface]) -> str:
    """Return the kind of reader a device with these interfaces would be driven as; empty for one that is none."""
    return next((kind for kind, fits, _ in SHAPES if any(fits(interface) for interface in interfaces)), "")


class UsbLine:
    """A line over the pipes of ``shape``. ``name`` says which shape it is."""

    def __init__(self, link: UsbLink, interface: Interface, name: str, shape: Shape) -> None:
        self.name = name
        self._link = link
        self._number = interface.number
        self._shape = shape
        self._buffer = bytearray()

    @property
    def waited_us(self) -> int:
        """Microseconds spent in USB calls since the last :meth:`reset_waited`."""
        return self._link.waited_us

    def reset_waited(self) -> None:
        """Start counting ``waited_us`` from 0."""
        self._link.reset_waited()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send one request."""
        self._shape.begin(data)
        for pipe, part in self._shape.parts(data):
            try:
                if pipe is None:
                    self._link.send_report(self._number, part, deadline)
                else:
                    self._link.write(pipe, part, deadline)
            except TransferFailed as failed:
                raise FrameError("the request did not get through", reason="transfer", errno=failed.data.get("errno")) from failed

    def read_exactly(self, length: int, deadline: Deadline) -> bytes:
        """Return exactly ``length`` bytes, from as many transfers as it takes."""
        while len(self._buffer) < length:
            pipe, wanted = self._shape.source(length - len(self._buffer))
            try:
                part = self._link.read(pipe, wanted, deadline)
            except TransferFailed as failed:
                raise FrameError("the answer did not get through", reason="transfer", errno=failed.data.get("errno")) from failed
            self._shape.received(len(part))
            self._buffer += part
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def discard(self) -> int:
        """Throw away what has come: the rest of the last report is padding, transfers nobody asked for are counted."""
        self._buffer.clear()
        gone = 0
        pipes = self._shape.inputs[:1]
        while pipes:
            heard = sum(self._drain(pipe) for pipe in pipes)
            gone += heard
            pipes = self._shape.inputs if heard else ()
            if gone > DRAIN_LIMIT:
                raise FrameError("the reader does not fall silent", reason="babble")
        return gone

    def quiet(self, deadline: Deadline) -> bool:
        """Listen on every pipe, the first until ``deadline``; what is heard is thrown away."""
        first, *others = self._shape.inputs
        heard = self._drain(first, deadline)
        return heard + sum(self._drain(pipe) for pipe in others) == 0

    def close(self) -> None:
        """Let go of the device."""
        self._link.close()

    def _drain(self, pipe: Pipe, deadline: Deadline | None = None) -> int:
        """Return how many bytes one transfer brought that nobody wants; a failed one counts as one, for it is no silence.

        Without a deadline the pipe is looked at once: a host that was busy for a moment has not heard silence.
        """
        try:
            if deadline is None:
                return len(self._link.look(pipe))
            return len(self._link.read(pipe, 1, deadline))  # a packet: asked for more, full packets alone would not end it
        except DeadlinePassed:
            return 0
        except TransferFailed:
            return 1


def open_usb(name: str, backend: object = None) -> UsbLine:
    """Open the device called ``name`` (:class:`~hal.link.usb.UsbName`) and return its line, drained.

    Raises ``LinkClosed``, ``ValueError`` for what is no name, :class:`~hal.id_reader.errors.UnknownReader` for other kinds of devices.
    """
    link = UsbLink(UsbName.parse(name), backend)
    try:
        for kind, fits, shape in SHAPES:
            for interface in link.interfaces:
                if fits(interface):
                    link.claim(interface.number, from_kernel=interface.usb_class == HID_CLASS)
                    return UsbLine(link, interface, kind, shape(interface))
    except BaseException:
        link.close()
        raise
    classes = ",".join(f"{interface.usb_class:02x}" for interface in link.interfaces)
    link.close()
    raise UnknownReader("none of the readers this driver knows", classes=classes)
