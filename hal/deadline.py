# SPDX-License-Identifier: Apache-2.0
"""One deadline, passed down. Nobody below re-arms it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hal.errors import DeadlinePassed


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> float:
        """Return the seconds left; raises :class:`~hal.errors.DeadlinePassed` when there are none."""
        left = self.left()
        if left <= 0:
            raise DeadlinePassed
        return left

    def sooner(self, seconds: float) -> Deadline:
        """Return this deadline or the one ``seconds`` from now, whichever comes first."""
        return Deadline(min(self.at, time.monotonic() + seconds))
