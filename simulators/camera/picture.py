# SPDX-License-Identifier: Apache-2.0
"""Draw a person-like grey picture: background, shoulders, head. Nobody's face; every frame differs as a real sensor's would.

Format: netpbm pgm(5), raw form, maxval 255. 358 x 441 pixels is the picture size of the resident identity card's photo kits.
"""

from __future__ import annotations

import random

WIDTH, HEIGHT = 358, 441


def draw(subject: str, number: int) -> bytes:
    """Return frame ``number`` of ``subject`` as a PGM file of about 154 KiB. The same arguments draw the same picture."""
    subject_draws = random.Random(subject)
    head = (WIDTH * 0.5, HEIGHT * subject_draws.uniform(0.38, 0.42), WIDTH * subject_draws.uniform(0.20, 0.25), HEIGHT * 0.24)
    skin, cloth, wall = subject_draws.randrange(150, 210), subject_draws.randrange(30, 90), 235
    noise = random.Random(f"{subject}/{number}").randbytes(WIDTH)
    rows = bytearray()
    for y in range(HEIGHT):
        row = bytearray([wall]) * WIDTH
        _span(row, _half_width(y, HEIGHT * 1.05, WIDTH * 0.48, HEIGHT * 0.40), WIDTH * 0.5, cloth)
        _span(row, _half_width(y, head[1], head[2], head[3]), head[0], skin)
        grain = (y * 31 + number) % WIDTH
        row[grain] = noise[grain]
        rows += row
    return b"P5\n%d %d\n255\n" % (WIDTH, HEIGHT) + bytes(rows)


def _half_width(y: int, centre: float, across: float, down: float) -> float:
    """Return half the width of an ellipse at row ``y``, 0 outside."""
    inside = 1 - ((y - centre) / down) ** 2
    return across * inside**0.5 if inside > 0 else 0.0


def _span(row: bytearray, half: float, centre: float, value: int) -> None:
    if half >= 1:
        left, right = max(0, int(centre - half)), min(len(row), int(centre + half))
        row[left:right] = bytes([value]) * (right - left)
