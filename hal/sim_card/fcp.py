# SPDX-License-Identifier: Apache-2.0
"""File control parameters, the answer to SELECT. ETSI TS 102 221 §11.1.1.3.

Decides what a card says about a file. Rules: templates beyond 127 bytes exist; an absent tag 88 means the low five bits of the file
identifier, an empty one means none; unknown tags are kept out of the way; a template that does not add up is
:class:`~hal.sim_card.errors.MalformedCardData`. The answer of a 2G SELECT is :mod:`hal.sim_card.gsm`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hal.sim_card import tlv
from hal.sim_card.errors import MalformedCardData

FCP, DESCRIPTOR, FID, AID, SIZE, TOTAL, SFI, LIFE_CYCLE = 0x62, 0x82, 0x83, 0x84, 0x80, 0x81, 0x88, 0x8A
RULE_REFERENCE, RULE_COMPACT, RULE_EXPANDED, PROPRIETARY, PIN_STATUS = 0x8B, 0x8C, 0xAB, 0xA5, 0xC6
PIN_BITS, USAGE, KEY_REFERENCE = 0x90, 0x95, 0x83
DIRECTORY = 0x38
SHAREABLE = 0x40


class Structure(Enum):
    """How a file is built, bits 1 to 3 and 4 to 6 of the file descriptor byte."""

    DIRECTORY = "directory"
    TRANSPARENT = "transparent"
    LINEAR = "linear"
    CYCLIC = "cyclic"
    BER_TLV = "ber-tlv"
    UNKNOWN = "unknown"


_STRUCTURES = {0x01: Structure.TRANSPARENT, 0x02: Structure.LINEAR, 0x06: Structure.CYCLIC}
RECORDS = (Structure.LINEAR, Structure.CYCLIC)


class LifeCycle(Enum):
    """The life cycle status integer, ISO/IEC 7816-4 §7.4.10; the numbers 04 to 07 are read by their bits."""

    NOT_TOLD = "not told"
    CREATION = "creation"
    INITIALISATION = "initialisation"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    TERMINATED = "terminated"
    PROPRIETARY = "proprietary"


TERMINATED = 0x0C
"""000011xx."""
_LIFE_CYCLES = {
    0x00: LifeCycle.NOT_TOLD,
    0x01: LifeCycle.CREATION,
    0x03: LifeCycle.INITIALISATION,
    0x04: LifeCycle.DEACTIVATED,
    0x05: LifeCycle.ACTIVATED,
    0x06: LifeCycle.DEACTIVATED,
    0x07: LifeCycle.ACTIVATED,
}


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """One key of the PIN status template (C6): its reference, whether it is enabled, and the usage qualifier where it is told."""

    reference: int
    enabled: bool
    usage: int | None = None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the card says. ``size`` in bytes (None where it says nothing), ``record_length`` 0 for a transparent file.

    ``rule``: the access rules by reference (EF_ARR's identifier and the record of each security environment), compact or expanded, as
    (tag, bytes). ``proprietary``: the content of tag A5 by tag.
    """

    fid: int
    directory: bool
    size: int | None
    record_length: int
    records: int
    sfi: int | None
    aid: bytes
    active: bool
    keys: tuple[int, ...]
    structure: Structure = Structure.UNKNOWN
    shareable: bool = False
    total: int | None = None
    life_cycle: LifeCycle = LifeCycle.NOT_TOLD
    rule: tuple[int, bytes] | None = None
    key_status: tuple[KeyStatus, ...] = ()
    proprietary: tuple[tuple[int, bytes], ...] = ()

    @property
    def unit(self) -> int:
        """Bytes of one update of the whole: the record's length, or the file's. Raises :class:`MalformedCardData` when unknown."""
        unit = self.record_length or self.size
        if not unit:
            raise MalformedCardData("a file without a size")
        return unit


def parse(template: bytes) -> FileInfo:
    """Parse the response data of SELECT; raises :class:`MalformedCardData`."""
    fields = dict(tlv.objects(tlv.only(template, FCP)))
    descriptor, fid = fields.get(DESCRIPTOR, b""), fields.get(FID, b"")
    if len(descriptor) not in (2, 5) or len(fid) != 2:  # noqa: PLR2004  # the two forms of the descriptor; an identifier
        raise MalformedCardData("no usable file descriptor")
    structure = _structure(descriptor[0])
    with_records = structure in RECORDS
    if with_records != (len(descriptor) == 5):  # noqa: PLR2004  # record files alone carry length and number
        raise MalformedCardData("file descriptor and structure disagree")
    keys = _keys(fields.get(PIN_STATUS, b""))
    cycle = _life_cycle(fields.get(LIFE_CYCLE, b""))
    return FileInfo(
        fid=int.from_bytes(fid, "big"),
        directory=structure is Structure.DIRECTORY,
        size=int.from_bytes(fields[SIZE], "big") if SIZE in fields else None,
        record_length=int.from_bytes(descriptor[2:4], "big") if with_records else 0,
        records=descriptor[4] if with_records else 0,
        sfi=None if structure is Structure.DIRECTORY else _short_identifier(fields.get(SFI), fid),
        aid=fields.get(AID, b""),
        active=cycle in (LifeCycle.ACTIVATED, LifeCycle.NOT_TOLD),
        keys=tuple(key.reference for key in keys),
        structure=structure,
        shareable=bool(descriptor[0] & SHAREABLE),
        total=int.from_bytes(fields[TOTAL], "big") if TOTAL in fields else None,
        life_cycle=cycle,
        rule=next(((tag, fields[tag]) for tag in (RULE_REFERENCE, RULE_COMPACT, RULE_EXPANDED) if tag in fields), None),
        key_status=keys,
        proprietary=tuple(tlv.objects(fields.get(PROPRIETARY, b""))),
    )


def _structure(descriptor: int) -> Structure:
    """§11.1.1.4.3: bit 8 is reserved; 111 with structure 000 is a directory, with 001 a BER-TLV file."""
    if descriptor & 0x80:
        return Structure.UNKNOWN
    if descriptor & DIRECTORY == DIRECTORY:
        return {0x00: Structure.DIRECTORY, 0x01: Structure.BER_TLV}.get(descriptor & 0x07, Structure.UNKNOWN)
    return _STRUCTURES.get(descriptor & 0x07, Structure.UNKNOWN)


def _life_cycle(value: bytes) -> LifeCycle:
    if not value:
        return LifeCycle.NOT_TOLD
    if len(value) != 1:
        raise MalformedCardData("a life cycle status longer than one byte")
    if value[0] & 0xFC == TERMINATED:
        return LifeCycle.TERMINATED
    return _LIFE_CYCLES.get(value[0], LifeCycle.PROPRIETARY)


def _keys(template: bytes) -> tuple[KeyStatus, ...]:
    """§9.5.2: a bit for each key reference that follows, in order; a usage qualifier stands before its reference."""
    bits, usage = b"", None
    keys: list[KeyStatus] = []
    for tag, value in tlv.objects(template):
        if tag == PIN_BITS:
            bits = value
        elif tag == USAGE:
            usage = value[0] if len(value) == 1 else None
        elif tag == KEY_REFERENCE:
            if len(value) != 1:
                raise MalformedCardData("key reference of another length than 1")
            place = len(keys)
            enabled = place // 8 < len(bits) and bool(bits[place // 8] & 0x80 >> place % 8)
            keys.append(KeyStatus(value[0], enabled, usage))
            usage = None
    return tuple(keys)


def _short_identifier(value: bytes | None, fid: bytes) -> int | None:
    if value is None:
        return fid[1] & 0x1F or None
    if len(value) > 1:
        raise MalformedCardData("short identifier longer than one byte")
    return value[0] >> 3 or None if value else None
