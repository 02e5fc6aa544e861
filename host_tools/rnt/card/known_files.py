# SPDX-License-Identifier: Apache-2.0
"""The files of a SIM card an engineer's tool has a name for, as data. ETSI TS 102 221 §13, 3GPP TS 31.102 §4.2.

Decides which contents a person may see. What is not listed here has no name and is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MF, USIM = "MF", "ADF.USIM"


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


FILES: tuple[KnownFile, ...] = (
    KnownFile(MF, "DIR", 0x2F00, 0x1E),
    KnownFile(MF, "PL", 0x2F05, 0x05),
    KnownFile(MF, "ARR", 0x2F06, 0x06),
    KnownFile(MF, "ICCID", 0x2FE2, 0x02),
    KnownFile(USIM, "LI", 0x6F05, 0x02),
    KnownFile(USIM, "IMSI", 0x6F07, 0x07, Content.PERSONAL),
    KnownFile(USIM, "Keys", 0x6F08, 0x08, Content.KEY),
    KnownFile(USIM, "KeysPS", 0x6F09, 0x09, Content.KEY),
    KnownFile(USIM, "HPPLMN", 0x6F31, 0x12),
    KnownFile(USIM, "UST", 0x6F38, 0x04),
    KnownFile(USIM, "SMS", 0x6F3C, 0, Content.PERSONAL),
    KnownFile(USIM, "MSISDN", 0x6F40, 0, Content.PERSONAL),
    KnownFile(USIM, "SMSP", 0x6F42, 0),
    KnownFile(USIM, "SPN", 0x6F46, 0),
    KnownFile(USIM, "EST", 0x6F56, 0x05),
    KnownFile(USIM, "PLMNwAcT", 0x6F60, 0x0A),
    KnownFile(USIM, "OPLMNwAcT", 0x6F61, 0x11),
    KnownFile(USIM, "HPLMNwAcT", 0x6F62, 0x13),
    KnownFile(USIM, "PSLOCI", 0x6F73, 0x0C, Content.PERSONAL),
    KnownFile(USIM, "ACC", 0x6F78, 0x06),
    KnownFile(USIM, "FPLMN", 0x6F7B, 0x0D),
    KnownFile(USIM, "LOCI", 0x6F7E, 0x0B, Content.PERSONAL),
    KnownFile(USIM, "AD", 0x6FAD, 0x03),
    KnownFile(USIM, "ECC", 0x6FB7, 0x01),
    KnownFile(USIM, "PNN", 0x6FC5, 0x19),
    KnownFile(USIM, "OPL", 0x6FC6, 0x1A),
    KnownFile(USIM, "EHPLMN", 0x6FD9, 0x1D),
    KnownFile(USIM, "EPSLOCI", 0x6FE3, 0x1E, Content.PERSONAL),
    KnownFile(USIM, "EPSNSC", 0x6FE4, 0x18, Content.KEY),
)

BY_FID = {(file.directory, file.fid): file for file in FILES}
BY_SFI = {(file.directory, file.sfi): file for file in FILES if file.sfi}
