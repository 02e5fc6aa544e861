# SPDX-License-Identifier: Apache-2.0
"""Status words and what they mean to somebody who personalises a card. ETSI TS 102 221 §10.2, GSM 11.11 §9.4 for 2G words.

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
    MISSING = "no such file, record or key: another layout"
    FOREIGN = "unknown instruction or class: another kind of card"
    WRONG_USE = "we sent what this card does not take"
    FAILED = "not done"


class Sw(IntEnum):
    """Words with a name; every other number is kept as it is."""

    OK = 0x9000
    NO_FILE = 0x6A82
    BLOCKED = 0x6983
    SECURITY = 0x6982
    MEMORY = 0x6581

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


TABLE: tuple[tuple[int, int, Action], ...] = (
    (0xFFFF, 0x9000, Action.DONE),
    (0xFF00, 0x9100, Action.DONE),  # and a proactive command waits, which nobody here has asked for
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
    (0xFFFF, 0x6A88, Action.MISSING),
    (0xFFFF, 0x9404, Action.MISSING),
    (0xFF00, 0x6D00, Action.FOREIGN),
    (0xFF00, 0x6E00, Action.FOREIGN),
    (0xFF00, 0x6700, Action.WRONG_USE),
    (0xFFFF, 0x6A80, Action.WRONG_USE),
    (0xFFFF, 0x6A86, Action.WRONG_USE),
    (0xFF00, 0x6B00, Action.WRONG_USE),
)
"""(mask, value, action); the first match counts."""
