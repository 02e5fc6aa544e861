# SPDX-License-Identifier: Apache-2.0
"""The answer of a 2G card to SELECT (class A0), 3GPP TS 51.011 §9.2.1.

Decides what a card without a USIM says about a file, in the same words as :mod:`hal.sim_card.fcp`. Raises
:class:`~hal.sim_card.errors.MalformedCardData`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.sim_card.errors import MalformedCardData
from hal.sim_card.fcp import FileInfo, LifeCycle, Structure

MF, DF, EF = 0x01, 0x02, 0x04
SHORTEST_FILE, SHORTEST_DIRECTORY = 14, 22
_STRUCTURES = {0x00: Structure.TRANSPARENT, 0x01: Structure.LINEAR, 0x03: Structure.CYCLIC}


@dataclass(frozen=True, slots=True)
class ChvStatus:
    """One secret code as bytes 19 to 22 tell it; ``set_up`` False = the code does not exist yet."""

    set_up: bool
    tries: int


@dataclass(frozen=True, slots=True)
class Selected:
    """A selected file. ``access``: the CHV level of READ, UPDATE and INCREASE (0 always, 1 and 2 CHV, 4 to 14 ADM, 15 never).

    A directory has the status of ``chv1``, ``unblock1``, ``chv2``, ``unblock2`` in ``codes``.
    """

    info: FileInfo
    access: tuple[int, int, int] = (0, 0, 0)
    codes: tuple[ChvStatus, ...] = ()


def parse(response: bytes) -> Selected:
    """Parse the response data of a class A0 SELECT."""
    if len(response) < SHORTEST_FILE:
        raise MalformedCardData("a 2G file description has at least 14 bytes", length=len(response))
    if response[6] in (MF, DF):
        return _directory(response)
    if response[6] == EF:
        return _file(response)
    raise MalformedCardData("a 2G file of an unknown type", type=response[6])


def _directory(response: bytes) -> Selected:
    if len(response) < SHORTEST_DIRECTORY:
        raise MalformedCardData("a 2G directory description has at least 22 bytes", length=len(response))
    codes = tuple(ChvStatus(bool(byte & 0x80), byte & 0x0F) for byte in response[18:22])
    info = FileInfo(int.from_bytes(response[4:6], "big"), True, None, 0, 0, None, b"", True, (), Structure.DIRECTORY)
    return Selected(info, codes=codes)


def _file(response: bytes) -> Selected:
    structure = _STRUCTURES.get(response[13], Structure.UNKNOWN)
    size = int.from_bytes(response[2:4], "big")
    length = response[14] if structure in (Structure.LINEAR, Structure.CYCLIC) and len(response) > SHORTEST_FILE else 0
    if structure in (Structure.LINEAR, Structure.CYCLIC) and not length:
        raise MalformedCardData("a 2G record file without a record length")
    valid = bool(response[11] & 0x01)
    info = FileInfo(
        fid=int.from_bytes(response[4:6], "big"),
        directory=False,
        size=size,
        record_length=length,
        records=size // length if length else 0,
        sfi=None,
        aid=b"",
        active=valid,
        keys=(),
        structure=structure,
        life_cycle=LifeCycle.ACTIVATED if valid else LifeCycle.DEACTIVATED,
    )
    return Selected(info, access=(response[8] >> 4, response[8] & 0x0F, response[9] >> 4))
