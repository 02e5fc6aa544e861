# SPDX-License-Identifier: Apache-2.0
"""The ioctls of a usbfs node, as libusb uses them, over usbredir messages. Runs under the system's Python.

Clause: linux/usbdevice_fs.h; struct usbdevfs_urb has 56 bytes on 64-bit machines: type 0, endpoint 1, status 4, buffer 16, length 24,
actual length 28.

Rules
* A submitted URB is one usbredir packet whose id is the URB's address; it is handed back when its answer came.
* An interrupt endpoint is started at its first URB; its packets wait here until an URB takes them.
* The node always looks ready, so a client asks without end: the third empty reap in a row is held for a moment.
* A call is completed last of all: the binding may deliver the next event from inside ``complete``.
* When the device is gone its URBs come back with ESHUTDOWN, and only then is every call ENODEV.
"""

from __future__ import annotations

import errno
import itertools
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402  # the version is chosen first

from simulators.usb import redir  # noqa: E402  # the same

if TYPE_CHECKING:
    from collections.abc import Callable

URB_BYTES, STATUS_AT, BUFFER_AT, LENGTH_AT, ACTUAL_AT = 56, 4, 16, 24, 28
TYPE_INTERRUPT, TYPE_CONTROL, TYPE_BULK = 1, 2, 3
SETUP_BYTES = 8
SETINTERFACE, SETCONFIGURATION, GETDRIVER, SUBMITURB, DISCARDURB, REAPURB, REAPURBNDELAY = 4, 5, 8, 10, 11, 12, 13
CLAIM, RELEASE, RESET, CLEAR_HALT, GET_CAPABILITIES, DISCONNECT_CLAIM, GET_SPEED = 15, 16, 20, 21, 26, 27, 31
PLAIN = {CLAIM, RELEASE, SETINTERFACE, SETCONFIGURATION, RESET, DISCONNECT_CLAIM}
FULL_SPEED = 2
NUMBERS = itertools.count(16)
"""Ids of packets: never the same twice, for an answer may outlive the device it was meant for."""
HOLD_MS = 1
EMPTY_REAPS = 2
ERRNO = {
    redir.SUCCESS: 0,
    redir.CANCELLED: -errno.ENOENT,
    redir.STALL: -errno.EPIPE,
    redir.BABBLE: -errno.EOVERFLOW,
    redir.TIMEOUT: -errno.ETIMEDOUT,
}


class Urb:
    """One submitted transfer."""

    def __init__(self, data: Any) -> None:
        raw = bytes(data.retrieve())
        self.data = data
        self.address: int = data.client_addr
        self.kind, self.endpoint = raw[0], raw[1]
        self.length = struct.unpack_from("<i", raw, LENGTH_AT)[0]
        self.buffer = data.resolve(BUFFER_AT, self.length) if self.length else None

    def end(self, status: int, data: bytes | None, count: int) -> None:
        """Fill in how it ended."""
        if data and self.buffer:
            self.buffer.update(SETUP_BYTES if self.kind == TYPE_CONTROL else 0, list(data[: self.length]))
        self.data.update(STATUS_AT, list(struct.pack("<i", status)))
        self.data.update(ACTUAL_AT, list(struct.pack("<i", count)))


class Usbfs:
    """One device node. ``ends`` is address → transfer type of the descriptor; ``send`` takes (type, body, id) of a message."""

    def __init__(self, ends: dict[int, int], send: Callable[[int, bytes, int], None]) -> None:
        self.base = UMockdev.IoctlBase()
        self.base.connect("handle-ioctl", self._ioctl)
        self._interrupts = {address for address, kind in ends.items() if kind == redir.TYPE_INTERRUPT and address & 0x80}
        self._send = send
        self._pending: dict[int, Urb] = {}
        self._packets: dict[int, deque[tuple[int, bytes]]] = {}
        self._ended: deque[Urb] = deque()
        self._held: Any = None
        self._empty = 0
        self._gone = False

    # ---- from the device

    def answered(self, kind: int, number: int, body: bytes) -> None:
        """Take an answer of the device."""
        if kind == redir.BULK:
            _, status, length, _ = redir.BULK_HEADER.unpack_from(body)
            self._end(number, status, body[redir.BULK_HEADER.size :], length)
        elif kind == redir.CONTROL:
            *_, length = redir.CONTROL_HEADER.unpack_from(body)
            self._end(number, body[3], body[redir.CONTROL_HEADER.size :], length)
        elif kind == redir.INTERRUPT:
            endpoint, status, length = redir.INTERRUPT_HEADER.unpack_from(body)
            if endpoint & 0x80:
                self._packets[endpoint].append((status, body[redir.INTERRUPT_HEADER.size :]))
                self._match_interrupts()
            else:
                self._end(number, status, b"", length)

    def gone(self) -> None:
        """Give every transfer back and answer no more."""
        for urb in self._pending.values():
            urb.end(-errno.ESHUTDOWN, None, 0)
            self._ended.append(urb)
        self._pending.clear()
        self._gone = True
        self._hand_out()

    def _end(self, number: int, status: int, data: bytes, count: int) -> None:
        urb = self._pending.pop(number, None)
        if urb is None:
            return
        urb.end(ERRNO.get(status, -errno.EIO), data, count)
        self._ended.append(urb)
        self._hand_out()

    def _match_interrupts(self) -> None:
        for number, urb in list(self._pending.items()):
            packets = self._packets.get(urb.endpoint)
            if urb.kind != TYPE_CONTROL and packets:
                status, data = packets.popleft()
                self._end(number, status, data, len(data))

    # ---- from libusb

    def _ioctl(self, _base: Any, client: Any) -> bool:
        call = client.get_request() & 0xFF
        if call in (REAPURB, REAPURBNDELAY):
            self._reap(client, wait=call == REAPURB)
        elif self._gone:
            client.complete(-1, errno.ENODEV)
        elif call == SUBMITURB:
            self._submit(client)
        elif call == DISCARDURB:
            self._discard(client)
        elif call == CLEAR_HALT:
            self._clear_halt(client)
        elif call == GETDRIVER:
            client.complete(-1, errno.ENODATA)
        elif call == GET_CAPABILITIES:
            client.get_arg().resolve(0, 4).update(0, [0, 0, 0, 0])
            client.complete(0, 0)
        elif call in PLAIN:
            client.complete(0, 0)
        else:
            client.complete(FULL_SPEED if call == GET_SPEED else -1, 0 if call == GET_SPEED else errno.ENOTTY)
        return True

    def _submit(self, client: Any) -> None:
        urb = Urb(client.get_arg().resolve(0, URB_BYTES))
        number = next(NUMBERS)
        self._pending[number] = urb
        out = b"" if urb.endpoint & 0x80 or urb.buffer is None else bytes(urb.buffer.retrieve())
        if urb.kind == TYPE_CONTROL:
            self._submit_control(number, bytes(urb.buffer.retrieve()) if urb.buffer else bytes(SETUP_BYTES))
        elif urb.endpoint in self._interrupts:
            if urb.endpoint not in self._packets:
                self._packets[urb.endpoint] = deque()
                self._send(redir.START_INTERRUPT, bytes([urb.endpoint]), 0)
            self._match_interrupts()
        elif urb.kind == TYPE_INTERRUPT:
            self._send(redir.INTERRUPT, redir.INTERRUPT_HEADER.pack(urb.endpoint, 0, len(out)) + out, number)
        else:
            self._send(redir.BULK, redir.BULK_HEADER.pack(urb.endpoint, 0, urb.length, 0) + out, number)
        client.complete(0, 0)

    def _submit_control(self, number: int, raw: bytes) -> None:
        kind, request, value, index, length = struct.unpack_from("<BBHHH", raw)
        data = b"" if kind & 0x80 else raw[SETUP_BYTES : SETUP_BYTES + length]
        header = redir.CONTROL_HEADER.pack(kind & 0x80, request, kind, 0, value, index, length)
        self._send(redir.CONTROL, header + data, number)

    def _discard(self, client: Any) -> None:
        address = struct.unpack("<Q", bytes(client.get_arg().retrieve()))[0]
        number = next((number for number, urb in self._pending.items() if urb.address == address), None)
        if number is None:
            client.complete(-1, errno.EINVAL)
            return
        if self._pending[number].endpoint in self._interrupts:
            self._end(number, redir.CANCELLED, b"", 0)
        else:
            self._send(redir.CANCEL, b"", number)
        client.complete(0, 0)

    def _clear_halt(self, client: Any) -> None:
        endpoint = struct.unpack("<I", bytes(client.get_arg().resolve(0, 4).retrieve()))[0]
        self._send(redir.CONTROL, redir.CONTROL_HEADER.pack(0, 1, 2, 0, 0, endpoint, 0), 3)
        client.complete(0, 0)

    def _reap(self, client: Any, *, wait: bool) -> None:
        if self._ended or self._gone:
            self._give(client)
            return
        self._empty += 1
        if not wait and self._empty <= EMPTY_REAPS:
            client.complete(-1, errno.EAGAIN)
            return
        self._held = client
        if not wait:
            GLib.timeout_add(HOLD_MS, self._let_go, client)

    def _let_go(self, client: Any) -> bool:
        if self._held is client:
            self._held = None
            client.complete(-1, errno.EAGAIN)
        return False

    def _hand_out(self) -> None:
        if self._held is not None:
            client, self._held = self._held, None
            self._give(client)

    def _give(self, client: Any) -> None:
        self._empty = 0
        if not self._ended:
            client.complete(-1, errno.ENODEV)
            return
        client.get_arg().resolve(0, 8).set_ptr(0, self._ended.popleft().data)
        client.complete(0, 0)
