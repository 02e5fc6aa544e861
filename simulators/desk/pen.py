# SPDX-License-Identifier: Apache-2.0
"""How a person signs on the pad: two or three strokes of a hand of their own, the same person always much alike, never quite the same."""

from __future__ import annotations

import hashlib
import math
from typing import Any

PAD = 4095
POINTS = 14
"""Of one stroke."""


def strokes(persona: str, time: int) -> list[list[list[int]]]:
    """Return pen strokes ``[[x, y, ms] …]`` across the pad; ``time`` makes one signature differ a little from the next."""
    hand = hashlib.sha256(persona.encode()).digest()
    found, ms = [], 0
    for number in range(2 + hand[0] % 2):
        left, base, wave = 500 + 1100 * number, 1200 + hand[number + 1] * 6, 3 + hand[number + 4] % 4
        stroke: list[list[int]] = []
        for step in range(POINTS):
            x = left + step * 60 + hand[(step + number) % 32] % 17
            y = base + int(500 * math.sin(step / wave)) + (time + step) % 7
            stroke.append([min(x, PAD), min(max(y, 0), PAD), ms])
            ms += 12
        found.append(stroke)
        ms += 90
    return found


def answer(*, signs: bool, persona: str, time: int) -> dict[str, Any]:
    """Return what the pad says."""
    return {"signed": signs, "strokes": strokes(persona, time) if signs else []}
