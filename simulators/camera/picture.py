# SPDX-License-Identifier: Apache-2.0
"""What the sensor sees: a persona's drawn face, enlarged, or a page; with the noise that makes every frame of a real sensor another one.

Format: netpbm pgm(5), raw form, maxval 255; a face has 360 x 450 pixels, close to the 358 x 441 of identity photographs.
"""

from __future__ import annotations

import functools
import random

from simulators.camera.papers import page_pgm
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
    return _seen(*_still(persona), f"{persona}/{number}")


def take_page(document: str, persona: str, page: int, number: int) -> bytes:
    """Return frame ``number`` of that page; ``KeyError`` or ``IndexError`` for one we do not have."""
    _, size, _, pixels = page_pgm(document, persona, page).split(b"\n", 3)
    width, height = (int(part) for part in size.split())
    return _seen(width, height, pixels, f"{document}/{persona}/{page}/{number}")


def _seen(width: int, height: int, still: bytes, seed: str) -> bytes:
    """Return the picture with its noise."""
    pixels = bytearray(still)
    noise = random.Random(seed)
    for grain in noise.randbytes(height):
        pixels[noise.randrange(len(pixels))] = grain
    return b"P5\n%d %d\n255\n" % (width, height) + bytes(pixels)
