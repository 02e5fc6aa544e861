# SPDX-License-Identifier: Apache-2.0
"""What the sensor sees: a persona's drawn face, enlarged, with the noise that makes every frame of a real sensor another one.

Format: netpbm pgm(5), raw form, maxval 255; 360 x 450 pixels, close to the 358 x 441 of identity photographs.
"""

from __future__ import annotations

import functools
import random

from simulators.personas import PERSONAS, portrait_pgm

SCALE = 3


@functools.cache
def _still(persona: str) -> tuple[int, int, bytes]:
    """Return width, height and pixels of the enlarged drawing."""
    _, size, _, pixels = portrait_pgm(PERSONAS[persona]).split(b"\n", 3)
    width, height = (int(number) for number in size.split())
    rows = (pixels[at : at + width] for at in range(0, width * height, width))
    wide = (b"".join(bytes([pixel]) * SCALE for pixel in row) for row in rows)
    return width * SCALE, height * SCALE, b"".join(row * SCALE for row in wide)


def take(persona: str, number: int) -> bytes:
    """Return frame ``number`` of ``persona``; the same arguments give the same picture. ``KeyError`` for nobody we know."""
    width, height, still = _still(persona)
    pixels = bytearray(still)
    noise = random.Random(f"{persona}/{number}")
    for grain in noise.randbytes(height):
        pixels[noise.randrange(len(pixels))] = grain
    return b"P5\n%d %d\n255\n" % (width, height) + bytes(pixels)
