# SPDX-License-Identifier: Apache-2.0
"""The one accepted CBOR encoding (RFC 8949 §4.2.1, narrowed), and the only importer of ``cbor2``.

Decides whether bytes are *the* encoding of a value. Knows nothing of messages.

Rules
* Values are exactly ``int`` (-2**64 … 2**64-1), ``bytes``, ``str``, ``bool``, ``None``, ``list``, ``dict``; map keys are non-negative
  ``int``; at most 16 containers deep. No tags, floats or other simple values. ``type(v) is``, never ``isinstance``: ``True == 1``.
* ``decode`` accepts what ``encode`` writes and nothing else: re-encoding catches duplicate keys, long forms, wrong order.
* Before the library sees a byte, the item heads are scanned. ``cbor2`` decodes shared references, regular expressions, dates … by
  itself; a map key built of shared references costs exponential time (cbor2 5.9: 198 bytes take 0.14 s, every 24 bytes more eight
  times as long), so they must be refused before decoding, not after.
* With non-negative integer keys the library's length-first order (RFC 7049) and RFC 8949's bytewise order agree.
"""

from __future__ import annotations

from typing import Any, Final

import cbor2

from firmware.core.errors import Malformed

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Malformed", "decode", "encode"]

MAX_DEPTH: Final = 16
MAX_BYTES: Final = 65_536

_INT_MIN: Final = -(2**64)
_INT_MAX: Final = 2**64 - 1

_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = 0, 2, 3, 4, 5, 6, 7
_SIMPLE_VALUES: Final = frozenset({20, 21, 22})
"""false, true, null."""
_DIRECT: Final = 24
"""Additional information below this is the argument itself; 24…27 announce 1, 2, 4, 8 bytes; above is reserved or indefinite."""
_LONGEST: Final = 27


def encode(value: Any) -> bytes:
    """Return the deterministic encoding of ``value``; ``TypeError`` or ``ValueError`` when the value is outside the rules."""
    _walk(value, 0)
    try:
        return cbor2.dumps(value, canonical=True)
    except UnicodeEncodeError:
        raise ValueError("text is not Unicode") from None  # the original error holds the whole text


def decode(data: bytes, limit: int = MAX_BYTES) -> Any:
    """Return the value that ``data`` (at most ``limit`` bytes) encodes; :class:`~firmware.core.errors.Malformed` for anything else."""
    if len(data) > limit:
        raise Malformed("too long")
    _scan(data)
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except (cbor2.CBORDecodeError, TypeError, ValueError):
        raise Malformed("not decodable") from None  # the library's text may quote the content
    if again != data:
        raise Malformed("not the deterministic encoding")
    return value


def _walk(value: Any, depth: int) -> None:
    """Refuse every type and range the rules leave out; ``depth`` is the number of containers around ``value``."""
    kind = type(value)
    if kind is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise ValueError("integer beyond 64 bits")
    elif kind in (list, dict):
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind is dict and not all(type(key) is int and 0 <= key <= _INT_MAX for key in value):
            raise TypeError("map keys are non-negative integers")
        for inner in value.values() if kind is dict else value:
            _walk(inner, depth + 1)
    elif kind not in (bytes, str, bool) and value is not None:
        raise TypeError(f"{kind.__name__} has no place in a message")


def _scan(data: bytes) -> None:
    """Walk the item heads without recursion; afterwards only allowed major types, one whole item and nothing behind it are there."""
    at = 0
    open_items: list[tuple[int, bool]] = [(1, False)]  # items still to come in each open container, and whether it is a map
    while open_items:
        left, is_map = open_items.pop()
        if left == 0:
            continue
        open_items.append((left - 1, is_map))
        major, argument, at = _head(data, at)
        if is_map and left % 2 == 0 and major != _UNSIGNED:
            raise Malformed("map key")
        if major in (_BYTES, _TEXT):
            at += argument
        elif major in (_ARRAY, _MAP):
            if len(open_items) > MAX_DEPTH:
                raise Malformed("nested too deep")
            argument *= 2 if major == _MAP else 1
            open_items.append((argument, major == _MAP))
        if at > len(data) or (major in (_ARRAY, _MAP) and argument > len(data) - at):
            raise Malformed("truncated")
    if at != len(data):
        raise Malformed("trailing bytes")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return major type, argument and the offset behind the head that starts at ``at``."""
    if at >= len(data):
        raise Malformed("truncated")
    major, info = data[at] >> 5, data[at] & 0x1F
    if major == _TAG or (major == _SIMPLE and info not in _SIMPLE_VALUES):
        raise Malformed("tag, float or simple value")
    if info < _DIRECT or major == _SIMPLE:
        return major, info, at + 1
    if info > _LONGEST:
        raise Malformed("indefinite or reserved length")
    end = at + 1 + (1 << (info - _DIRECT))
    if end > len(data):
        raise Malformed("truncated")
    return major, int.from_bytes(data[at + 1 : end], "big"), end
