# SPDX-License-Identifier: Apache-2.0
"""Frames of the controller link: ``00 | COBS(version | seq | type | payload ≤ 240 | CRC-32 little-endian) | 00``.

COBS as in Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999; CRC-32 of ISO-HDLC, which is ``zlib.crc32``. A CRC finds
accidents and authenticates nobody. What a type means is decided in :mod:`hal.controller.messages`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from cobs import cobs

from hal.errors import ProtocolError

VERSION: Final = 1
MAX_PAYLOAD: Final = 240
DELIMITER: Final = b"\0"
_CRC: Final = 4
_HEAD: Final = 3
MAX_STUFFED: Final = _HEAD + MAX_PAYLOAD + _CRC + 1
"""Longest form between two delimiters: one byte of COBS for a body of at most 254 bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: sequence number and type, 0 to 255 each, and at most 240 bytes of payload."""

    seq: int
    type: int
    payload: bytes


def build(frame: Frame) -> bytes:
    """Return the bytes of ``frame`` with both delimiters; ``ValueError`` when it cannot be sent."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise ValueError(f"payload of {len(frame.payload)} bytes, {MAX_PAYLOAD} allowed")
    body = bytes((VERSION, frame.seq, frame.type)) + frame.payload
    stuffed: bytes = cobs.encode(body + zlib.crc32(body).to_bytes(_CRC, "little"))
    return DELIMITER + stuffed + DELIMITER


def parse(stuffed: bytes) -> Frame:
    """Return the frame between two delimiters; raises :class:`~hal.errors.ProtocolError` for anything that is none."""
    if len(stuffed) > MAX_STUFFED:
        raise ProtocolError("frame too long", length=len(stuffed))
    try:
        body: bytes = cobs.decode(stuffed)
    except cobs.DecodeError as error:
        raise ProtocolError("not COBS", length=len(stuffed)) from error
    if len(body) < _HEAD + _CRC:
        raise ProtocolError("frame too short", length=len(body))
    covered, crc = body[:-_CRC], body[-_CRC:]
    if zlib.crc32(covered) != int.from_bytes(crc, "little"):
        raise ProtocolError("wrong CRC", length=len(body))
    if covered[0] != VERSION:
        raise ProtocolError("unknown protocol version", version=covered[0])
    return Frame(covered[1], covered[2], covered[_HEAD:])
