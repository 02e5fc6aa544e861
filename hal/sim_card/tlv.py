# SPDX-License-Identifier: Apache-2.0
"""BER-TLV as cards use it, ISO/IEC 8825-1 §8.1: tags of one or two bytes, lengths of one to four.

Decides whether a string of data objects adds up; raises :class:`~hal.sim_card.errors.MalformedCardData` when it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.sim_card.errors import MalformedCardData

if TYPE_CHECKING:
    from collections.abc import Iterator

PADDING = (0x00, 0xFF)
MANY_BYTES, TWO_BYTE_TAG = 0x80, 0x1F
LONGEST_LENGTH = 3
LONGEST_VALUE = 0xFFFF


def objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) for each object; 00 or FF in the place of a tag is padding and must be followed by nothing but padding."""
    at = 0
    while at < len(data):
        if data[at] in PADDING:
            if data[at:].strip(bytes(PADDING)):
                raise MalformedCardData("data behind the padding")
            return
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        if at + length > len(data):
            raise MalformedCardData("a data object is cut off")
        yield tag, data[at : at + length]
        at += length


def only(data: bytes, tag: int) -> bytes:
    """Return the value of the one object ``data`` must consist of."""
    found = list(objects(data))
    if len(found) != 1 or found[0][0] != tag:
        raise MalformedCardData("not the one data object expected", tag=tag)
    return found[0][1]


def encode(tag: int, value: bytes) -> bytes:
    """Return one object in the shortest form; ``ValueError`` beyond 65,535 bytes."""
    if len(value) > LONGEST_VALUE:
        raise ValueError("a value too long")
    head = tag.to_bytes(2 if tag > 0xFF else 1, "big")  # noqa: PLR2004  # a two-byte tag
    if len(value) < MANY_BYTES:
        return head + bytes([len(value)]) + value
    if len(value) <= 0xFF:  # noqa: PLR2004  # one byte of length
        return head + bytes([0x81, len(value)]) + value
    return head + b"\x82" + len(value).to_bytes(2, "big") + value


def _tag(data: bytes, at: int) -> tuple[int, int]:
    if data[at] & TWO_BYTE_TAG != TWO_BYTE_TAG:
        return data[at], at + 1
    if at + 1 >= len(data) or data[at + 1] & MANY_BYTES:
        raise MalformedCardData("a tag of an unknown form")
    return data[at] << 8 | data[at + 1], at + 2


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return (length, position behind it)."""
    first = data[at : at + 1]
    if not first:
        raise MalformedCardData("a length is missing")
    if first[0] < MANY_BYTES:
        return first[0], at + 1
    count = first[0] & 0x7F
    if not 1 <= count <= LONGEST_LENGTH or at + 1 + count > len(data):
        raise MalformedCardData("a length of an unknown form")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count
