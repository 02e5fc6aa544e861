# SPDX-License-Identifier: Apache-2.0
"""Logical channels, ETSI TS 102 221 §8.7, §10.1.1 and §11.1.17: four of them, as the answer to reset says.

Decides which session a command belongs to. Rules:

1. Bits 1 and 2 of classes 0x and 8x name the channel; classes 4x and Cx name channels beyond the fourth, which are not here (6881).
2. A channel opened from the basic one starts at the MF; one opened from another starts where that one stands.
3. Each channel has its own selection and its own waiting response. What was verified, and what the card wants of the terminal, is common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card.apdu import Command, Refused, exact
from simulators.sim_card.session import Session

if TYPE_CHECKING:
    from simulators.sim_card.card import Card

LAST = 3
OPEN, CLOSE = 0x00, 0x80
FURTHER = (0x40, 0x50, 0x60, 0x70, 0xC0, 0xD0, 0xE0)


class Channels:
    """The open channels of one card session; ``here`` is the one of the command being carried out."""

    def __init__(self, basic: Session) -> None:
        self.open = {0: basic}
        self.here = 0

    def enter(self, cla: int) -> Session:
        """Return the session of a command of class ``cla``; raises :class:`Refused` (6881)."""
        if cla & 0xF0 in FURTHER:
            raise Refused(0x6881)
        self.here = cla & LAST if cla & 0xF0 in (0x00, 0x80) else 0
        if self.here not in self.open:
            raise Refused(0x6881)
        return self.open[self.here]


def manage(card: Card, command: Command) -> bytes:
    """MANAGE CHANNEL, §11.1.17."""
    channels, number = card.channels, command.p2
    if command.p1 not in (OPEN, CLOSE) or number > LAST:
        raise Refused(0x6A86)
    if command.p1 == CLOSE:
        number = number or channels.here
        if not number:
            raise Refused(0x6A86)
        if channels.open.pop(number, None) is None:
            raise Refused(0x6881)
        return b""
    told = not number
    free = [one for one in range(1, LAST + 1) if one not in channels.open]
    if not free or (number and number not in free):
        raise Refused(0x6A81)
    if told:
        number = free[0]
        exact(b"\0", command.expected)
    origin, session = card.session, Session(card.mf, verified=card.session.verified)
    if channels.here:
        session.go(origin.directory, origin.file)
        session.application, session.record = origin.application, origin.record
    channels.open[number] = session
    return bytes([number]) if told else b""
