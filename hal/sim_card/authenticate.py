# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE in the 3G context: what a card's answer says of its key. 3GPP TS 31.102 §7.1.2.

Decides the three outcomes: DB = the challenge was accepted, so the key is right; DC = its MAC was right, so the key is right, and only
the sequence number is old; 9862 = the MAC is wrong, so the key on the card is another one. The session keys that come with a response
are thrown away here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hal.sim_card import commands
from hal.sim_card.channel import exchange
from hal.sim_card.errors import AuthenticateRefused, CardDefective, MacFailure, MalformedCardData
from hal.sim_card.status import Action

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport

SUCCESS, SYNCHRONISATION = 0xDB, 0xDC
RES, AUTS = "res", "auts"
AUTS_BYTES = 14
RES_BYTES = range(4, 17)


@dataclass(frozen=True, slots=True)
class Answer:
    """``result`` is "res" or "auts", ``data`` the RES (4 to 16 bytes) or AUTS (14 bytes)."""

    result: str
    data: bytes = field(repr=False)

    @property
    def coded(self) -> bytes:
        """As the card coded it, without the session keys: DB len RES, or DC 0E AUTS."""
        return bytes([SUCCESS if self.result == RES else SYNCHRONISATION, len(self.data)]) + self.data


def authenticate(transport: Transport, rand: bytes, autn: bytes, deadline: Deadline) -> Answer:
    """Send the challenge to the selected USIM and return its answer.

    Raises :class:`MacFailure`, :class:`AuthenticateRefused` (PIN wanted, no 3G context, no such command), :class:`CardDefective`,
    :class:`MalformedCardData`.
    """
    response = exchange(transport, commands.authenticate(rand, autn), deadline)
    match response.sw.action:
        case Action.DONE:
            return parse(response.data)
        case Action.WRONG_MAC:
            raise MacFailure
        case Action.DEFECTIVE:
            raise CardDefective(sw=int(response.sw))
    raise AuthenticateRefused(sw=int(response.sw))


def parse(data: bytes) -> Answer:
    """Return what the response data hold; raises :class:`MalformedCardData`."""
    if len(data) < 2 or 2 + data[1] > len(data):  # noqa: PLR2004  # tag and length
        raise MalformedCardData("an answer to a challenge that is cut off", length=len(data))
    tag, value = data[0], data[2 : 2 + data[1]]
    if tag == SUCCESS and len(value) in RES_BYTES:
        return Answer(RES, value)
    if tag == SYNCHRONISATION and len(value) == AUTS_BYTES and len(data) == 2 + AUTS_BYTES:
        return Answer(AUTS, value)
    raise MalformedCardData("an answer to a challenge of another form", length=len(data))
