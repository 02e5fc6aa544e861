# SPDX-License-Identifier: Apache-2.0
"""The reader's field: whose card lies there, and which answer a command gets.

Clause: facts id_reader §1.3 E. ``FF B0 NN 00 00``: block 0 = 4 bytes of header and the 256 bytes of text; blocks 1 to 5 = 4 bytes of header
and the 1,024 bytes of photo, 256 at a time. The answer to reset has ``90 00`` at its byte 13; the header's form is not public, the sizes of
the two blocks stand in for it.

Faults, at events ``block0`` … ``block5``, ``other`` and ``atr`` (every answer to reset):

``sw``      this status word (``code``, a number) and no data
``short``   the last ``bytes`` bytes (default 1) are missing
``long``    ``bytes`` bytes (default 1) more
``lifted``  the card leaves and does not answer
``delay``   the answer comes ``ms`` late
``noise``   at ``atr``: ``hex`` instead of it
``hold``    the kit's: stops before the answer until ``release``
"""

from __future__ import annotations

import threading
import time
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING

from simulators.personas import photo_block, text_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.kit import Fault, FaultPlan
    from simulators.personas import Persona

HISTORICAL = bytes.fromhex("8000000000000000829000")
ATR_BODY = bytes([0x80 | len(HISTORICAL), 0x80, 0x01]) + HISTORICAL
ATR = b"\x3b" + ATR_BODY + bytes([reduce(xor, ATR_BODY)])
"""PC/SC part 3 §3.1.3.2.3: T=0 and T=1, historical bytes, TCK. ``90 00`` at bytes 13 and 14 tells an identity card."""
OTHER_ATR = bytes.fromhex("3b8f8001804f0ca000000306030001000000006a")
"""A contactless storage card, by the same standard."""
BLOCK = 256
HEADER = bytes.fromhex("01000400")
WRONG_COMMAND, NO_BLOCK, GOOD = b"\x6d\x00", b"\x6a\x82", b"\x90\x00"


class ContactLost(Exception):
    """The card left before it answered."""


class Field:
    """At most one card; thread-safe. ``changed`` is notified when one comes or goes, and ``on_change`` called."""

    def __init__(self, faults: FaultPlan) -> None:
        self._faults = faults
        self.changed = threading.Condition()
        self.persona: Persona | None = None
        self.foreign = False
        """The card is another one than an identity card."""
        self.turn = 0
        """Grows with every card laid down."""
        self.on_change: Callable[[], None] = lambda: None
        self.counts: dict[str, int] = {}

    def insert(self, persona: Persona, *, foreign: bool = False) -> None:
        """Lay a card on the reader."""
        with self.changed:
            self.persona, self.foreign = persona, foreign
            self.turn += 1
            self.changed.notify_all()
        self.on_change()

    def remove(self) -> None:
        """Lift the card."""
        with self.changed:
            self.persona = None
            self.changed.notify_all()
        self.on_change()

    def atr(self) -> bytes:
        """Return what the reader says a card answers to reset."""
        fault = self._faults.next("atr")
        if fault and fault.do == "noise":
            return bytes.fromhex(str(fault.options["hex"]))
        return OTHER_ATR if self.foreign else ATR

    def answer(self, command: bytes) -> bytes:
        """Return data and status word, faults included; raises :class:`ContactLost`."""
        event = f"block{command[2]}" if command[:2] == b"\xff\xb0" and len(command) == 5 and command[2] < 6 else "other"
        self.counts[event] = self.counts.get(event, 0) + 1
        fault = self._faults.next(event)
        persona = self.persona
        if persona is None:
            raise ContactLost
        good = WRONG_COMMAND if event == "other" or self.foreign else blocks(persona)[command[2]] + GOOD
        return self._spoiled(good, fault) if fault else good

    def _spoiled(self, good: bytes, fault: Fault) -> bytes:
        amount = int(fault.options.get("bytes", 1))
        match fault.do:
            case "sw":
                return int(fault.options["code"]).to_bytes(2, "big")
            case "short":
                return good[: -2 - amount] + good[-2:]
            case "long":
                return good[:-2] + b"\x55" * amount + good[-2:]
            case "lifted":
                self.remove()
                raise ContactLost
            case "delay":
                time.sleep(float(fault.options.get("ms", 100)) / 1000)
                return good
        raise ValueError(f"unknown fault {fault.do!r}")


def blocks(persona: Persona) -> list[bytes]:
    """Return the six blocks of a persona's card."""
    photo = HEADER + photo_block(persona)
    return [HEADER + text_block(persona), *(photo[at : at + BLOCK] for at in range(0, len(photo), BLOCK))]
