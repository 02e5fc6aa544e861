# SPDX-License-Identifier: Apache-2.0
"""A drawn face for each persona: what a live camera would see. A small grey picture, the same every time."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.personas.people import Persona

WIDTH, HEIGHT = 120, 150


@functools.cache
def portrait_pgm(persona: Persona) -> bytes:
    """Return the portrait as a binary PGM (Netpbm P5), 120×150 pixels, 8 bits."""
    traits = hashlib.shake_256(b"face/" + persona.key.encode()).digest(6)
    skin, hair, wall = 170 + traits[0] % 50, 20 + traits[1] % 70, 90 + traits[2] % 40
    face_width, face_height, eye_gap = 34 + traits[3] % 10, 46 + traits[4] % 10, 14 + traits[5] % 5
    middle, eyes, mouth = WIDTH // 2, 68, 100

    def inside(x: int, y: int, cx: int, cy: int, rx: int, ry: int) -> bool:
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    def shade(x: int, y: int) -> int:
        if inside(x, y, middle - eye_gap, eyes, 5, 3) or inside(x, y, middle + eye_gap, eyes, 5, 3):
            return hair
        if inside(x, y, middle, mouth, 12, 3):
            return skin - 80
        if inside(x, y, middle, 78, face_width, face_height):
            return hair if y < 78 - face_height * 2 // 3 else skin
        if inside(x, y, middle, HEIGHT + 10, 55, 40):
            return hair + 60
        return wall

    pixels = bytes(shade(x, y) for y in range(HEIGHT) for x in range(WIDTH))
    return f"P5\n{WIDTH} {HEIGHT}\n255\n".encode() + pixels
