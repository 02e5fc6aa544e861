# SPDX-License-Identifier: Apache-2.0
"""Commands made elsewhere, carried as they are: a script of steps with the status words each must end with, and a relay.

Decides what may be carried and when to stop; what the bytes mean is the operator's affair. Rules:

1. Every command is checked for its form (and, in a relay, for :func:`may_be_relayed`) before the first is sent.
2. A step is judged by the status word its answer ends with, after everything that waits was fetched; 91xx counts as 9000 too, and what
   the card asks for is answered before the next step.
3. The first step that ends otherwise ends the script. Nothing is sent twice.
4. Such an end means "nothing was written" only while every command before was of a kind that reads, and the word itself says that the
   command was not carried out; a packet seen before (6200) is one. Anything else leaves the card in doubt: :class:`ScriptFailed`.
5. TERMINAL PROFILE goes before the first ENVELOPE, in its class.
6. Answers are bounded: by :data:`~hal.sim_card.channel.FOLLOW_UPS` each, by :data:`ANSWERS_MAX` together. A kept one that came in several
   pieces is given back in pieces of 256 bytes, each but the last with 6100; a relayed command has no such answer.

Answers are no part of any ``repr``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hal.errors import HalError, ProtocolError
from hal.sim_card import proactive
from hal.sim_card.channel import exchange
from hal.sim_card.errors import PacketRefused, ScriptDefective, ScriptFailed, ScriptUnfit, UnknownCard
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Response, Transport

STEPS_MAX, RELAYED_MAX = 64, 256
ANSWERS_MAX = 16 * 1024
"""Bytes of answers that are given back at most, together."""
PIECE, MORE = 256, 0x6100
"""What one exchange carries at most, and the status word of all but the last."""
COMMAND = r"(?:[0-9A-Fa-f]{2}){4,261}"
WORD = range(0x10000)

PROFILE_DOWNLOAD, ENVELOPE = 0x10, 0xC2
READING = frozenset({0xA4, 0xF2, 0xB0, 0xB2, 0xC0, 0xA2, 0x84, 0xCA, 0x70, PROFILE_DOWNLOAD, 0x12, 0x14})
"""Instructions that change no file: selection, reading, searching, challenges, channels, the terminal's own."""
PLAIN = frozenset({0x00, 0x80, 0xA0})
NOT_CARRIED_OUT = frozenset({Action.MISSING, Action.STATE, Action.FOREIGN, Action.WRONG_USE, Action.FORBIDDEN})
"""67xx to 6Exx: the command was checked and not carried out (ISO/IEC 7816-4 table 6)."""
PACKET_NOT_TAKEN = frozenset({Action.UNCHANGED, Action.BUSY, Action.FOREIGN, Action.WRONG_USE})
"""For an ENVELOPE; other words may be those of a command inside it."""
WENT_WELL = frozenset({0x90, 0x91, 0x92, 0x61, 0x62, 0x63})
RELAYED = frozenset({(0x00, 0xA4), (0x80, 0xF2), (0x80, 0x50), (0x84, 0x82), (0x00, 0xC0), (0x80, 0xC0), (0x04, 0xC0), (0x84, 0xC0)})
"""SELECT, STATUS, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET RESPONSE."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, the (status word, mask) pairs it may end with, and whether its answer is given back."""

    command: bytes = field(repr=False)
    accepted: tuple[tuple[int, int], ...]
    keep: bool

    def accepts(self, sw: Sw) -> bool:
        """Whether the step may end with ``sw``."""
        words = (sw, Sw.OK) if sw.pending else (sw,)
        return any(word & mask == wanted & mask for word in words for wanted, mask in self.accepted)


@dataclass(frozen=True, slots=True)
class Carried:
    """The answers that are given back, [position, status word, hex], and how many proactive commands came with them."""

    answers: list[list[int | str]] = field(repr=False)
    fetched: int


def steps(value: Any) -> tuple[Step, ...]:
    """Read a script from JSON: 1 to 64 of {apdu, accepted: [[sw, mask]…], keep}; raises :class:`ScriptUnfit`."""
    if not isinstance(value, list) or not 1 <= len(value) <= STEPS_MAX:
        raise ScriptUnfit(position=None)
    return tuple(_step(one, position) for position, one in enumerate(value))


def relayed(value: Any) -> tuple[bytes, ...]:
    """Read the commands of one round of a relay; raises :class:`ScriptUnfit` for one that may not be relayed."""
    if not isinstance(value, list) or len(value) > RELAYED_MAX:
        raise ScriptUnfit(position=None)
    found = tuple(_command(one, position) for position, one in enumerate(value))
    for position, command in enumerate(found):
        if not may_be_relayed(command):
            raise ScriptUnfit(position=position)
    return found


def may_be_relayed(command: bytes) -> bool:
    """Whether ``command`` belongs to a secure channel or to the way there: no other can change a card through a relay."""
    cla = command[0]
    return (cla, command[1]) in RELAYED or (cla & 0x70 == 0 and bool(cla & 0x0C))


def run(transport: Transport, script: tuple[Step, ...], deadline: Deadline) -> Carried:
    """Send ``script`` step by step.

    Raises :class:`ScriptFailed`, :class:`ScriptDefective` (both with the answers so far), :class:`UnknownCard` and :class:`PacketRefused`
    (nothing was written), ``ProtocolError``.
    """
    answers: list[list[int | str]] = []
    fetched, size = 0, 0
    announced, only_read = False, True
    for position, step in enumerate(script):
        if _is_envelope(step.command) and not announced:
            fetched += proactive.announce(transport, deadline, step.command[0])
        announced = announced or step.command[1] in (ENVELOPE, PROFILE_DOWNLOAD)
        response = exchange(transport, step.command, deadline)
        if step.keep:
            size = _bounded(size + len(response.data))
            answers += _pieces(position, response)
        if not step.accepts(response.sw):
            raise _stopped(step, response, position, answers, only_read=only_read)
        only_read = only_read and _reads(step.command)
        fetched += proactive.settle(transport, response.sw, deadline, _toolkit_class(step.command))
    return Carried(answers, fetched)


def relay(transport: Transport, round_: tuple[bytes, ...], deadline: Deadline) -> list[str]:
    """Send the commands of one round; returns each answer's data and status word as hex.

    A command that fails ends the round: fewer answers than commands. Raises ``ProtocolError``.
    """
    answers: list[str] = []
    size = 0
    for command in round_:
        response = exchange(transport, command, deadline)
        size = _bounded(size + len(response.data))
        if len(response.data) > PIECE:
            raise ProtocolError("an answer longer than a command can have", length=len(response.data))
        answers.append((response.data + response.sw.to_bytes(2, "big")).hex())
        if response.sw >> 8 not in WENT_WELL:
            break
        proactive.settle(transport, response.sw, deadline)
    return answers


def _step(value: Any, position: int) -> Step:
    if not isinstance(value, dict) or set(value) != {"apdu", "accepted", "keep"} or not isinstance(value["keep"], bool):
        raise ScriptUnfit(position=position)
    accepted = value["accepted"]
    if not isinstance(accepted, list) or not accepted or not all(_is_pair(pair) for pair in accepted):
        raise ScriptUnfit(position=position)
    return Step(_command(value["apdu"], position), tuple((pair[0], pair[1]) for pair in accepted), value["keep"])


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(word) is int and word in WORD for word in value)  # noqa: PLR2004  # word, mask


def _command(value: Any, position: int) -> bytes:
    """Return a short command (ISO/IEC 7816-3 §12.1.3) whose length byte tells the truth."""
    if not isinstance(value, str) or not re.fullmatch(COMMAND, value):
        raise ScriptUnfit(position=position)
    command = bytes.fromhex(value)
    body = len(command) - 5
    if body > 0 and (not command[4] or body not in (command[4], command[4] + 1)):
        raise ScriptUnfit(position=position)
    return command


def _stopped(step: Step, response: Response, position: int, answers: list[list[int | str]], *, only_read: bool) -> HalError:
    """Return the error for a step that ended otherwise than it had to, under rule 4."""
    sw = response.sw
    if sw.action is Action.DEFECTIVE:
        return ScriptDefective(sw=int(sw), step=position, answers=answers)
    if only_read and _is_envelope(step.command) and sw.action in PACKET_NOT_TAKEN:
        return PacketRefused(sw=int(sw))
    if only_read and not _is_envelope(step.command) and sw.action in NOT_CARRIED_OUT:
        return UnknownCard(sw=int(sw))
    return ScriptFailed(sw=int(sw), step=position, answers=answers)


def _pieces(position: int, response: Response) -> list[list[int | str]]:
    parts = [response.data[at : at + PIECE] for at in range(0, len(response.data), PIECE)] or [b""]
    words = [MORE] * (len(parts) - 1) + [int(response.sw)]
    return [[position, word, part.hex()] for word, part in zip(words, parts, strict=True)]


def _bounded(size: int) -> int:
    if size > ANSWERS_MAX:
        raise ProtocolError("answers without end", length=size)
    return size


def _is_envelope(command: bytes) -> bool:
    return command[0] in (0x80, 0xA0) and command[1] == ENVELOPE


def _reads(command: bytes) -> bool:
    return command[0] in PLAIN and command[1] in READING


def _toolkit_class(command: bytes) -> int:
    return 0xA0 if command[0] == 0xA0 else 0x80  # noqa: PLR2004  # a 2G card's class
