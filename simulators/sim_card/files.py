# SPDX-License-Identifier: Apache-2.0
"""The file system of a simulated card as values: directories, elementary files, access rules.

Decides what a file is, not which files a card has: that is a description (:mod:`simulators.sim_card.description`). Rules:

1. A file's content is not here but in :mod:`simulators.sim_card.memory`, under the file's ``place``; files that are links share one.
2. An access rule is a record of EF_ARR (TS 102 221 §9.2.4); a file names its record, counted from 1.
3. A path is ``MF/ICCID``, ``ADF.USIM/IMSI``, ``ADF.USIM/DF.5GS/SUCI_Calc_Info``: directories below the MF do not repeat it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIN1, PIN2, UNIVERSAL, ADM1 = 0x01, 0x81, 0x11, 0x0A
"""Key references, TS 102 221 §9.5.1."""

MF, CURRENT_APPLICATION = 0x3F00, 0x7FFF
"""Reserved file identifiers, TS 102 221 §8.6."""


class Access(Enum):
    """Who may do a thing: everyone, the holder of a key (the value is its reference), nobody."""

    ALW = None
    PIN = PIN1
    PIN2 = PIN2
    ADM1 = 0x0A
    ADM2 = 0x0B
    ADM3 = 0x0C
    ADM4 = 0x0D
    ADM5 = 0x0E
    NEV = -1


ADMINISTRATIVE = frozenset({Access.ADM1, Access.ADM2, Access.ADM3, Access.ADM4, Access.ADM5})


class Structure(Enum):
    """How a file is built; the value is its part of the file descriptor byte (TS 102 221 table 11.5)."""

    TRANSPARENT = 1
    LINEAR = 2
    CYCLIC = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """One access rule. ``manage`` is activating and deactivating (TS 102 221 §11.1.14, §11.1.15).

    ``children`` is that of a directory: creating and deleting what is in it.
    """

    read: Access
    update: Access
    increase: Access = Access.NEV
    manage: Access = Access.ADM1
    children: Access = Access.NEV

    @property
    def resize(self) -> Access:
        """Who may resize the file: the administrative key that updates it, ADM1 where that is none, nobody a file nobody updates."""
        return self.update if self.update in ADMINISTRATIVE or self.update is Access.NEV else Access.ADM1


@dataclass(frozen=True, slots=True)
class File:
    """An elementary file. ``size`` is that of a transparent file or of one record; ``sfi`` None = it has none."""

    name: str
    fid: int
    size: int
    sfi: int | None
    rule: int
    records: int = 0
    structure: Structure = Structure.TRANSPARENT
    place: str = ""
    """Key of its content in the memory."""

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
    path: str = ""
    label: str = ""

    def all_files(self) -> Iterator[tuple[str, File]]:
        """Yield (path, file) of this directory and those below."""
        for file in self.files:
            yield f"{self.path}/{file.name}", file
        for directory in self.directories:
            yield from directory.all_files()

    def all_directories(self) -> Iterator[Directory]:
        """Yield this directory and those below, parents first."""
        yield self
        for directory in self.directories:
            yield from directory.all_directories()
