# SPDX-License-Identifier: Apache-2.0
"""Deterministic CBOR as the message text demands it (RFC 8949 §4.2), checked from the operator's side.

Decides whether bytes are the one accepted encoding. Rules
* only int, bytes, str, bool, null, array and map; map keys are unsigned integers; at most 16 levels
* no floats, no tags, no trailing bytes; what decodes must encode to the same bytes again

It knows no message.
"""

from __future__ import annotations

from typing import Any

import cbor2

MAX_DEPTH = 16
MAX_INT = 1 << 64


class Malformed(ValueError):
    """These bytes are not the accepted encoding, or not the expected shape."""


def dumps(value: Any) -> bytes:
    """Encode ``value``; raises :class:`Malformed` for a type the messages do not use."""
    _walk(value, 0)
    return encode(value)


def encode(value: Any) -> bytes:
    """Encode a value whose types are known, as those of :func:`loads` are."""
    return cbor2.dumps(value, canonical=True)


def head(major: int, number: int) -> bytes:
    """Return the shortest head of a major type (RFC 8949 §3)."""
    if number < 24:
        return bytes((major << 5 | number,))
    for more, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes((major << 5 | more,)) + number.to_bytes(size, "big")
    raise Malformed("integer out of range")


def octets(value: bytes) -> bytes:
    """Encode a byte string."""
    return head(2, len(value)) + value


def take_octets(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the byte string at ``at`` and where it ends; raises :class:`Malformed` for any head but the shortest of one."""
    first = data[at] if at < len(data) else 0
    size = {24: 1, 25: 2, 26: 4}.get(first & 31, 0)
    begin = at + 1 + size
    length = int.from_bytes(data[at + 1 : begin], "big") if size else first & 31
    if first >> 5 != 2 or data[at:begin] != head(2, length) or begin + length > len(data):
        raise Malformed("byte string")
    return data[begin : begin + length], begin + length


def loads(data: bytes, limit: int = 65536) -> Any:
    """Decode ``data`` of at most ``limit`` bytes; raises :class:`Malformed` for everything that is not deterministic."""
    if len(data) > limit:
        raise Malformed("too long")
    try:
        value = cbor2.loads(data)
        same = dumps(value) == data
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise Malformed(type(error).__name__) from None
    if not same:
        raise Malformed("not the deterministic encoding")
    return value


def _walk(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("too deep")
    kind = type(value)
    if kind is int:
        if not -MAX_INT <= value < MAX_INT:
            raise Malformed("integer out of range")
    elif kind is list:
        for entry in value:
            _walk(entry, depth + 1)
    elif kind is dict:
        for key, entry in value.items():
            if type(key) is not int or key < 0:
                raise Malformed("map key")
            _walk(entry, depth + 1)
    elif kind not in {bytes, str, bool, type(None)}:
        raise Malformed(kind.__name__)
