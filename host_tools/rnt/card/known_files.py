# SPDX-License-Identifier: Apache-2.0
"""The files of a SIM card an engineer's tool has a name for: those the driver has a codec for, and a few more.

Decides which contents a person may see. What is not listed here has no name and is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hal.sim_card.codecs.table import TABLE


class Content(Enum):
    """Who may see a file's content."""

    OPEN = "everybody who looks"
    PERSONAL = "who asks for it"
    KEY = "nobody"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One file. ``sfi`` is the standard's, 0 = none; the card may have another or none."""

    directory: str
    name: str
    fid: int
    sfi: int
    content: Content = Content.OPEN

    @property
    def path(self) -> str:
        """Where it is, for people."""
        return f"{self.directory}/{self.name}"


MF, USIM, DF_5GS = "MF", "ADF.USIM", "DF.5GS"
DIRECTORIES = {0x3F00: MF, 0x7FFF: USIM, 0x5FC0: DF_5GS, 0x7F20: "DF.GSM", 0x7F10: "DF.TELECOM"}
"""File identifier → directory; 5FC0 is that one below the USIM only."""
PERSONAL = frozenset({"IMSI", "MSISDN", "LOCI", "PSLOCI", "EPSLOCI", "5GS3GPPLOCI", "5GSN3GPPLOCI"})


def _kind(name: str, *, secret: bool) -> Content:
    if secret:
        return Content.KEY
    return Content.PERSONAL if name in PERSONAL else Content.OPEN


FILES: tuple[KnownFile, ...] = (
    *(KnownFile(row.ef.directory.name, row.name, row.ef.fid, row.ef.sfi, _kind(row.name, secret=row.secret)) for row in TABLE),
    KnownFile(MF, "DIR", 0x2F00, 0x1E),
    KnownFile(MF, "ARR", 0x2F06, 0x06),
    KnownFile(USIM, "Keys", 0x6F08, 0x08, Content.KEY),
    KnownFile(USIM, "KeysPS", 0x6F09, 0x09, Content.KEY),
    KnownFile(USIM, "SMS", 0x6F3C, 0, Content.PERSONAL),
)

BY_FID = {(file.directory, file.fid): file for file in FILES}
BY_SFI = {(file.directory, file.sfi): file for file in FILES if file.sfi}
