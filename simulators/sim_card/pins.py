# SPDX-License-Identifier: Apache-2.0
"""Keys of a card and their commands, ETSI TS 102 221 §9.5 and §11.1.9 to §11.1.13: VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN.

Decides who has shown a key. Rules:

1. An attempt is counted, in non-volatile memory, before the key is compared.
2. An empty VERIFY or UNBLOCK PIN tells the tries left and takes none.
3. A disabled PIN1 guards nothing, unless the universal PIN was named to stand in for it.
4. A key without an unblocking key (every ADM) stays blocked for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card.apdu import Command, Refused
from simulators.sim_card.files import PIN1, UNIVERSAL, Access
from simulators.sim_card.personas import PUK

if TYPE_CHECKING:
    from simulators.sim_card.card import Card
    from simulators.sim_card.description import Key
    from simulators.sim_card.memory import Memory

REPLACE_BY_UNIVERSAL = 0x80 | UNIVERSAL
"""P1 of DISABLE PIN, §11.1.11: the universal PIN stands in from now on."""
MOST_TOLD = 15


class Pins:
    """The keys of one card; values and states live in its memory."""

    def __init__(self, keys: tuple[Key, ...], memory: Memory) -> None:
        self._keys = {key.reference: key for key in keys}
        self._memory = memory

    def key(self, reference: int) -> Key:
        """Return the key; raises :class:`Refused` (6A88)."""
        if reference not in self._keys:
            raise Refused(0x6A88)
        return self._keys[reference]

    def __contains__(self, reference: int) -> bool:
        return reference in self._keys

    def enabled(self, reference: int) -> bool:
        """Whether the key is asked for."""
        return bool(self._memory.fact(f"enabled.{reference:02X}", self._keys[reference].enabled))

    def enable(self, reference: int, *, on: bool, replaced: bool = False) -> None:
        """Ask for the key or not; ``replaced``: the universal PIN stands in."""
        self._memory.keep(**{f"enabled.{reference:02X}": on, f"replaced.{reference:02X}": replaced or None})

    def replaced(self, reference: int) -> bool:
        """Whether the universal PIN stands in for the key."""
        return bool(self._memory.fact(f"replaced.{reference:02X}", default=False))

    def stands_for(self, reference: int) -> int | None:
        """Return the key that is really asked for: itself, the universal PIN, or none."""
        if reference not in self._keys or self.enabled(reference):
            return reference
        return UNIVERSAL if self.replaced(reference) and self.enabled(UNIVERSAL) else None

    def value(self, reference: int) -> bytes:
        """Return the key's value, 8 bytes."""
        stored = self._memory.fact(f"key.{reference:02X}")
        return bytes.fromhex(stored) if stored else self._keys[reference].value

    def change(self, reference: int, value: bytes) -> None:
        """Give the key another value."""
        self._memory.keep(**{f"key.{reference:02X}": value.hex()})

    def tries(self, reference: int, *, puk: bool = False) -> int:
        """Return the tries left."""
        return self._memory.tries[reference + PUK * puk]

    def listed(self) -> list[tuple[int, bool]]:
        """Return (reference, enabled) as the PIN status template lists them, applications' keys first."""
        return [(reference, self.enabled(reference)) for reference in self._keys]

    def attempt(self, reference: int, shown: bytes, *, puk: bool = False) -> None:
        """Compare ``shown`` with the key; raises :class:`Refused`: 6700, 6983 when blocked, 63Cx when wrong."""
        if len(shown) != 8:
            raise Refused(0x6700)
        counter, left = reference + PUK * puk, self.tries(reference, puk=puk)
        if not left:
            raise Refused(0x6983)
        self._memory.count(counter, left - 1)
        if shown != (self._keys[reference].puk if puk else self.value(reference)):
            raise Refused(0x63C0 | min(left - 1, MOST_TOLD))
        self.restore(counter)

    def restore(self, counter: int) -> None:
        """Give a counter its full number of tries."""
        self._memory.count(counter, self._keys[counter].tries if counter < PUK else 10)


def permit(card: Card, access: Access) -> None:
    """Check one access condition; raises :class:`Refused` (6982)."""
    session, key = card.session, access.value
    if access is Access.NEV:
        raise Refused(0x6982)
    if key is None or session.trusted:
        return
    asked_for = card.pins.stands_for(key)
    if asked_for is not None and asked_for not in session.verified:
        raise Refused(0x6982)


def verify(card: Card, command: Command) -> bytes:
    """VERIFY PIN, §11.1.9."""
    reference = _reference(card, command)
    if not command.data:
        if reference in card.session.verified:
            return b""
        raise Refused(0x63C0 | min(card.pins.tries(reference), MOST_TOLD))
    if len(command.data) == 8:
        card.counters["verifies"] += 1
    _show(card, reference, command.data, enabled=True)
    return b""


def change(card: Card, command: Command) -> bytes:
    """CHANGE PIN, §11.1.10: old value, new value."""
    reference = _reference(card, command)
    if len(command.data) != 16:
        raise Refused(0x6700)
    _show(card, reference, command.data[:8], enabled=True)
    card.pins.change(reference, command.data[8:])
    return b""


def disable(card: Card, command: Command) -> bytes:
    """DISABLE PIN, §11.1.11."""
    reference = _reference(card, command, p1=(0x00, REPLACE_BY_UNIVERSAL))
    replaced = command.p1 != 0
    if replaced and (UNIVERSAL not in card.pins or reference != PIN1):
        raise Refused(0x6A88)
    if not card.pins.key(reference).can_disable:
        raise Refused(0x6985)
    _show(card, reference, command.data, enabled=True)
    card.pins.enable(reference, on=False, replaced=replaced)
    return b""


def enable(card: Card, command: Command) -> bytes:
    """ENABLE PIN, §11.1.12."""
    reference = _reference(card, command)
    if not card.pins.key(reference).can_disable:
        raise Refused(0x6985)
    _show(card, reference, command.data, enabled=False)
    card.pins.enable(reference, on=True)
    return b""


def unblock(card: Card, command: Command) -> bytes:
    """UNBLOCK PIN, §11.1.13: unblocking key, new value."""
    reference = _reference(card, command)
    pins = card.pins
    if not pins.key(reference).puk:
        raise Refused(0x6A88)
    if not command.data:
        raise Refused(0x63C0 | pins.tries(reference, puk=True))
    if len(command.data) != 16:
        raise Refused(0x6700)
    pins.attempt(reference, command.data[:8], puk=True)
    pins.change(reference, command.data[8:])
    pins.restore(reference)
    if not pins.enabled(reference):
        pins.enable(reference, on=True)
    card.session.verified.add(reference)
    return b""


def _reference(card: Card, command: Command, p1: tuple[int, ...] = (0x00,)) -> int:
    if command.p1 not in p1:
        raise Refused(0x6A86)
    return card.pins.key(command.p2).reference


def _show(card: Card, reference: int, shown: bytes, *, enabled: bool) -> None:
    """Compare a key that must be ``enabled``, or must not (6984)."""
    if len(shown) != 8:
        raise Refused(0x6700)
    if card.pins.tries(reference) and card.pins.enabled(reference) is not enabled:
        raise Refused(0x6984)
    try:
        card.pins.attempt(reference, shown)
    except Refused:
        card.session.verified.discard(reference)
        raise
    card.session.verified.add(reference)
