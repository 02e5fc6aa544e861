# SPDX-License-Identifier: Apache-2.0
"""usbredir, the protocol that carries a USB device over a socket: messages as bytes, and nothing of what they mean.

Clause: usbredirproto.h 0.13 (package libusbredirparser-dev). Little endian; header = type, length of the rest, id, each u32. We offer no
64-bit ids and no 32-bit bulk lengths, so headers stay 12 bytes and a bulk transfer has at most 65,535.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

HELLO, DEVICE_CONNECT, DEVICE_DISCONNECT, RESET, INTERFACE_INFO, EP_INFO = range(6)
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS, SET_ALT_SETTING, GET_ALT_SETTING, ALT_SETTING_STATUS = range(6, 12)
START_INTERRUPT, STOP_INTERRUPT, INTERRUPT_STATUS = 15, 16, 17
CANCEL = 21
CONTROL, BULK, ISO, INTERRUPT = 100, 101, 102, 103

SUCCESS, CANCELLED, INVALID, IO_ERROR, STALL, TIMEOUT, BABBLE = range(7)
SPEED_FULL = 1
TYPE_CONTROL, TYPE_BULK, TYPE_INTERRUPT, TYPE_INVALID = 0, 2, 3, 255

CAP_CONNECT_VERSION, CAP_EP_PACKET_SIZE = 1, 4
CAPABILITIES: Final = 1 << CAP_CONNECT_VERSION | 1 << CAP_EP_PACKET_SIZE

_HEADER = struct.Struct("<III")
CONTROL_HEADER = struct.Struct("<BBBBHHH")
"""endpoint, request, request type, status, value, index, length"""
BULK_HEADER = struct.Struct("<BBHI")
"""endpoint, status, length, stream"""
INTERRUPT_HEADER = struct.Struct("<BBH")
"""endpoint, status, length"""
CONNECT = struct.Struct("<BBBBHHH")
"""speed, class, subclass, protocol, vendor, product, version"""
MAX_MESSAGE = 1 << 17


def hello(name: str) -> bytes:
    """Return the body of HELLO."""
    return name.encode().ljust(64, b"\0") + struct.pack("<I", CAPABILITIES)


def message(kind: int, body: bytes, number: int = 0) -> bytes:
    """Return a whole message."""
    return _HEADER.pack(kind, len(body), number) + body


def receive(channel: socket.socket) -> tuple[int, int, bytes] | None:
    """Return (type, id, body) of the next message, ``None`` at the end of the stream; ``ValueError`` for one that is too long."""
    head = _exactly(channel, _HEADER.size)
    if head is None:
        return None
    kind, length, number = _HEADER.unpack(head)
    if length > MAX_MESSAGE:
        raise ValueError("a message longer than any we know")
    body = _exactly(channel, length)
    return None if body is None else (kind, number, body)


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    data = b""
    while len(data) < length:
        part = channel.recv(length - len(data))
        if not part:
            return None
        data += part
    return data


def slot(endpoint: int) -> int:
    """Return the place of ``endpoint`` in the tables of 32: 0..15 out, 16..31 in."""
    return (endpoint & 0x80) >> 3 | endpoint & 0x0F


def ep_info(ends: list[tuple[int, int, int]]) -> bytes:
    """Return the body of EP_INFO for (address, type as in the descriptor, packet size) of each endpoint; endpoint 0 is always there."""
    types, intervals, sizes = [TYPE_INVALID] * 32, [0] * 32, [0] * 32
    for at in (0, 16):
        types[at], sizes[at] = TYPE_CONTROL, 64
    for address, kind, packet in ends:
        types[slot(address)], intervals[slot(address)], sizes[slot(address)] = kind, int(kind == TYPE_INTERRUPT), packet
    return bytes(types) + bytes(intervals) + bytes(32) + struct.pack("<32H", *sizes)


def interface_info(usb_class: int) -> bytes:
    """Return the body of INTERFACE_INFO for one interface."""
    return struct.pack("<I", 1) + bytes(32) + bytes([usb_class]).ljust(32, b"\0") + bytes(64)
