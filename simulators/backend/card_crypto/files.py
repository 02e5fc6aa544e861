# SPDX-License-Identifier: Apache-2.0
"""The commands that make a blank a subscriber's card, for cards the operator writes itself, through the terminal: plain APDUs.

Decides what goes into which file (3GPP TS 31.102 §4.2) and in which order. Rules:

1. The USIM is selected by name, in a secured packet as the current application (TS 102 226 §7.1 forbids names there); every file by its
   identifier: short identifiers are the card maker's affair.
2. EF_IMSI comes last: a card cut short is still without a number. Behind it EF_IMSI is read; what comes back belongs to the proof.
3. A card whose 2G side has files of its own (TS 51.011 §10) gets them written too, before the USIM.
4. Lists are written from their beginning; the rest of a blank's list is empty already. A record is written whole, so its length is told.

How the commands reach the card is the business of :mod:`.scp80` and :mod:`.scp03`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

USIM = bytes.fromhex("A0000000871002")
SELECT_USIM = bytes.fromhex("00A4040C07") + USIM
SELECT_CURRENT = bytes.fromhex("00A4000C027FFF")
SMSP = 0x6F42
GSM, TELECOM = 0x7F20, 0x7F10
IN_GSM = frozenset({0x6FAD, 0x6F78, 0x6F46, 0x6F7B, 0x6F7E, 0x6F07})
"""Those of :func:`contents` that DF.GSM may hold a second time; EF_SMSP is in DF.TELECOM."""
SMSP_MIN = 28
"""Bytes of an EF_SMSP record without a name, TS 31.102 §4.2.27."""
NAME_MAX = 16


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What is to be on the card; all texts but ``name`` are digits. ``home`` entries are "MCCMNC:AcT" with the AcT in hex."""

    imsi: str
    name: str
    centre: str
    home: tuple[str, ...]
    equivalent: tuple[str, ...]
    forbidden: tuple[str, ...]
    mnc_length: int


def contents(subscriber: Subscriber, smsp: int) -> tuple[tuple[int, bytes], ...]:
    """Return (file identifier, bytes) of everything written, in order; ``smsp`` is the length of an EF_SMSP record."""
    home = "".join(f"{plmn(entry[:-5]).hex()}{entry[-4:]}" for entry in subscriber.home)
    network = plmn(subscriber.imsi[: 3 + subscriber.mnc_length])
    return (
        (0x6FAD, bytes([0, 0, 0, subscriber.mnc_length])),
        (0x6F78, (1 << int(subscriber.imsi[-1])).to_bytes(2, "big")),
        (0x6F46, b"\x01" + subscriber.name.encode("ascii").ljust(NAME_MAX, b"\xff")),
        (0x6F62, bytes.fromhex(home)),
        (0x6FD9, b"".join(plmn(entry) for entry in subscriber.equivalent)),
        (0x6F7B, b"".join(plmn(entry) for entry in subscriber.forbidden)),
        (0x6F7E, b"\xff" * 4 + network + bytes.fromhex("0000FF01")),
        (SMSP, message_parameters(subscriber.centre, smsp)),
        (0x6F07, imsi(subscriber.imsi)),
    )


def commands(subscriber: Subscriber, smsp: int, smsp_2g: int = 0, *, select: bytes = SELECT_USIM) -> tuple[bytes, ...]:
    """Return the APDUs; the last one reads EF_IMSI. ``smsp_2g``: bytes of the 2G side's own EF_SMSP record, 0: no own files.

    ``select`` makes the USIM current.
    """
    found: list[bytes] = []
    if smsp_2g:
        own = contents(subscriber, smsp_2g)
        found += [_select(0x3F00), _select(GSM), *_written([one for one in own if one[0] in IN_GSM])]
        found += [_select(0x3F00), _select(TELECOM), *_written([one for one in own if one[0] == SMSP])]
    return (*found, select, *_written(contents(subscriber, smsp)), bytes.fromhex("00B0000009"))


def _written(files: Sequence[tuple[int, bytes]]) -> list[bytes]:
    found = []
    for identifier, data in files:
        update = bytes.fromhex("00DC0104" if identifier == SMSP else "00D60000")
        found += [_select(identifier), update + bytes([len(data)]) + data]
    return found


def _select(identifier: int) -> bytes:
    return bytes.fromhex("00A4000C02") + identifier.to_bytes(2, "big")


def imsi(digits: str) -> bytes:
    """Return EF_IMSI, 9 bytes (TS 31.102 §4.2.2, TS 24.008 §10.5.1.4)."""
    odd = ("9" if len(digits) % 2 else "1") + digits
    coded = _swapped(odd if len(odd) % 2 == 0 else odd + "F")
    return (bytes([len(coded)]) + coded).ljust(9, b"\xff")


def plmn(digits: str) -> bytes:
    """Return a network, 3 bytes (TS 24.008 §10.5.1.13); two digits of MNC are filled up by F."""
    mcc, mnc = digits[:3], digits[3:]
    return _swapped(mcc + (mnc[2:] or "F") + mnc[:2])


def message_parameters(centre: str, size: int) -> bytes:
    """Return one EF_SMSP record of ``size`` bytes that holds nothing but the service centre (TS 31.102 §4.2.27)."""
    if size < SMSP_MIN:
        raise ValueError("an EF_SMSP record has 28 bytes at least")
    number = b"\x91" + _swapped(centre.ljust(len(centre) + len(centre) % 2, "F"))
    address = (bytes([len(number)]) + number).ljust(12, b"\xff")
    return b"\xff" * (size - SMSP_MIN) + b"\xfd" + b"\xff" * 12 + address + b"\xff" * 3


def _swapped(digits: str) -> bytes:
    return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))
