# SPDX-License-Identifier: Apache-2.0
"""Card types as data: how a model is recognised and where it differs from the standard. A new model is a new row.

Decides which card models may be written. A card whose ATR matches no row is refused: what its files mean is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.sim_card.errors import UnknownCard
from hal.sim_card.layout import ITEMS, Item

USIM_AID = bytes.fromhex("A0000000871002")
"""The 3GPP USIM application, TS 101 220 annex E: provider and application code; the rest is the maker's."""


@dataclass(frozen=True, slots=True)
class CardType:
    """One model. ``atr`` is compared under ``mask``; ``adm`` the key reference that opens its files; ``items`` what is written."""

    name: str
    atr: bytes
    mask: bytes
    adm: int = 0x0A
    aid: bytes = USIM_AID
    iccid_writable: bool = True
    items: tuple[Item, ...] = ITEMS

    def matches(self, atr: bytes) -> bool:
        """Whether ``atr`` is of this model."""
        return len(atr) == len(self.atr) and all(a & m == b & m for a, b, m in zip(atr, self.atr, self.mask, strict=True))


def _exactly(atr: str) -> tuple[bytes, bytes]:
    value = bytes.fromhex(atr)
    return value, b"\xff" * len(value)


CARD_TYPES: tuple[CardType, ...] = (
    CardType("rnt-usim-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455534D31E1")),
    CardType("rnt-usim-fixed-iccid-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455534631EA"), iccid_writable=False),
)
"""The models known. Both are the simulator's; the row of a real one is added after it was tried on the bench."""


def identify(atr: bytes) -> CardType:
    """Return the card type of ``atr``; raises :class:`UnknownCard`."""
    for card_type in CARD_TYPES:
        if card_type.matches(atr):
            return card_type
    raise UnknownCard
