# SPDX-License-Identifier: Apache-2.0
"""Names of networks and where they are shown: EF_PNN, EF_OPL, EF_OPL5G. TS 31.102 §4.2.58, §4.2.59, §4.4.11.9.

Decides codings only, as :mod:`hal.sim_card.codecs.basic` does. Text is packed as in TS 24.008 §10.5.3.5a.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.sim_card import tlv
from hal.sim_card.codecs.basic import BASIC, EMPTY_PLMN, ESCAPE, PLMN_BYTES
from hal.sim_card.errors import MalformedCardData

FULL, SHORT = 0x43, 0x45
EXTENSION, UCS2 = 0x80, 0x10
SCHEME_BITS, SPARE_BITS = 0x70, 0x07
WILD = "D"
"""Stands for any digit in the network of an EF_OPL record."""


@dataclass(frozen=True, slots=True)
class NetworkName:
    """A record of EF_PNN; ``short`` may be empty."""

    full: str
    short: str = ""


@dataclass(frozen=True, slots=True)
class OperatorArea:
    """A record of EF_OPL or EF_OPL5G: MCCMNC (D = any digit), first and last area code, record of EF_PNN (0 = the network's own name)."""

    network: str
    first: int
    last: int
    name: int


def encode_network_name(value: NetworkName | None, length: int) -> bytes:
    """One record of EF_PNN: tag 43 with the full name, 45 with the short one, FF behind. None = an empty record."""
    if value is None:
        return b"\xff" * length
    encoded = tlv.encode(FULL, _pack(value.full)) + (tlv.encode(SHORT, _pack(value.short)) if value.short else b"")
    if len(encoded) > length:
        raise ValueError("the name does not fit the record")
    return encoded.ljust(length, b"\xff")


def decode_network_name(record: bytes) -> NetworkName | None:
    """Inverse of :func:`encode_network_name`."""
    found = dict(tlv.objects(record))
    if not found:
        return None
    if FULL not in found:
        raise MalformedCardData("a network without a full name")
    return NetworkName(_unpack(found[FULL]), _unpack(found[SHORT]) if SHORT in found else "")


def encode_operator_area(value: OperatorArea | None, length: int, *, area_bytes: int = 2) -> bytes:
    """One record of EF_OPL (area codes of 2 bytes) or EF_OPL5G (3 bytes). None = an empty record."""
    if value is None:
        return b"\xff" * length
    if length < PLMN_BYTES + 2 * area_bytes + 1 or not 0 <= value.name <= 0xFF:  # noqa: PLR2004  # one byte
        raise ValueError("the area does not fit the record")
    if len(value.network) not in (5, 6) or set(value.network) - set("0123456789" + WILD):
        raise ValueError("a network has 5 or 6 digits")
    if not all(0 <= area < 1 << 8 * area_bytes for area in (value.first, value.last)):
        raise ValueError("an area code out of range")
    mcc, mnc = value.network[:3], value.network[3:].ljust(3, "F")
    network = bytes.fromhex(mcc[1] + mcc[0] + mnc[2] + mcc[2] + mnc[1] + mnc[0])
    encoded = network + value.first.to_bytes(area_bytes, "big") + value.last.to_bytes(area_bytes, "big") + bytes([value.name])
    return encoded.ljust(length, b"\xff")


def decode_operator_area(record: bytes, *, area_bytes: int = 2) -> OperatorArea | None:
    """Inverse of :func:`encode_operator_area`."""
    length = PLMN_BYTES + 2 * area_bytes + 1
    if len(record) < length or record[length:].strip(b"\xff"):
        raise MalformedCardData("an operator area of another length", length=len(record))
    if record[:PLMN_BYTES] == EMPTY_PLMN:
        return None
    digits = record[:PLMN_BYTES].hex().upper()
    network = digits[1] + digits[0] + digits[3] + digits[5] + digits[4] + digits[2].strip("F")
    if set(network) - set("0123456789" + WILD):
        raise MalformedCardData("a digit above 9")
    first, last = record[PLMN_BYTES : PLMN_BYTES + area_bytes], record[PLMN_BYTES + area_bytes : length - 1]
    return OperatorArea(network, int.from_bytes(first, "big"), int.from_bytes(last, "big"), record[length - 1])


def _pack(text: str) -> bytes:
    """TS 23.038 §6.1.2.2: seven bits a character, or UCS2; the number of unused bits of the last byte stands in the first."""
    if all(character in BASIC and character != chr(ESCAPE) for character in text):
        number, bits = 0, 7 * len(text)
        for place, character in enumerate(text):
            number |= BASIC.index(character) << 7 * place
        spare = -bits % 8
        return bytes([EXTENSION | spare]) + number.to_bytes((bits + 7) // 8, "little")
    if any(ord(character) > 0xFFFF for character in text):  # noqa: PLR2004  # UCS2 has no surrogates
        raise ValueError("a character outside UCS2")
    return bytes([EXTENSION | UCS2]) + text.encode("utf-16-be", "surrogatepass")


def _unpack(value: bytes) -> str:
    if not value or not value[0] & EXTENSION:
        raise MalformedCardData("a name without its coding")
    scheme, spare, packed = value[0] & SCHEME_BITS, value[0] & SPARE_BITS, value[1:]
    if scheme == UCS2:
        if len(packed) % 2:
            raise MalformedCardData("half a character")
        return packed.decode("utf-16-be", "surrogatepass")
    if scheme or (spare and not packed):
        raise MalformedCardData("a name of an unknown coding")
    number = int.from_bytes(packed, "little")
    codes = [number >> 7 * place & 0x7F for place in range((8 * len(packed) - spare) // 7)]
    if ESCAPE in codes:
        raise MalformedCardData("text outside the default alphabet")
    return "".join(BASIC[code] for code in codes)
