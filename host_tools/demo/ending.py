# SPDX-License-Identifier: Apache-2.0
"""Judge an ending by what others know: the operator's books and the card itself, not by what the terminal says of itself.

A good ending is one of four: active, with one number on a written card; done, where the business writes none; a coded outcome with an
untouched card; a coded outcome that voids the card, with no number on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from host_tools.demo.rig import Rig

ACTIVE = "ACTIVE"
VOIDING = frozenset({"R708", "R709", "R711"})
"""Outcomes after which a card that was written to is thrown away."""
LATE = "R710"
"""Written and proven, but the operator has not said so yet; the terminal goes on asking."""


class Ending(StrEnum):
    """What an ending amounts to."""

    ACTIVE = "active"
    DONE = "done"
    NOTHING = "nothing"
    VOID = "void"
    LATE = "late"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the operator and the card say after the session."""

    active: int
    """Numbers active for this session."""
    updates: int
    """Files of the card that were written to."""
    waiting: int = 0
    """Numbers on written cards that wait for their user: a unit's, until T10."""

    @classmethod
    def of(cls, rig: Rig, session: str) -> Facts:
        """Ask the simulators."""
        numbers: list[dict[str, Any]] = rig.device("backend", "state")["numbers"]
        states = [number["state"] for number in numbers if number["session"] == session]
        return cls(states.count("active"), int(rig.device("sim_card", "state")["updates"]), states.count("inactive"))

    def judge(self, outcome: str, *, writes: bool = True) -> Ending:
        """Return what ``outcome`` amounts to, or that it is not true; ``writes``: whether the business was to write a card."""
        given = self.active + self.waiting
        if outcome == ACTIVE and not writes:
            return Ending.WRONG if given or self.updates else Ending.DONE
        if outcome == ACTIVE:
            return Ending.ACTIVE if given == 1 and self.updates else Ending.WRONG
        if given:
            return Ending.WRONG
        if not self.updates:
            return Ending.NOTHING
        if outcome in VOIDING:
            return Ending.VOID
        return Ending.LATE if outcome == LATE else Ending.WRONG
