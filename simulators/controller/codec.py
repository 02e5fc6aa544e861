# SPDX-License-Identifier: Apache-2.0
"""The simulator's own end of the link protocol, as small as its readiness check needs: build a request, read an answer.

Written from the protocol's description (``00 | COBS(version, seq, type, payload, CRC-32 LE) | 00``); shares nothing with the driver.
"""

from __future__ import annotations

import zlib

HELLO = 0x01


def build(seq: int, kind: int, payload: bytes) -> bytes:
    """Return the frame of one request, with both delimiters."""
    body = bytes([1, seq, kind]) + payload
    body += zlib.crc32(body).to_bytes(4, "little")
    return b"\0" + stuff(body) + b"\0"


def parse(stuffed: bytes) -> tuple[int, int, bytes] | None:
    """Return (seq, type, payload) of the bytes between two delimiters, or ``None`` when they are not a frame."""
    body = unstuff(stuffed)
    if body is None or len(body) < 7 or body[0] != 1 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        return None
    return body[1], body[2], body[3:-4]


def stuff(data: bytes) -> bytes:
    """Return the COBS form of ``data``: each zero becomes the distance to the next one, each 254 bytes without a zero start with FF."""
    blocks: list[bytes] = []
    *inner, last = data.split(b"\0")
    for run in inner:
        whole, rest = divmod(len(run), 254)
        blocks += [b"\xff" + run[254 * i : 254 * (i + 1)] for i in range(whole)]
        blocks.append(bytes([rest + 1]) + run[254 * whole :])
    whole, rest = divmod(len(last), 254)
    blocks += [b"\xff" + last[254 * i : 254 * (i + 1)] for i in range(whole)]
    if rest or not whole:
        blocks.append(bytes([rest + 1]) + last[254 * whole :])
    return b"".join(blocks)


def unstuff(stuffed: bytes) -> bytes | None:
    """Return the bytes behind a COBS form, or ``None`` when it is none."""
    data = bytearray()
    while stuffed:
        code, run = stuffed[0], stuffed[1 : stuffed[0]]
        if code == 0 or len(run) != code - 1 or 0 in run:
            return None
        stuffed = stuffed[code:]
        data += run
        if code < 0xFF and stuffed:
            data.append(0)
    return bytes(data)
