# SPDX-License-Identifier: Apache-2.0
"""What a card asks of a terminal, and how this one answers: ENVELOPE, FETCH, TERMINAL RESPONSE. 3GPP TS 31.111, ETSI TS 102 223.

Decides that a writer has neither screen nor network: every proactive command is answered, MORE TIME and REFRESH as done, anything else as
beyond this terminal, so that the card goes on. Rules:

1. TERMINAL PROFILE is sent before the first ENVELOPE; it claims nothing but what a secured packet needs.
2. At most :data:`ROUNDS` commands are fetched; a card that never stops asking is a protocol error.
3. A secured packet (TS 31.115) is carried as it is; its answer is given back byte for byte, and nobody here looks inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hal.errors import ProtocolError
from hal.sim_card import commands, tlv
from hal.sim_card.channel import exchange
from hal.sim_card.errors import CardDefective, MalformedCardData, PacketRefused
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport

ROUNDS = 16
CAPABILITIES = bytes.fromhex("03")
"""TERMINAL PROFILE byte 1, TS 102 223 §5.2: profile download, SMS-PP data download."""
PROACTIVE, DETAILS, DEVICES, RESULT = 0xD0, 0x81, 0x82, 0x83
MORE_TIME, REFRESH = 0x02, 0x01
DONE, BEYOND_US = 0x00, 0x30
COMPREHENSION = 0x80
"""The comprehension-required bit of a tag; both forms of a tag mean the same object."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The card's answer to an envelope, and how many proactive commands came with it."""

    data: bytes = field(repr=False)
    sw: Sw
    fetched: int


def announce(transport: Transport, deadline: Deadline, cla: int = 0x80) -> int:
    """Send TERMINAL PROFILE and answer what it brings up; returns the number of proactive commands. ``cla``: A0 on a 2G card."""
    response = exchange(transport, commands.terminal_profile(CAPABILITIES, cla), deadline)
    return settle(transport, response.sw, deadline, cla)


def send_packet(transport: Transport, packet: bytes, deadline: Deadline) -> Receipt:
    """Carry one ENVELOPE and give back its answer.

    Raises :class:`PacketRefused` with the status word (a packet seen before is answered 6200), :class:`CardDefective`.
    """
    response = exchange(transport, commands.envelope(packet), deadline)
    if response.sw.action is Action.DEFECTIVE:
        raise CardDefective(sw=int(response.sw))
    if response.sw.action is not Action.DONE:
        raise PacketRefused(sw=int(response.sw))
    return Receipt(response.data, response.sw, settle(transport, response.sw, deadline))


def settle(transport: Transport, sw: Sw, deadline: Deadline, cla: int = 0x80) -> int:
    """Fetch and answer proactive commands until none waits; returns their number. Raises ``ProtocolError`` beyond :data:`ROUNDS`."""
    for fetched in range(ROUNDS):
        if not sw.pending:
            return fetched
        command = exchange(transport, commands.fetch(sw.pending, cla), deadline)
        if command.sw.action is not Action.DONE:
            raise ProtocolError("a proactive command announced and not given", sw=int(command.sw))
        sw = exchange(transport, commands.terminal_response(answer(command.data), cla), deadline).sw
        if sw.action is not Action.DONE:
            raise ProtocolError("the answer to a proactive command was refused", sw=int(sw))
    raise ProtocolError("a card that never stops asking", sw=int(sw))


def answer(command: bytes) -> bytes:
    """Return the content of the TERMINAL RESPONSE to a proactive command, TS 102 223 §6.8; raises :class:`MalformedCardData`."""
    fields = {tag | COMPREHENSION: value for tag, value in tlv.objects(tlv.only(command, PROACTIVE)) if tag <= 0xFF}  # noqa: PLR2004  # one-byte tags
    details = fields.get(DETAILS, b"")
    if len(details) != 3:  # noqa: PLR2004  # number, type, qualifier
        raise MalformedCardData("a proactive command without its details")
    result = DONE if details[1] in (MORE_TIME, REFRESH) else BEYOND_US
    return tlv.encode(DETAILS, details) + tlv.encode(DEVICES, b"\x82\x81") + tlv.encode(RESULT, bytes([result]))
