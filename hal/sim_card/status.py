# SPDX-License-Identifier: Apache-2.0
"""Status words and what they mean to somebody who personalises a card. ETSI TS 102 221 §10.2, TS 51.011 §9.4 for 2G words.

Decides the class of a word, as a table; the caller decides what the class means in its phase.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Self


class Action(Enum):
    """What a status word asks for."""

    DONE = "the command succeeded"
    FETCH_RESPONSE = "the response waits for GET RESPONSE"
    CORRECT_LENGTH = "the same command with Le = SW2"
    BUSY = "the card is busy; once more"
    COUNTED = "VERIFY: wrong, SW2 & 0F tries left; elsewhere: done after that many internal retries"
    BLOCKED = "the key is blocked"
    FORBIDDEN = "an access rule is not satisfied"
    DEFECTIVE = "the memory fails"
    MISSING = "no such file, record or key, or no room: another layout"
    STATE = "the file or the key is in a state that does not allow it"
    FOREIGN = "unknown instruction, class or channel: another kind of card"
    WRONG_USE = "we sent what this card does not take"
    UNCHANGED = "nothing was done, and the card does not say why (a secured packet seen before)"
    DOUBTFUL = "the data may be corrupt, incomplete or of an invalidated file"
    WRONG_MAC = "AUTHENTICATE: the challenge was not made with this card's key"
    WRONG_CONTEXT = "AUTHENTICATE: this security context is not supported"
    FAILED = "not done"


class Sw(IntEnum):
    """Words with a name; every other number is kept as it is."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    NO_FILE = 0x6A82
    BLOCKED = 0x6983
    SECURITY = 0x6982
    MEMORY = 0x6581
    LENGTH = 0x6700
    CLASS = 0x6E00

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value <= 0xFFFF:  # noqa: PLR2004  # two bytes
            return None
        word = int.__new__(cls, value)
        word._name_ = f"SW_{value:04X}"
        word._value_ = value
        return word

    @property
    def action(self) -> Action:
        """What this word asks for; a word of no known class is a failure."""
        return next((action for mask, value, action in TABLE if self & mask == value), Action.FAILED)

    @property
    def low(self) -> int:
        """SW2."""
        return self & 0xFF

    @property
    def pending(self) -> int:
        """Bytes of the proactive command that waits (91xx), else 0. The command itself succeeded."""
        return self.low if self >> 8 == 0x91 else 0  # noqa: PLR2004  # §10.2.1.1


TABLE: tuple[tuple[int, int, Action], ...] = (
    (0xFFFF, 0x9000, Action.DONE),
    (0xFF00, 0x9100, Action.DONE),  # and a proactive command waits: Sw.pending
    (0xFFF0, 0x9200, Action.DONE),  # 2G: after that many internal retries
    (0xFF00, 0x6100, Action.FETCH_RESPONSE),
    (0xFF00, 0x9F00, Action.FETCH_RESPONSE),
    (0xFFFF, 0x62F1, Action.FETCH_RESPONSE),
    (0xFFFF, 0x62F3, Action.FETCH_RESPONSE),
    (0xFF00, 0x6C00, Action.CORRECT_LENGTH),
    (0xFFFF, 0x9300, Action.BUSY),
    (0xFFF0, 0x63C0, Action.COUNTED),
    (0xFFFF, 0x6983, Action.BLOCKED),
    (0xFFFF, 0x9840, Action.BLOCKED),
    (0xFFFF, 0x6900, Action.FORBIDDEN),  # cards differ in which of these they give
    (0xFFFF, 0x6982, Action.FORBIDDEN),
    (0xFFFF, 0x9804, Action.FORBIDDEN),
    (0xFFFF, 0x6400, Action.DEFECTIVE),
    (0xFFFF, 0x6500, Action.DEFECTIVE),
    (0xFFFF, 0x6581, Action.DEFECTIVE),
    (0xFFFF, 0x9240, Action.DEFECTIVE),
    (0xFFFF, 0x6A82, Action.MISSING),
    (0xFFFF, 0x6A83, Action.MISSING),
    (0xFFFF, 0x6A84, Action.MISSING),
    (0xFFFF, 0x6A88, Action.MISSING),
    (0xFFFF, 0x9404, Action.MISSING),
    (0xFFFF, 0x9402, Action.MISSING),  # 2G: beyond the last record
    (0xFFFF, 0x9802, Action.MISSING),  # 2G: no such key
    (0xFFFF, 0x6981, Action.STATE),
    (0xFFFF, 0x6984, Action.STATE),
    (0xFFFF, 0x6985, Action.STATE),
    (0xFFFF, 0x6986, Action.STATE),  # no file selected
    (0xFFFF, 0x9400, Action.STATE),  # the same in 2G
    (0xFFFF, 0x9408, Action.STATE),  # 2G: another structure
    (0xFFFF, 0x9808, Action.STATE),  # 2G: against the key's state
    (0xFFFF, 0x9810, Action.STATE),  # 2G: invalidated
    (0xFF00, 0x6D00, Action.FOREIGN),
    (0xFF00, 0x6E00, Action.FOREIGN),
    (0xFF00, 0x6800, Action.FOREIGN),  # logical channels, secure messaging
    (0xFF00, 0x6700, Action.WRONG_USE),
    (0xFFFF, 0x6A80, Action.WRONG_USE),
    (0xFFFF, 0x6A81, Action.FOREIGN),
    (0xFFFF, 0x6A86, Action.WRONG_USE),
    (0xFFFF, 0x6A87, Action.WRONG_USE),
    (0xFF00, 0x6B00, Action.WRONG_USE),
    (0xFFFF, 0x6200, Action.UNCHANGED),
    (0xFFFF, 0x6281, Action.DOUBTFUL),
    (0xFFFF, 0x6282, Action.DOUBTFUL),
    (0xFFFF, 0x6283, Action.DOUBTFUL),
    (0xFFFF, 0x9862, Action.WRONG_MAC),
    (0xFFFF, 0x9864, Action.WRONG_CONTEXT),
)
"""(mask, value, action); the first match counts."""
