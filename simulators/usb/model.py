# SPDX-License-Identifier: Apache-2.0
"""A USB device as its host sees it, whatever joins the two: descriptors, control requests, packets in and out.

Rules (USB 2.0 §5.3.2, §5.8.3, §8.5.2)
* An IN transfer ends with a packet shorter than the endpoint's, or when all that was asked for has come. What does not fit is babble.
* A halted endpoint stalls every transfer until the host clears it.
* A device that was unplugged loses what it had to say.
"""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from simulators.usb.descriptors import HID_REPORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.usb.descriptors import Descriptors

GET_STATUS, CLEAR_FEATURE, GET_DESCRIPTOR, GET_CONFIGURATION, SET_CONFIGURATION = 0x8000, 0x0201, 0x8006, 0x8008, 0x0009
GET_HID_REPORT_DESCRIPTOR, SET_REPORT, SET_IDLE, SET_INTERFACE = 0x8106, 0x2109, 0x210A, 0x010B


class Ending(Enum):
    """How a transfer ends that brings no data."""

    STALL = auto()
    BABBLE = auto()


class UsbModel:
    """One device. Everything may be called from any thread; ``on_out`` gets the bytes of OUT transfers and reports."""

    def __init__(self, descriptors: Descriptors, on_out: Callable[[bytes], None]) -> None:
        self.descriptors = descriptors
        self.plugged = True
        self._on_out = on_out
        self._lock = threading.RLock()
        self._waiting = {end.address: deque[bytes]() for end in descriptors.endpoints if end.address & 0x80}
        self._packet = {end.address: end.packet for end in descriptors.endpoints}
        self._halted: set[int] = set()
        self._listeners: list[Callable[[], None]] = []

    # ---- the device's side

    def send(self, endpoint: int, data: bytes, *, whole_packets_end_empty: bool = False) -> None:
        """Have ``data`` ready on an IN endpoint, as packets; optionally an empty one behind data that fills its last packet."""
        size = self._packet[endpoint]
        packets = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        if whole_packets_end_empty and data and len(data) % size == 0:
            packets.append(b"")
        with self._lock:
            if self.plugged:
                self._waiting[endpoint].extend(packets)
        self.changed()

    def halt(self, endpoint: int) -> None:
        """Stall ``endpoint`` until the host clears it; what was ready there is lost."""
        with self._lock:
            self._halted.add(endpoint)
            self._waiting[endpoint].clear()
        self.changed()

    def plug(self, *, plugged: bool) -> None:
        """Put the cable in or pull it."""
        with self._lock:
            self.plugged = plugged
            self._halted.clear()
            for packets in self._waiting.values():
                packets.clear()
        self.changed()

    # ---- the host's side

    def listen(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called whenever a transfer may end now, or the cable moved."""
        self._listeners.append(changed)

    def changed(self) -> None:
        """Tell all listeners."""
        for listener in list(self._listeners):
            listener()

    def out(self, endpoint: int, data: bytes) -> Ending | None:
        """Take an OUT transfer."""
        with self._lock:
            if endpoint not in self._packet or endpoint in self._halted:
                return Ending.STALL
        self._on_out(data)
        return None

    def transfer_in(self, endpoint: int, length: int) -> bytes | Ending | None:
        """Return what an IN transfer of ``length`` bytes brings, or ``None`` while it cannot end yet."""
        with self._lock:
            if endpoint not in self._waiting or endpoint in self._halted:
                return Ending.STALL
            packets, size = self._waiting[endpoint], self._packet[endpoint]
            taken, whole = 0, False
            count = 0
            for packet in packets:
                count, taken = count + 1, taken + len(packet)
                whole = taken >= length or len(packet) < size
                if whole:
                    break
            if not whole:
                return None
            data = b"".join(packets.popleft() for _ in range(count))
            return data if taken <= length else Ending.BABBLE

    def partly(self, endpoint: int) -> bytes:
        """Return what had come of an IN transfer that the host gives up."""
        with self._lock:
            packets = self._waiting.get(endpoint, deque())
            data = b"".join(packets)
            packets.clear()
            return data

    def control(self, request_type: int, request: int, value: int, index: int, data: bytes | int) -> bytes | Ending:
        """Answer a control request: ``data`` are the bytes to the device, or how many the host wants."""
        code = request_type << 8 | request
        limit = data if isinstance(data, int) else 0
        if code == GET_DESCRIPTOR:
            answer = self._descriptor(value >> 8, value & 0xFF)
            return Ending.STALL if answer is None else answer[:limit]
        if code == GET_HID_REPORT_DESCRIPTOR and value >> 8 == 0x22:
            return HID_REPORT[:limit]
        if code == SET_REPORT and isinstance(data, bytes):
            self._on_out(data)
            return b""
        if code == CLEAR_FEATURE:
            with self._lock:
                self._halted.discard(index & 0xFF)
            return b""
        answers = {GET_STATUS: b"\1\0", GET_CONFIGURATION: b"\1", SET_CONFIGURATION: b"", SET_IDLE: b"", SET_INTERFACE: b""}
        return answers.get(code, Ending.STALL)

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        fixed = {1: self.descriptors.device, 2: self.descriptors.configuration}
        return self.descriptors.string(index) if kind == 3 else fixed.get(kind)
