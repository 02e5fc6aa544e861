# SPDX-License-Identifier: Apache-2.0
"""Where files are, as values: directories and elementary files. ETSI TS 102 221 §8, 3GPP TS 31.102 §4.

Decides nothing; :mod:`hal.sim_card.codecs.table` lists the standard's files, a card type adds its own.
"""

from __future__ import annotations

from dataclasses import dataclass

MF_FID, ADF_FID = 0x3F00, 0x7FFF


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory by its path from the MF; 7FFF at the beginning stands for the application."""

    name: str
    path: tuple[int, ...] = ()

    @property
    def in_application(self) -> bool:
        """Whether the application must be selected first."""
        return self.path[:1] == (ADF_FID,)


MF = Directory("MF")
USIM = Directory("ADF.USIM", (ADF_FID,))
DF_5GS = Directory("DF.5GS", (ADF_FID, 0x5FC0))
GSM = Directory("DF.GSM", (0x7F20,))
TELECOM = Directory("DF.TELECOM", (0x7F10,))


@dataclass(frozen=True, slots=True)
class Ef:
    """One elementary file. ``sfi`` 0 = none; ``record`` 0 = transparent, else the record used."""

    name: str
    directory: Directory
    fid: int
    sfi: int = 0
    record: int = 0

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.directory.name}/{self.name}"
