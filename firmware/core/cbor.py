# SPDX-License-Identifier: Apache-2.0
"""The one accepted CBOR encoding (RFC 8949 §4.2.1, narrowed), written and read.

Decides whether bytes are *the* encoding of a value. Knows nothing of messages.

Rules
* Values are exactly ``int`` (-2**64 … 2**64-1), ``bytes``, ``str``, ``bool``, ``None``, ``list``, ``dict``; map keys are non-negative
  ``int``; at most 16 containers deep. No tags, floats or other simple values. ``type(v) is``, never ``isinstance``: ``True == 1``.
* ``decode`` accepts what ``encode`` writes and nothing else: shortest heads, definite lengths, ascending map keys, nothing behind.
* One pass over the bytes, each looked at once. A general library does more than we want before it can be told not to: ``cbor2`` resolves
  shared references, regular expressions, dates …, and hashing a map key built of shared references costs it exponential time. In the
  tests it is the referee of both directions (ADR 0001).
* With non-negative integer keys the order of numbers is RFC 8949's bytewise order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firmware.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Malformed", "decode", "encode", "encode_array"]

MAX_DEPTH: Final = 16
MAX_BYTES: Final = 65_536

_ARGUMENT_MAX: Final = 2**64 - 1

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES: Final = {0xF4: False, 0xF5: True, 0xF6: None}
_SIMPLE_HEADS: Final = {value: bytes([head]) for head, value in _SIMPLE_VALUES.items()}
_DIRECT: Final = 24
"""Additional information below this is the argument itself."""
_LEAST: Final = {24: _DIRECT, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
"""Additional information that announces 1, 2, 4, 8 bytes → the least argument that needs them; above is reserved or indefinite."""
_KNOWN: Final = 512
"""Heads with an argument below this are made once: every map key, length and small number of our messages."""


def encode(value: Any) -> bytes:
    """Return the deterministic encoding of ``value``; ``TypeError`` or ``ValueError`` when the value is outside the rules."""
    parts: list[bytes] = []
    try:
        _write(value, 0, parts.append)
    except UnicodeEncodeError:
        raise ValueError("text is not Unicode") from None  # the original error holds the whole text
    return b"".join(parts)


def encode_array(elements: list[bytes]) -> bytes:
    """Return the array whose elements :func:`encode` has written already."""
    return b"".join((_head(_ARRAY, len(elements)), *elements))


def decode(data: bytes, limit: int = MAX_BYTES) -> Any:
    """Return the value that ``data`` (at most ``limit`` bytes) encodes; :class:`~firmware.core.errors.Malformed` for anything else."""
    if len(data) > limit:
        raise Malformed("too long")
    try:
        value, end = _read(data, 0, 0)
    except IndexError:
        raise Malformed("truncated") from None
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None  # the original error holds the whole text
    if end != len(data):
        raise Malformed("trailing bytes")
    return value


def _write(value: Any, depth: int, put: Callable[[bytes], None]) -> None:
    """Put the encoding of ``value``, which stands inside ``depth`` containers."""
    kind = type(value)
    if kind is bytes:
        size = len(value)
        put(_BYTES_HEADS[size] if size < _KNOWN else _head(_BYTES, size))
        put(value)
    elif kind is str:
        text = value.encode()
        size = len(text)
        put(_TEXT_HEADS[size] if size < _KNOWN else _head(_TEXT, size))
        put(text)
    elif kind is int:
        put(_UNSIGNED_HEADS[value] if 0 <= value < _KNOWN else _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value))
    elif kind is list or kind is dict:
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deep")
        (_write_array if kind is list else _write_map)(value, depth + 1, put)
    elif kind is bool or value is None:
        put(_SIMPLE_HEADS[value])
    else:
        raise TypeError(f"{kind.__name__} has no place in a message")


def _write_array(values: list[Any], depth: int, put: Callable[[bytes], None]) -> None:
    """Put an array whose elements stand inside ``depth`` containers."""
    put(_head(_ARRAY, len(values)))
    for value in values:
        _write(value, depth, put)


def _write_map(values: dict[int, Any], depth: int, put: Callable[[bytes], None]) -> None:
    """Put a map whose values stand inside ``depth`` containers."""
    for key in values:
        if type(key) is not int or key < 0:
            raise TypeError("map keys are non-negative integers")
    put(_head(_MAP, len(values)))
    for key in sorted(values):
        put(_UNSIGNED_HEADS[key] if key < _KNOWN else _head(_UNSIGNED, key))
        _write(values[key], depth, put)


def _head(major: int, argument: int) -> bytes:
    """Return the shortest head of ``major`` with ``argument``, which is not negative."""
    if argument < _DIRECT:
        return bytes((major << 5 | argument,))
    if argument > _ARGUMENT_MAX:
        raise ValueError("integer beyond 64 bits")
    info = _DIRECT + (argument >= _LEAST[25]) + (argument >= _LEAST[26]) + (argument >= _LEAST[27])
    return bytes([major << 5 | info]) + argument.to_bytes(1 << (info - _DIRECT), "big")


_UNSIGNED_HEADS, _BYTES_HEADS, _TEXT_HEADS = (
    tuple(_head(major, argument) for argument in range(_KNOWN)) for major in (_UNSIGNED, _BYTES, _TEXT)
)


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the item that begins at ``at``, inside ``depth`` containers, and the offset behind it; ``IndexError`` where data ends."""
    head = data[at]
    major, argument, at = head >> 5, head & 0x1F, at + 1
    if major >= _TAG:
        if head not in _SIMPLE_VALUES:
            raise Malformed("tag, float or simple value")
        return _SIMPLE_VALUES[head], at
    if argument >= _DIRECT:
        argument, at = _argument(data, at, argument)
    if major <= _NEGATIVE:
        return (argument if major == _UNSIGNED else -1 - argument), at
    if major <= _TEXT:
        end = at + argument
        if end > len(data):
            raise Malformed("truncated")
        return (data[at:end] if major == _BYTES else data[at:end].decode()), end
    if depth >= MAX_DEPTH:
        raise Malformed("nested too deep")
    return (_read_array if major == _ARRAY else _read_map)(data, at, argument, depth + 1)


def _argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    """Return the argument that the additional information ``info`` announces at ``at``, in its shortest form, and the offset behind it."""
    if info not in _LEAST:
        raise Malformed("indefinite or reserved length")
    end = at + (1 << (info - _DIRECT))
    if end > len(data):
        raise Malformed("truncated")
    argument = int.from_bytes(data[at:end], "big")
    if argument < _LEAST[info]:
        raise Malformed("not the shortest form")
    return argument, end


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    """Return the ``count`` items that begin at ``at`` and the offset behind them."""
    values = []
    for _ in range(count):
        value, at = _read(data, at, depth)
        values.append(value)
    return values, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the ``count`` pairs that begin at ``at`` and the offset behind them; ascending keys are neither doubled nor out of order."""
    values: dict[int, Any] = {}
    last = -1
    for _ in range(count):
        if data[at] >> 5 != _UNSIGNED:
            raise Malformed("map key")
        key, at = _read(data, at, depth)
        if key <= last:
            raise Malformed("map keys ascend")
        values[key], at = _read(data, at, depth)
        last = key
    return values, at
