# SPDX-License-Identifier: Apache-2.0
"""The steps of bringing back a reader that fell silent, and which of them were taken for the fault at hand.

Rules
* The order is :class:`Rung`'s. A rung that did not help is not taken again for the same fault.
* A fault has a name: what the reader did not answer. It is over once the reader answered just that, or a card was read. That it answers
  something else in between (its status, after the port was opened anew) ends nothing.
* A reader that went away and came back is another one: no fault of the last one is its own.

Decides nothing about how a rung is carried out. Counts, since the process began, are in :attr:`Ladder.taken` and :attr:`Ladder.helped`.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Rung(StrEnum):
    """The steps, in their order; the last one is the terminal's, which owns the controller, and after it there are people."""

    FIND = "find"
    RESET = "reset"
    REOPEN = "reopen"
    POWER = "power_cycle"


class Ladder:
    """One reader's faults."""

    def __init__(self) -> None:
        self.taken: Counter[Rung] = Counter()
        self.helped: Counter[Rung] = Counter()
        self.fault = ""
        """What is not answered; empty for a reader that is well."""
        self._tried: list[Rung] = []

    def silent(self, what: str) -> None:
        """Take note that ``what`` was not answered; a fault that is known keeps its name."""
        self.fault = self.fault or what

    def take(self, rung: Rung) -> bool:
        """Return whether ``rung`` is still to be tried for this fault; it then counts as tried."""
        if rung in self._tried:
            return False
        self._tried.append(rung)
        self.taken[rung] += 1
        return True

    def answered(self, what: str) -> None:
        """Take note that ``what`` was answered (``read``: a whole card)."""
        if self.fault and what in {self.fault, "read"}:
            if self._tried:
                self.helped[self._tried[-1]] += 1
            self.forget()

    def forget(self) -> None:
        """Begin anew: this is another reader, or the same one after somebody saw to it."""
        self.fault = ""
        self._tried.clear()
