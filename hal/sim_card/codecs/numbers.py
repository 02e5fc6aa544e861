# SPDX-License-Identifier: Apache-2.0
"""Records that hold a number to be called: EF_SMSP, EF_MSISDN, EF_ECC.

Decides codings only, as :mod:`hal.sim_card.codecs.basic` does. An alpha identifier of X bytes stands before the fixed part; X is whatever
the card's record leaves, TS 31.102 §4.2.26.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.sim_card.codecs.basic import decimal, decode_text, encode_text, swap, unswap
from hal.sim_card.errors import MalformedCardData

SMSP_TAIL, MSISDN_TAIL, ECC_HEAD = 28, 14, 3
INTERNATIONAL, NATIONAL = 0x91, 0x81
"""Type of number and numbering plan, TS 24.008 §10.5.4.7: E.164 international, or unknown."""
SERVICE_CENTRE_PRESENT, NOT_PRESENT = 0xFD, 0x02


@dataclass(frozen=True, slots=True)
class Number:
    """A dialling number with its name. ``kind`` is the TON/NPI byte; an empty record has no digits."""

    digits: str = field(repr=False)
    alpha: str = ""
    kind: int = INTERNATIONAL


@dataclass(frozen=True, slots=True)
class EmergencyNumber:
    """An emergency number: 1 to 6 digits, its name, and the category of TS 24.008 §10.5.4.33 (00 = none told)."""

    digits: str
    alpha: str = ""
    category: int = 0


def encode_smsp(centre: str, length: int) -> bytes:
    """One record of EF_SMSP, TS 31.102 §4.2.27: only the service centre is present (indicator FD); ``length`` is the card's own.

    Service centre address: number of bytes that follow, 91 (international, E.164), digits swapped; 12 bytes in all.
    """
    if length < SMSP_TAIL:
        raise ValueError("a record of EF_SMSP has at least 28 bytes")
    if not centre:
        return b"\xff" * length
    return b"\xff" * (length - SMSP_TAIL) + bytes([SERVICE_CENTRE_PRESENT]) + b"\xff" * 12 + _address(centre, INTERNATIONAL) + b"\xff" * 3


def decode_smsp(record: bytes) -> str:
    """Return the digits of the service centre, empty when absent."""
    if len(record) < SMSP_TAIL:
        raise MalformedCardData("a record of EF_SMSP has at least 28 bytes", length=len(record))
    tail = record[-SMSP_TAIL:]
    return "" if tail[0] & NOT_PRESENT else _number(tail[13:25])[0]


def encode_msisdn(number: Number, length: int) -> bytes:
    """One record of EF_MSISDN, TS 31.102 §4.2.26: name, length, TON/NPI, digits, no capability and no extension record."""
    if length < MSISDN_TAIL:
        raise ValueError("a record of EF_MSISDN has at least 14 bytes")
    if not number.digits and not number.alpha:
        return b"\xff" * length
    address = _address(number.digits, number.kind) if number.digits else b"\xff" * 12
    return encode_text(number.alpha, length - MSISDN_TAIL) + address + b"\xff\xff"


def decode_msisdn(record: bytes) -> Number:
    """Inverse of :func:`encode_msisdn`; digits an extension record holds are not followed."""
    if len(record) < MSISDN_TAIL:
        raise MalformedCardData("a record of EF_MSISDN has at least 14 bytes", length=len(record))
    tail = record[-MSISDN_TAIL:]
    alpha = decode_text(record[:-MSISDN_TAIL])
    if tail[0] == 0xFF:  # noqa: PLR2004  # no number
        return Number("", alpha)
    digits, kind = _number(tail[:12])
    return Number(digits, alpha, kind)


def encode_ecc(number: EmergencyNumber, length: int) -> bytes:
    """One record of EF_ECC, TS 31.102 §4.2.21: 3 bytes of digits, name, category."""
    if length < ECC_HEAD + 1:
        raise ValueError("a record of EF_ECC has at least 4 bytes")
    if not 0 <= number.category <= 0xFF:  # noqa: PLR2004  # one byte
        raise ValueError("a category is one byte")
    if not number.digits:
        return b"\xff" * length
    return swap(number.digits, ECC_HEAD) + encode_text(number.alpha, length - ECC_HEAD - 1) + bytes([number.category])


def decode_ecc(record: bytes) -> EmergencyNumber | None:
    """Inverse of :func:`encode_ecc`; None for an empty record."""
    if len(record) < ECC_HEAD + 1:
        raise MalformedCardData("a record of EF_ECC has at least 4 bytes", length=len(record))
    digits = decimal(unswap(record[:ECC_HEAD]))
    if not digits:
        return None
    return EmergencyNumber(digits, decode_text(record[ECC_HEAD:-1]), record[-1])


def _address(digits: str, kind: int) -> bytes:
    if not digits:
        raise ValueError("a number without digits")
    return bytes([1 + (len(digits) + 1) // 2, kind]) + swap(digits, 10)


def _number(address: bytes) -> tuple[str, int]:
    """Return (digits, TON/NPI) of 12 bytes: length of what follows, TON/NPI, digits swapped."""
    length = address[0]
    if not 1 <= length <= 11:  # noqa: PLR2004  # 12 bytes less the length itself
        raise MalformedCardData("the length of a number is out of range")
    return decimal(unswap(address[2 : 1 + length])), address[1]
