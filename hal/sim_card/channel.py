# SPDX-License-Identifier: Apache-2.0
"""The relay between commands and the card: T=0's follow-up exchanges, ETSI TS 102 221 §7.3.1.1.

Decides when an answer is complete: 61xx and 9Fxx are fetched, 6Cxx is asked again, 9300 a few times. Not what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hal.errors import ProtocolError
from hal.sim_card.commands import get_response
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline

FOLLOW_UPS = 16
"""Exchanges one command may cause; a card that always has more is broken."""
BUSY_TRIES = 3
HEADER = 5


class Transport(Protocol):
    """What carries APDUs: :class:`hal.link.pcsc.PcscLink`."""

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Exchange one APDU; returns (data, status word)."""


@dataclass(frozen=True, slots=True)
class Response:
    """The whole answer to a command."""

    data: bytes
    sw: Sw


def exchange(transport: Transport, command: bytes, deadline: Deadline, *, correct_length: bool = True, fetch: bool = True) -> Response:
    """Send ``command`` and see its answer through.

    Without ``correct_length`` a 6Cxx is returned (it tells a length); without ``fetch`` an answer that waits is left waiting.

    Raises ``ProtocolError`` when the card never comes to an end, and what the transport raises.
    """
    data, busy, current = b"", 0, command
    for _ in range(FOLLOW_UPS):
        part, word = transport.transmit(current, deadline)
        sw, data = Sw(word), data + part
        match sw.action:
            case Action.FETCH_RESPONSE if fetch:
                current = get_response(command[0], sw.low if word >> 8 in (0x61, 0x9F) else 0)
            case Action.CORRECT_LENGTH if correct_length and len(current) == HEADER and current[4] != sw.low:
                current = current[:4] + bytes([sw.low])
            case Action.BUSY if busy < BUSY_TRIES:
                busy += 1
            case _:
                return Response(data, sw)
    raise ProtocolError("the card never ends its answer", sw=word)
