# SPDX-License-Identifier: Apache-2.0
"""The files that are written, as data: where each is, and what a profile puts into it. 3GPP TS 31.102 §4.2, TS 102 221 §13.

Decides identifiers, order and content. Rules:

1. A length the standard fixes is written here; every other is asked of the card.
2. The order of :data:`ITEMS` is the order of writing: the IMSI is last, so that a card whose writing was cut still looks blank and is
   recognised as spoiled; the ICCID is next to last, so that until then it still answers to its old name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hal.sim_card import codecs
from hal.sim_card.errors import ProfileUnfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.sim_card.profile import Profile


class Directory(Enum):
    """Where a file lies."""

    MF = "MF"
    USIM = "ADF.USIM"


@dataclass(frozen=True, slots=True)
class Ef:
    """One elementary file. ``sfi`` 0 = none; ``record`` 0 = transparent, else the record used; ``length`` None = ask the card."""

    name: str
    directory: Directory
    fid: int
    sfi: int
    length: int | None
    record: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A file and what a profile puts into it: ``content(profile, length)``, which may be the beginning of the file only."""

    ef: Ef
    content: Callable[[Profile, int], bytes]


ICCID = Ef("ICCID", Directory.MF, 0x2FE2, 0x02, codecs.ICCID_BYTES)
IMSI = Ef("IMSI", Directory.USIM, 0x6F07, 0x07, codecs.IMSI_BYTES)

ITEMS: tuple[Item, ...] = (
    Item(Ef("AD", Directory.USIM, 0x6FAD, 0x03, 4), lambda profile, _: codecs.encode_ad(profile.mnc_length)),
    Item(Ef("ACC", Directory.USIM, 0x6F78, 0x06, 2), lambda profile, _: codecs.encode_acc(profile.imsi)),
    Item(Ef("HPLMNwAcT", Directory.USIM, 0x6F62, 0x13, None), lambda p, length: codecs.encode_plmn_act_list(p.hplmn_act, length)),
    Item(Ef("EHPLMN", Directory.USIM, 0x6FD9, 0x1D, None), lambda p, length: codecs.encode_plmn_list(p.ehplmn, length)),
    Item(Ef("FPLMN", Directory.USIM, 0x6F7B, 0x0D, None), lambda p, length: codecs.encode_plmn_list(p.fplmn, length)),
    Item(Ef("LOCI", Directory.USIM, 0x6F7E, 0x0B, codecs.LOCI_BYTES), lambda profile, _: codecs.encode_loci(profile.home)),
    Item(Ef("SPN", Directory.USIM, 0x6F46, 0, codecs.SPN_BYTES), lambda profile, _: codecs.encode_spn(profile.spn)),
    Item(Ef("SMSP", Directory.USIM, 0x6F42, 0, None, record=1), lambda p, length: codecs.encode_smsp(p.smsc, length)),
    Item(ICCID, lambda profile, _: codecs.encode_iccid(profile.iccid)),
    Item(IMSI, lambda profile, _: codecs.encode_imsi(profile.imsi)),
)


def contents(items: tuple[Item, ...], profile: Profile, lengths: dict[str, int]) -> dict[str, bytes]:
    """Return what each file of ``items`` must begin with, given the card's ``lengths``; raises :class:`ProfileUnfit`."""
    wanted = {}
    for item in items:
        try:
            wanted[item.ef.name] = item.content(profile, lengths[item.ef.name])
        except ValueError as error:
            raise ProfileUnfit(item=item.ef.name) from error
    return wanted
