# SPDX-License-Identifier: Apache-2.0
"""The file system of the simulated card as data: what a USIM has by ETSI TS 102 221 and 3GPP TS 31.102.

Decides which files exist, their identifiers, sizes and access rules. Rules:

1. A file's content is not here but in :mod:`simulators.sim_card.memory`; the description is frozen.
2. An access rule is a record of EF_ARR (TS 102 221 §9.2.4, expanded format); a file names its record.
3. Short identifiers are those of TS 31.102 §4.2; EF_SPN, EF_SMSP and EF_MSISDN have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIN1, PIN2, ADM1 = 0x01, 0x81, 0x0A
"""Key references, TS 102 221 §9.5.1."""


class Access(Enum):
    """Who may do a thing: everyone, the holder of PIN1, of PIN2, of ADM1, nobody."""

    ALW = None
    PIN = PIN1
    PIN_2 = PIN2
    ADM = ADM1
    NEV = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """One access rule."""

    read: Access
    update: Access


RULES = (
    Rule(Access.ALW, Access.ADM),
    Rule(Access.PIN, Access.ADM),
    Rule(Access.PIN, Access.PIN),
    Rule(Access.ALW, Access.NEV),
    Rule(Access.PIN, Access.PIN_2),
)
"""EF_ARR, record n = RULES[n-1]."""

OPEN, GUARDED, HOLDERS, FROZEN, FIXED_DIALLING = 1, 2, 3, 4, 5
"""Record numbers of RULES."""


@dataclass(frozen=True, slots=True)
class File:
    """An elementary file. ``records`` 0 = transparent of ``size`` bytes; else linear fixed with ``size`` bytes a record."""

    name: str
    fid: int
    size: int
    sfi: int | None
    rule: int
    records: int = 0

    @property
    def length(self) -> int:
        """Bytes of content in all."""
        return self.size * max(1, self.records)


@dataclass(frozen=True, slots=True)
class Directory:
    """A dedicated file, or an application when it has an AID."""

    name: str
    fid: int
    files: tuple[File, ...]
    aid: bytes = b""
    directories: tuple[Directory, ...] = field(default=())

    def all_files(self) -> Iterator[tuple[str, File]]:
        """Yield (path, file) of this directory and those below; a path is ``DIRECTORY/FILE``."""
        for file in self.files:
            yield f"{self.name}/{file.name}", file
        for directory in self.directories:
            yield from directory.all_files()


USIM_AID = bytes.fromhex("A0000000871002FF86FF0389FFFFFFFF")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a card maker chooses: bytes of the lists, and of EF_SMSP's alpha identifier."""

    plmn_act: int = 200
    operator_plmn_act: int = 300
    home_plmn_act: int = 50
    forbidden: int = 36
    equivalent: int = 30
    smsp_alpha: int = 25
    administrative: int = 4


def usim_card(sizes: Sizes, iccid_rule: int) -> Directory:
    """Return the MF of a card with one USIM."""
    usim = (
        File("LI", 0x6F05, 4, 0x02, OPEN),
        File("IMSI", 0x6F07, 9, 0x07, GUARDED),
        File("Keys", 0x6F08, 33, 0x08, HOLDERS),
        File("HPPLMN", 0x6F31, 1, 0x12, GUARDED),
        File("UST", 0x6F38, 17, 0x04, GUARDED),
        File("MSISDN", 0x6F40, 34, None, HOLDERS, records=2),
        File("SMSP", 0x6F42, 28 + sizes.smsp_alpha, None, HOLDERS, records=2),
        File("SPN", 0x6F46, 17, None, OPEN),
        File("EST", 0x6F56, 1, 0x05, FIXED_DIALLING),
        File("PLMNwAcT", 0x6F60, sizes.plmn_act, 0x0A, HOLDERS),
        File("OPLMNwAcT", 0x6F61, sizes.operator_plmn_act, 0x11, GUARDED),
        File("HPLMNwAcT", 0x6F62, sizes.home_plmn_act, 0x13, GUARDED),
        File("PSLOCI", 0x6F73, 14, 0x0C, HOLDERS),
        File("ACC", 0x6F78, 2, 0x06, GUARDED),
        File("FPLMN", 0x6F7B, sizes.forbidden, 0x0D, HOLDERS),
        File("LOCI", 0x6F7E, 11, 0x0B, HOLDERS),
        File("AD", 0x6FAD, sizes.administrative, 0x03, OPEN),
        File("ECC", 0x6FB7, 20, 0x01, OPEN, records=2),
        File("PNN", 0x6FC5, 20, 0x19, OPEN, records=2),
        File("OPL", 0x6FC6, 8, 0x1A, OPEN, records=2),
        File("EHPLMN", 0x6FD9, sizes.equivalent, 0x1D, GUARDED),
        File("EPSLOCI", 0x6FE3, 18, 0x1E, HOLDERS),
        File("EPSNSC", 0x6FE4, 54, 0x18, HOLDERS, records=1),
    )
    return Directory(
        "MF",
        0x3F00,
        (
            File("DIR", 0x2F00, 38, 0x1E, OPEN, records=1),
            File("PL", 0x2F05, 6, 0x05, OPEN),
            File("ARR", 0x2F06, 24, 0x06, OPEN, records=len(RULES)),
            File("ICCID", 0x2FE2, 10, 0x02, iccid_rule),
        ),
        directories=(Directory("ADF.USIM", 0x7FFF, usim, USIM_AID),),
    )
