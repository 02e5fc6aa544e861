# SPDX-License-Identifier: Apache-2.0
"""File control parameters, the answer to SELECT. ETSI TS 102 221 §11.1.1.3.

Decides what a card says about a file. Rules: BER-TLV with lengths of one to three bytes (templates beyond 127 bytes exist);
an absent tag 88 means the low five bits of the file identifier, an empty one means none; unknown tags are skipped; a template that
does not add up is :class:`~hal.sim_card.errors.MalformedCardData`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.sim_card.errors import MalformedCardData

if TYPE_CHECKING:
    from collections.abc import Iterator

FCP, DESCRIPTOR, FID, AID, SIZE, SFI, LIFE_CYCLE, PIN_STATUS, KEY_REFERENCE = 0x62, 0x82, 0x83, 0x84, 0x80, 0x88, 0x8A, 0xC6, 0x83
DIRECTORY, LINEAR, CYCLIC = 0x38, 0x02, 0x06


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the card says. ``size`` in bytes (None where it says nothing), ``record_length`` 0 for a transparent file."""

    fid: int
    directory: bool
    size: int | None
    record_length: int
    records: int
    sfi: int | None
    aid: bytes
    active: bool
    keys: tuple[int, ...]

    @property
    def unit(self) -> int:
        """Bytes of one update of the whole: the record's length, or the file's. Raises :class:`MalformedCardData` when unknown."""
        unit = self.record_length or self.size
        if not unit:
            raise MalformedCardData("a file without a size")
        return unit


def parse(template: bytes) -> FileInfo:
    """Parse the response data of SELECT; raises :class:`MalformedCardData`."""
    outer = list(_objects(template))
    if len(outer) != 1 or outer[0][0] != FCP:
        raise MalformedCardData("no FCP template")
    fields = dict(_objects(outer[0][1]))
    descriptor, fid = fields.get(DESCRIPTOR, b""), fields.get(FID, b"")
    if len(descriptor) not in (2, 5) or len(fid) != 2:  # noqa: PLR2004  # the two forms of the descriptor; an identifier
        raise MalformedCardData("no usable file descriptor")
    kind = descriptor[0] & 0x3F
    linear = kind & 0x07 in (LINEAR, CYCLIC) and kind & DIRECTORY != DIRECTORY
    if linear != (len(descriptor) == 5):  # noqa: PLR2004  # record files alone carry length and number
        raise MalformedCardData("file descriptor and structure disagree")
    pins = [value for tag, value in _objects(fields.get(PIN_STATUS, b"")) if tag == KEY_REFERENCE]
    if any(len(value) != 1 for value in pins):
        raise MalformedCardData("key reference of another length than 1")
    return FileInfo(
        fid=int.from_bytes(fid, "big"),
        directory=kind & DIRECTORY == DIRECTORY,
        size=int.from_bytes(fields[SIZE], "big") if SIZE in fields else None,
        record_length=int.from_bytes(descriptor[2:4], "big") if linear else 0,
        records=descriptor[4] if linear else 0,
        sfi=None if kind & DIRECTORY == DIRECTORY else _short_identifier(fields.get(SFI), fid),
        aid=fields.get(AID, b""),
        active=not fields.get(LIFE_CYCLE) or fields[LIFE_CYCLE][0] & 0x05 == 0x05,  # noqa: PLR2004  # 05 or 07: operational, activated
        keys=tuple(value[0] for value in pins),
    )


def _short_identifier(value: bytes | None, fid: bytes) -> int | None:
    if value is None:
        return fid[1] & 0x1F or None
    if len(value) > 1:
        raise MalformedCardData("short identifier longer than one byte")
    return value[0] >> 3 or None if value else None


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of a BER-TLV string with one-byte tags; raises :class:`MalformedCardData` when it is cut or too long."""
    at = 0
    while at < len(data):
        tag, at = data[at], at + 1
        if tag in (0x00, 0xFF):
            return  # padding
        length, at = _length(data, at)
        if at + length > len(data):
            raise MalformedCardData("a data object is cut off")
        yield tag, data[at : at + length]
        at += length


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return (length, position behind it), ISO/IEC 8825-1 §8.1.3."""
    first = data[at : at + 1]
    if not first:
        raise MalformedCardData("a length is missing")
    if first[0] < 0x80:  # noqa: PLR2004  # the short form
        return first[0], at + 1
    count = first[0] & 0x7F
    if count not in (1, 2) or at + 1 + count > len(data):
        raise MalformedCardData("a length of an unknown form")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count
