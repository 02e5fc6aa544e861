# SPDX-License-Identifier: Apache-2.0
"""Transfers to and from one USB device: the only importer of pyusb.

Decides which device is meant and what a failed transfer means; knows nothing of what the bytes say.

Rules
* A device is named: ``VID:PID``, ``VID:PID:SERIAL`` or the place it is plugged in (``1-1.4``). Two that fit are none: nothing is guessed.
* The device keeps its configuration. An interface is claimed once; a kernel driver has to let go only where the caller says so.
* One call is one transfer under the caller's deadline. IN transfers ask for whole packets, or a talkative device would overflow them.
* A halted pipe is cleared at once and the transfer is lost: :class:`TransferFailed`. A device that is gone is ``LinkClosed``.
* ``waited_us`` adds up the time spent in here.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import usb.core
import usb.util

from hal.errors import DeadlinePassed, LinkClosed, LinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.deadline import Deadline

_NAMED: Final = re.compile(r"(?P<vendor>[0-9a-fA-F]{4}):(?P<product>[0-9a-fA-F]{4})(?::(?P<serial>[\x21-\x7e]{1,126}))?")
_PLACE: Final = re.compile(r"(?P<bus>[1-9][0-9]{0,2})-(?P<ports>[1-9][0-9]{0,2}(?:\.[1-9][0-9]{0,2}){0,6})")
_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN, errno.ENOENT})
_SET_REPORT: Final = (0x21, 0x09, 0x0200)
"""Class request to an interface, SET_REPORT, output report without an id (HID 1.11 §7.2.2)."""
_SHORTEST_MS: Final = 1
"""The shortest wait libusb knows (0 is for ever): long enough to hear what a device has ready."""
_DIRECTION_IN: Final = 0x80
_KINDS: Final = {usb.util.ENDPOINT_TYPE_BULK: "bulk", usb.util.ENDPOINT_TYPE_INTR: "interrupt"}
_HUB: Final = 0x09
_SMALLEST_PACKET: Final = 8
"""What a descriptor that says less is taken for (USB 2.0 §5.8.3)."""


class TransferFailed(LinkError):
    """One transfer was lost, the device is still there; ``data["errno"]`` says how. Drain and ask again."""

    kind: ClassVar[str] = "link"


@dataclass(frozen=True, slots=True)
class Pipe:
    """One endpoint: address with direction, ``bulk``, ``interrupt`` or ``other``, bytes of a packet."""

    address: int
    kind: str
    packet: int

    @property
    def is_in(self) -> bool:
        """Whether the device talks on it."""
        return bool(self.address & _DIRECTION_IN)


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of the active configuration, alternate setting 0."""

    number: int
    usb_class: int
    pipes: tuple[Pipe, ...]


@dataclass(frozen=True, slots=True)
class UsbName:
    """Which device is meant; unset parts fit any."""

    vendor: int | None = None
    product: int | None = None
    serial: str | None = None
    bus: int | None = None
    ports: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> UsbName:
        """Return the name that ``text`` is; ``ValueError`` with an example when it is none."""
        if found := _NAMED.fullmatch(text):
            return cls(vendor=int(found["vendor"], 16), product=int(found["product"], 16), serial=found["serial"])
        if found := _PLACE.fullmatch(text):
            return cls(bus=int(found["bus"]), ports=tuple(map(int, found["ports"].split("."))))
        raise ValueError("a USB device is named like 0400:c35a, 0400:c35a:SERIAL or 1-1.4")

    def fits(self, device: Any) -> bool:
        """Return whether ``device`` (pyusb's) is meant. Its serial number is read only when it matters."""
        if self.bus is not None:
            return bool(device.bus == self.bus and device.port_numbers == self.ports)
        if (device.idVendor, device.idProduct) != (self.vendor, self.product):
            return False
        return self.serial is None or _serial_number(device) == self.serial


@dataclass(frozen=True, slots=True)
class Attached:
    """One USB device as it can be described without opening it. ``place`` and ``usb_id`` are names :meth:`UsbName.parse` takes."""

    place: str
    usb_id: str
    node: str
    """Its device file, which libusb opens."""
    interfaces: tuple[Interface, ...]


def attached(backend: Any = None) -> tuple[Attached, ...]:
    """Return what is plugged in, hubs left out. Nothing is opened; ``LinkClosed`` without libusb."""
    try:
        found = list(usb.core.find(find_all=True, backend=backend))
    except usb.core.NoBackendError as error:
        raise LinkClosed("libusb is not installed", errno=errno.ENOSYS) from error
    return tuple(_described(device) for device in found if device.bDeviceClass != _HUB)


class UsbLink:
    """One open device. Opening raises ``LinkClosed``: ``errno`` 19 not there, 13 not permitted, 7 several fit.

    ``backend`` is pyusb's own seam; ``None`` = libusb.
    """

    def __init__(self, name: UsbName, backend: Any = None) -> None:
        self._waited_ns = 0
        self._closed = False
        with self._timed():
            self._device: Any = _the_one(name, backend)
            self.interfaces = _interfaces(self._device)

    @property
    def waited_us(self) -> int:
        """Microseconds spent in calls of this link since the last :meth:`reset_waited`."""
        return self._waited_ns // 1000

    def reset_waited(self) -> None:
        """Start counting ``waited_us`` from 0."""
        self._waited_ns = 0

    def claim(self, number: int, *, from_kernel: bool = False) -> None:
        """Take interface ``number``; ``LinkClosed`` when another program or, without ``from_kernel``, a kernel driver has it (16)."""
        with self._timed():
            if self._kernel_has(number):
                if not from_kernel:
                    raise LinkClosed("a kernel driver has the interface", errno=errno.EBUSY)
                self._device.detach_kernel_driver(number)
            try:
                usb.util.claim_interface(self._device, number)
            except usb.core.USBError as error:
                raise LinkClosed("the interface cannot be claimed", errno=error.errno) from error

    def read(self, pipe: Pipe, length: int, deadline: Deadline) -> bytes:
        """Return what one IN transfer of at least ``length`` bytes brought: it ends there or with a short packet, which may be empty."""
        packets = -(-length // pipe.packet)
        with self._timed(pipe):
            return bytes(self._device.read(pipe.address, packets * pipe.packet, _milliseconds(deadline)))

    def look(self, pipe: Pipe) -> bytes:
        """Return the packet that lies ready, waited for as shortly as libusb can; it is asked however busy the host is."""
        with self._timed(pipe):
            return bytes(self._device.read(pipe.address, pipe.packet, _SHORTEST_MS))

    def write(self, pipe: Pipe, data: bytes, deadline: Deadline) -> None:
        """Send ``data`` in one OUT transfer."""
        with self._timed(pipe):
            if self._device.write(pipe.address, data, _milliseconds(deadline)) != len(data):
                raise TransferFailed("the device took a part only")

    def send_report(self, number: int, report: bytes, deadline: Deadline) -> None:
        """Send an output report to interface ``number`` over the control pipe: for HID devices without an OUT pipe."""
        with self._timed():
            self._device.ctrl_transfer(*_SET_REPORT, number, report, _milliseconds(deadline))

    def close(self) -> None:
        """Let go of the device; twice, or when it is gone, is fine."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(usb.core.USBError):
                usb.util.dispose_resources(self._device)

    def _kernel_has(self, number: int) -> bool:
        try:
            return bool(self._device.is_kernel_driver_active(number))
        except NotImplementedError:
            return False  # a backend without kernel drivers has none in the way

    @contextlib.contextmanager
    def _timed(self, pipe: Pipe | None = None) -> Iterator[None]:
        """Count the time of what is done inside, and tell its failures in our own words."""
        if self._closed:
            raise LinkClosed("the USB device is closed")
        start = time.monotonic_ns()
        try:
            yield
        except usb.core.NoBackendError as error:
            raise LinkClosed("libusb is not installed", errno=errno.ENOSYS) from error
        except usb.core.USBTimeoutError:
            raise DeadlinePassed from None
        except usb.core.USBError as error:
            raise self._failure(error, pipe) from error
        finally:
            self._waited_ns += time.monotonic_ns() - start

    def _failure(self, error: usb.core.USBError, pipe: Pipe | None) -> LinkError:
        if pipe is None or error.errno in _GONE:
            return LinkClosed("the USB device went away", errno=error.errno)
        if error.errno == errno.EPIPE:
            with contextlib.suppress(usb.core.USBError):  # if it is gone by now, the next transfer says so
                self._device.clear_halt(pipe.address)
        return TransferFailed("a USB transfer failed", errno=error.errno)


def _the_one(name: UsbName, backend: Any) -> Any:
    """Return the one device called ``name``; ``LinkClosed`` says why there is none."""
    found = list(_find(name, backend))
    if len(found) > 1:
        raise LinkClosed("several USB devices fit", errno=errno.E2BIG)
    if not found and name.serial is not None and any(map(_forbidden, _find(replace(name, serial=None), backend))):
        raise LinkClosed("a USB device may not be asked for its serial number", errno=errno.EACCES)
    if not found:
        raise LinkClosed("no such USB device", errno=errno.ENODEV)
    return found[0]


def _forbidden(device: Any) -> bool:
    """Return whether ``device`` has a file that this user may not open."""
    node = Path(_node(device))
    return node.exists() and not os.access(node, os.R_OK | os.W_OK)


def _node(device: Any) -> str:
    return f"/dev/bus/usb/{device.bus:03d}/{device.address:03d}"


def _find(name: UsbName, backend: Any) -> Iterator[Any]:
    found: Iterator[Any] = usb.core.find(find_all=True, backend=backend, custom_match=name.fits)
    return found


def _interfaces(device: Any) -> tuple[Interface, ...]:
    """Return the interfaces of the active configuration; a device without one gets its first."""
    try:
        configuration = device.get_active_configuration()
    except usb.core.USBError as error:
        if error.errno is not None:
            raise
        device.set_configuration()
        configuration = device.get_active_configuration()
    return _of_configuration(configuration)


def _described(device: Any) -> Attached:
    """Describe a device by its first configuration, which nobody has to open it for."""
    ports = ".".join(map(str, device.port_numbers or ()))
    try:
        interfaces = _of_configuration(device[0])
    except (usb.core.USBError, IndexError):
        interfaces = ()  # it went away while we looked
    return Attached(f"{device.bus}-{ports}" if ports else "", f"{device.idVendor:04x}:{device.idProduct:04x}", _node(device), interfaces)


def _of_configuration(configuration: Any) -> tuple[Interface, ...]:
    first = [interface for interface in configuration if interface.bAlternateSetting == 0]
    described = Counter(end.bEndpointAddress for interface in first for end in interface)
    return tuple(
        Interface(
            interface.bInterfaceNumber,
            interface.bInterfaceClass,
            tuple(_pipe(end) for end in interface if described[end.bEndpointAddress] == 1),  # one described twice is neither
        )
        for interface in first
    )


def _pipe(end: Any) -> Pipe:
    kind = _KINDS.get(usb.util.endpoint_type(end.bmAttributes), "other")
    return Pipe(end.bEndpointAddress, kind, max(_SMALLEST_PACKET, end.wMaxPacketSize & 0x7FF))


def _serial_number(device: Any) -> str | None:
    """Return the serial number the device tells, or ``None`` when it has none or may not be asked."""
    try:
        number: str | None = device.serial_number
    except (usb.core.USBError, ValueError):
        return None
    return number


def _milliseconds(deadline: Deadline) -> int:
    """Return what is left, as libusb counts it."""
    return max(_SHORTEST_MS, math.ceil(deadline.check() * 1000))
