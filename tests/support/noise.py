# SPDX-License-Identifier: Apache-2.0
"""Hostile bytes by the ten thousand: plain random, the same in every run.

Drawing an example takes Hypothesis far longer than parsing it. So a parser that must meet 20,000 bad inputs meets Hypothesis' 2,000, which
look for the edges and shrink what fails, and beside them, through the same check, 20,000 of these.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES: Final = 20_000


def dice(name: str) -> random.Random:
    """Return what a test draws from, by a name of its own."""
    return random.Random(name)  # noqa: S311  # a repeatable test, no secret


def noise(name: str, longest: int, shortest: int = 0) -> Iterator[bytes]:
    """Yield :data:`EXAMPLES` byte strings of ``shortest`` to ``longest`` bytes."""
    drawn = dice(name)
    for _ in range(EXAMPLES):
        yield drawn.randbytes(drawn.randint(shortest, longest))
