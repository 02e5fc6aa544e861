# SPDX-License-Identifier: Apache-2.0
"""A card that is opened by its own challenge: GET CHALLENGE, EXTERNAL AUTHENTICATE. ISO/IEC 7816-4 §11.5.

Decides what the answers mean. Rules:

1. The code is computed elsewhere, for this one challenge; it is sent once, whatever the answer, and appears in no error.
2. Where the card tells its tries they are asked before the challenge (a question in between would cost some cards their challenge); the
   last one is used by order only. A card that does not tell them is given the code all the same: nobody types it.
3. A card that has no challenge to be answered (6985) was reset since.

Nothing is written here: every error means that the card is what it was, but for a try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.sim_card import commands
from hal.sim_card.channel import exchange
from hal.sim_card.errors import CardChanged, KeyBlocked, KeyWrong, MalformedCardData
from hal.sim_card.keys import LAST_TRY, lost
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport

CHALLENGE_BYTES = 8
NOT_SAID = 0x6300
"""Refused, and no number of tries told."""


def check_tries(transport: Transport, key: int, deadline: Deadline, *, ordered: bool = False) -> None:
    """Ask for the tries of ``key``; raises :class:`KeyBlocked` when there is none, or one and nobody ``ordered`` its use."""
    sw = Sw(transport.transmit(commands.ask_authentication_tries(key), deadline)[1])
    left = sw & 0x0F if sw.action is Action.COUNTED else 0
    if sw.action is Action.BLOCKED or (sw.action is Action.COUNTED and (left < LAST_TRY or (left == LAST_TRY and not ordered))):
        raise KeyBlocked(left=left)


def challenge(transport: Transport, deadline: Deadline) -> bytes:
    """Return 8 random bytes of the card's; raises :class:`UnknownCard` (it gives none), :class:`MalformedCardData`."""
    response = exchange(transport, commands.get_challenge(CHALLENGE_BYTES), deadline)
    if response.sw.action is not Action.DONE:
        raise lost(response.sw)
    if len(response.data) != CHALLENGE_BYTES:
        raise MalformedCardData("a challenge of another length", length=len(response.data))
    return response.data


def authenticate(transport: Transport, key: int, code: bytes, deadline: Deadline) -> None:
    """Give the card the ``code`` for its last challenge.

    Raises :class:`KeyWrong`, :class:`KeyBlocked`, :class:`CardChanged`, :class:`UnknownCard`, :class:`CardDefective`.
    """
    answer = Sw(transport.transmit(commands.external_authenticate(key, code), deadline)[1])
    match answer.action:
        case Action.DONE:
            return
        case Action.COUNTED if answer & 0x0F:
            raise KeyWrong(left=answer & 0x0F)
        case Action.COUNTED | Action.BLOCKED:
            raise KeyBlocked(left=0)
        case Action.FORBIDDEN:
            raise KeyWrong(left=None)
        case Action.STATE:
            raise CardChanged
    raise KeyWrong(left=None) if answer == NOT_SAID else lost(answer)
