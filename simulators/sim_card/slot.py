# SPDX-License-Identifier: Apache-2.0
"""The slot: which card lies in it, and what goes wrong with it.

Fault events, in this order for each command: ``apdu``, then ``select``, ``update``, ``verify`` or ``envelope`` where it is one. Kinds:

* ``sw`` {sw: hex, executed: bool=false}: answer this status word, without (or after) carrying the command out
* ``delay`` {ms}: answer late
* ``hold`` (the kit's): stop before carrying it out until ``release``; ``hold_after``: carry it out, stop before the answer
* ``remove`` {when: "before" | "after"}: the card leaves the slot and is not answering any more
* ``hangup``: the contact breaks once; the card is back at the next look
* ``tear`` {leaves: "half" | "old" | "new", marked: bool=false}: the update leaves half of its bytes (or the old, or the new ones), and the
  card leaves the slot; ``marked``: the card knows, and reading the file warns with 6281 until it is updated
* ``noise`` {hex} at event ``atr`` (every answer to reset, and every look of the reader): these bytes instead of the ATR
* ``stall``: no answer at all until the card is removed or replaced (``wait_stalled`` waits for it)
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

from simulators.kit import Fault, FaultPlan
from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS, PUK
from simulators.sim_card.unlock import COUNTER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = {0xA4: "select", 0xD6: "update", 0xDC: "update", 0x20: "verify", 0xC2: "envelope"}
"""Instruction → the fault event it counts as, beside ``apdu``."""


class ContactLost(Exception):
    """The card does not answer: pulled, or its contact broke."""


class Slot:
    """Holds at most one card; thread-safe. ``changed`` is notified when one comes or goes."""

    def __init__(self, faults: FaultPlan, store: Path | None) -> None:
        self._faults, self._store = faults, store
        self._cards: dict[str, Card] = {}
        self.changed = threading.Condition()
        self.card: Card | None = None
        self.turn = 0
        """Grows with every card put in: the wire serves one turn per connection."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the card in the slot is another than before, or none."""
        self._last: Card | None = None
        self._stalled = False

    def insert(self, name: str | None = None, iccid: str | None = None) -> Card:
        """Put in the persona ``name``, or the last card; the same name is the same piece of plastic. Raises ``KeyError``.

        With ``iccid`` it is another piece of the same kind: the same contents and keys under this number.
        """
        with self.changed:
            self._last = self._take(name, iccid) if name else self._last
            if self._last is None:
                raise ValueError("which card?")
            self.card = self._last
            self.turn += 1
            self.changed.notify_all()
        self.on_change()
        return self._last

    def _take(self, name: str, iccid: str | None) -> Card:
        piece = f"{name}-{iccid}" if iccid else name
        if piece not in self._cards:
            persona = CARDS[name].numbered(iccid) if iccid else CARDS[name]
            self._cards[piece] = Card(persona, Memory(persona.contents(), persona.tries(), name=piece, store=self._store))
        return self._cards[piece]

    def remove(self) -> None:
        """Pull the card."""
        with self.changed:
            self.card = None
            self.changed.notify_all()
        self.on_change()

    def holds(self, card: Card, turn: int) -> bool:
        """Whether ``card`` is still in the slot as it was put in at ``turn``."""
        return self.card is card and self.turn == turn

    def state(self) -> dict[str, Any]:
        """Return what lies in the slot and the counters of the last card; tries by key reference."""
        card = self._last
        counters = card.counters if card else {}
        left = card.memory.tries if card else {}
        tries = {f"{key:02X}": count for key, count in left.items() if key < PUK}
        unblocking = {f"{key - PUK:02X}": count for key, count in left.items() if PUK <= key < COUNTER}
        unlocking = {f"{key - COUNTER:02X}": count for key, count in left.items() if key >= COUNTER}
        told = {"tries": tries, "unblocking_tries": unblocking, "unlocking_tries": unlocking}
        return {"inserted": self.card is not None, **counters, **told}

    def read_file(self, path: str) -> str:
        """Return the content of a file of the last card as hex, records joined."""
        if self._last is None:
            raise ValueError("no card")
        return self._last.content(path).hex()

    def atr(self, card: Card) -> bytes:
        """Return what ``card`` answers to reset: its ATR, or noise."""
        fault = self._faults.next("atr")
        return bytes.fromhex(fault.options["hex"]) if fault and fault.do == "noise" else card.persona.atr

    def answer(self, card: Card, turn: int, apdu: bytes) -> bytes:
        """Return the response of the card put in at ``turn`` to ``apdu``, faults included; raises :class:`ContactLost`."""
        faults = [self._faults.next("apdu")]
        if len(apdu) > 1 and apdu[1] in EVENTS:
            faults.append(self._faults.next(EVENTS[apdu[1]]))
        fault = next((fault for fault in faults if fault), None)
        if not self.holds(card, turn):
            raise ContactLost  # pulled while held
        if fault and fault.do == "stall":
            self._stall(card, turn)
        return self._misbehave(card, apdu, fault) if fault else card.process(apdu)

    def _misbehave(self, card: Card, apdu: bytes, fault: Fault) -> bytes:
        executed = fault.options.get("executed", False) or fault.do == "hold_after" or fault.options.get("when") == "after"
        if fault.do == "tear":
            card.torn, card.marks_torn = fault.options.get("leaves", "half"), fault.options.get("marked", False)
        response = card.process(apdu) if executed or fault.do == "tear" else b""
        if fault.do in ("remove", "tear"):
            self.remove()
        if fault.do in ("remove", "tear", "hangup"):
            raise ContactLost
        if fault.do == "sw":
            return bytes.fromhex(fault.options["sw"])
        if fault.do == "hold_after":
            self._faults.add(Fault("answer", "hold"))
            self._faults.next("answer")
            return response
        if fault.do == "delay":
            time.sleep(fault.options["ms"] / 1000)
            return card.process(apdu)
        raise ValueError(f"unknown fault {fault.do!r}")

    def wait_stalled(self, timeout: float) -> bool:
        """Wait until a command is left without an answer; returns whether one is after ``timeout`` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self._stalled, timeout)

    def _stall(self, card: Card, turn: int) -> NoReturn:
        with self.changed:
            self._stalled = True
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self.holds(card, turn))
            self._stalled = False
        raise ContactLost
