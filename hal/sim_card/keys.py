# SPDX-License-Identifier: Apache-2.0
"""PINs and administrative keys: when one may be presented. ETSI TS 102 221 §9.5, §11.1.9 to §11.1.13.

Decides the rules that keep keys alive:

1. The counter is asked first; a card that does not tell it is not given a key.
2. With one try left the key is not presented, unless somebody ordered it.
   A 2G card tells no counter: the last try is assumed.
3. A key is sent once, whatever the answer; nothing here tries again or tries another form of it.
4. A blocked PIN is unblocked with its PUK under the same rules; an administrative key has none: the card is dead.

Key values appear in no error and no ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.sim_card import commands
from hal.sim_card.errors import CardDefective, KeyBlocked, KeyWrong, UnknownCard
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport

LAST_TRY = 1
NOT_TOLD = (0x9804, 0x6C08)
"""What 2G cards answer to a VERIFY without a key: not met, or that it has 8 bytes."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """What the card says of a key: tries left, or (None) that it needs no presenting now."""

    left: int | None

    @property
    def blocked(self) -> bool:
        """Whether no try is left."""
        return self.left == 0


def state(transport: Transport, key: int, deadline: Deadline) -> KeyState:
    """Ask for the tries of ``key``; uses up none. Raises :class:`UnknownCard` (no such key, not told), :class:`CardDefective`."""
    return _told(Sw(transport.transmit(commands.ask_tries(key), deadline)[1]))


def unblock_state(transport: Transport, key: int, deadline: Deadline) -> KeyState:
    """Ask for the tries of the PUK of ``key``, as :func:`state` does."""
    return _told(Sw(transport.transmit(commands.ask_unblock_tries(key), deadline)[1]))


def present(transport: Transport, key: int, value: bytes, deadline: Deadline, *, ordered: bool = False) -> None:
    """VERIFY under the rules; raises :class:`KeyBlocked`, :class:`KeyWrong`, :class:`UnknownCard`, :class:`CardDefective`."""
    told = state(transport, key, deadline)
    if told.left is not None:
        _once(transport, commands.verify(key, value), told.left, deadline, ordered=ordered)


def change(transport: Transport, key: int, old: bytes, new: bytes, deadline: Deadline, *, ordered: bool = False) -> None:
    """Change ``key`` from ``old`` to ``new`` under the rules; a wrong ``old`` costs a try."""
    _once(transport, commands.change(key, old, new), _tries(state(transport, key, deadline)), deadline, ordered=ordered)


def switch(transport: Transport, key: int, value: bytes, deadline: Deadline, *, enabled: bool, ordered: bool = False) -> None:
    """Enable or disable a PIN under the rules."""
    command = commands.enable(key, value) if enabled else commands.disable(key, value)
    _once(transport, command, _tries(state(transport, key, deadline)), deadline, ordered=ordered)


def unblock(transport: Transport, key: int, puk: bytes, new: bytes, deadline: Deadline, *, ordered: bool = False) -> None:
    """Give a PIN a ``new`` value by its PUK under the rules; the tries told are the PUK's."""
    told = unblock_state(transport, key, deadline)
    _once(transport, commands.unblock(key, puk, new), _tries(told), deadline, ordered=ordered)


def _tries(told: KeyState) -> int:
    """Return the tries before the command; a key that is verified has its full counter, which nobody tells (TS 102 221 §9.5.1)."""
    return LAST_TRY + 1 if told.left is None else told.left


def _told(sw: Sw) -> KeyState:
    match sw.action:
        case Action.DONE:
            return KeyState(None)
        case Action.BLOCKED:
            return KeyState(0)
        case Action.COUNTED:
            return KeyState(sw & 0x0F)
    if sw in NOT_TOLD:
        return KeyState(LAST_TRY)
    raise lost(sw)


def _once(transport: Transport, command: bytes, left: int, deadline: Deadline, *, ordered: bool) -> None:
    if left < LAST_TRY or (left == LAST_TRY and not ordered):
        raise KeyBlocked(left=left)
    answer = Sw(transport.transmit(command, deadline)[1])
    match answer.action:
        case Action.DONE:
            return
        case Action.COUNTED if answer & 0x0F:
            raise KeyWrong(left=answer & 0x0F)
        case Action.COUNTED | Action.BLOCKED:
            raise KeyBlocked(left=0)
        case Action.FORBIDDEN:
            raise KeyWrong(left=left - 1) if left > LAST_TRY else KeyBlocked(left=0)
    raise lost(answer)


def lost(sw: Sw) -> CardDefective | UnknownCard:
    """Return the error for a refusal before anything was written."""
    return CardDefective(sw=int(sw)) if sw.action is Action.DEFECTIVE else UnknownCard(sw=int(sw))
