# SPDX-License-Identifier: Apache-2.0
"""A command as a T=0 card sees it, and how one ends early. ETSI TS 102 221 §7.3.1.1 and §10.1."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):
    """The command ends with this status word, and with ``data`` before it where the word is a warning."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw, self.data = sw, data


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``expected`` is Le in 1..256; where there are data it is 256 and means nothing."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    expected: int


def parse(apdu: bytes) -> Command:
    """Split ``apdu``; raises :class:`Refused` (6700) when it is cut or its length byte lies.

    Le 0 means 256 and so does none. A trailing Le on a command with data is no part of a T=0 command and is ignored.
    """
    if len(apdu) < 4:
        raise Refused(0x6700)
    if len(apdu) <= 5:
        return Command(apdu[0], apdu[1], apdu[2], apdu[3], b"", (apdu[4] if len(apdu) == 5 else 0) or 256)
    length = apdu[4]
    if len(apdu) - 5 not in (length, length + 1):
        raise Refused(0x6700)
    return Command(apdu[0], apdu[1], apdu[2], apdu[3], apdu[5 : 5 + length], 256)


def exact(data: bytes, expected: int, *, shorter: bool = False) -> bytes:
    """Return ``data`` when Le fits it (a shorter Le where the command allows it), else refuse with 6Cxx."""
    if expected == len(data) or (shorter and expected < len(data)):
        return data[:expected]
    raise Refused(0x6C00 | len(data) & 0xFF)
