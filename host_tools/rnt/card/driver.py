# SPDX-License-Identifier: Apache-2.0
"""The card in the engineer's reader, through the shipped driver.

Decides which of the driver's rules an engineer may lift: one, that a card with a subscriber is never written, and only for the card
named by its ICCID. Every operation begins with a cold reset and raises ``HalError`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hal.link.pcsc import PcscLink
from hal.sim_card import cards
from hal.sim_card.errors import UnknownCard
from hal.sim_card.personalise import CardAtWork, Comparison, Identity, Orders, Written
from host_tools.rnt.card.view import Viewer
from host_tools.rnt.card.wire import Exchange, Rehearsal, Untouched, Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.deadline import Deadline
    from hal.sim_card.access import Layout
    from hal.sim_card.cards import CardType
    from hal.sim_card.channel import Transport
    from hal.sim_card.profile import Profile

    Tell = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Which reader, and what of the exchanges is told to whom."""

    reader: str
    pcscd_socket: str | None
    personal: bool
    watcher: Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Met:
    """A card just reset: its ATR, its model (None = none known), and who it says it is."""

    atr: bytes
    card_type: CardType | None
    identity: Identity | None

    @property
    def blank(self) -> bool:
        """Whether the card surely has no subscriber."""
        return self.identity is not None and self.identity.imsi == ""


class _Overridden(CardAtWork):
    """A card the engineer named: it counts as blank."""

    def identify(self, deadline: Deadline) -> Identity:
        """Read the card as ever, and overlook its subscriber."""
        return replace(super().identify(deadline), imsi="")


class CardInReader:
    """One reader, for one command. ``transport`` leads to the card and tells the watcher."""

    def __init__(self, options: Options, secrets: tuple[bytes, ...] = ()) -> None:
        self._options, self._secrets = options, secrets
        self._link = PcscLink(options.reader, options.pcscd_socket)
        self._viewer = Viewer(secrets, personal=options.personal)
        self._layout: Layout | None = None
        self.transport = Watched(self._link, self._viewer, options.watcher)

    @property
    def spent(self) -> tuple[int, int]:
        """APDUs and bytes exchanged so far, status words included."""
        return self._link.apdus, self._link.octets

    def close(self) -> None:
        """Power the card off."""
        self._link.close()

    def reset(self, deadline: Deadline) -> bytes:
        """Power the card off and on; returns its ATR."""
        atr = self._link.power_cycle(deadline)
        self._viewer.reset()
        return atr

    def meet(self, deadline: Deadline) -> Met:
        """Reset the card and ask who it is. A card of no known model keeps its identity to itself."""
        atr = self.reset(deadline)
        try:
            card_type = cards.identify(atr)
        except UnknownCard:
            return Met(atr, None, None)
        return Met(atr, card_type, CardAtWork(Untouched(self.transport), card_type).identify(deadline))

    def rehearse(self, profile: Profile, expected_iccid: str, deadline: Deadline, tell: tuple[Tell, Tell], *, ordered: bool) -> Written:
        """Do all of a write and its read-back but the writing, on a card with or without a subscriber.

        The first of ``tell`` hears of every command of the write, the second of the read-back. ``ordered`` as in :meth:`write`.
        """
        under = self._watched(Rehearsal(self.transport), tell[0])
        done = self._write(under, profile, expected_iccid, deadline, Orders(ordered=ordered), live=True)
        self._read_back(self._watched(Untouched(self.transport), tell[1]), profile, deadline)
        return done

    def write(self, profile: Profile, expected_iccid: str, deadline: Deadline, *, override: bool, ordered: bool) -> Written:
        """Write ``profile`` to the card ``expected_iccid``; with ``override`` even to one with a subscriber.

        ``ordered``: with a key that has one try left, too.
        """
        return self._write(self.transport, profile, expected_iccid, deadline, Orders(ordered=ordered), live=override)

    def read_back(self, profile: Profile, deadline: Deadline) -> Comparison:
        """Compare the card with ``profile``; writes nothing."""
        return self._read_back(Untouched(self.transport), profile, deadline)

    def _write(self, under: Transport, profile: Profile, expected_iccid: str, deadline: Deadline, orders: Orders, *, live: bool) -> Written:
        card_type = cards.identify(self.reset(deadline))
        card = (_Overridden if live else CardAtWork)(under, card_type)
        done = card.write(profile, expected_iccid, deadline, orders)
        self._layout = card.layout
        return done

    def _read_back(self, under: Transport, profile: Profile, deadline: Deadline) -> Comparison:
        """Compare the card; lengths are those it told while it was written, where it was."""
        card_type, layout, self._layout = cards.identify(self.reset(deadline)), self._layout, None
        return CardAtWork(under, card_type, layout).read_back(profile, deadline)

    def _watched(self, under: Transport, tell: Tell) -> Watched:
        return Watched(under, Viewer(self._secrets, personal=self._options.personal), tell)
