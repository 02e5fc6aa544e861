# SPDX-License-Identifier: Apache-2.0
"""Reads the mark off a picture, and writes one, as an auditor would: with the table in ``tests/vectors/camera`` and none of our code."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path

TABLE = json.loads((Path(__file__).parents[1] / "vectors/camera/letters.json").read_text(encoding="utf-8"))
LETTERS: dict[str, tuple[str, ...]] = {letter: tuple(rows) for letter, rows in TABLE["letters"].items()}
NAMES = {rows: letter for letter, rows in LETTERS.items()}
DOT, STEP, MARGIN, LINE = (int(TABLE["layout"][name]) for name in ("dot", "step", "margin", "line"))
FIRST, EVERY, SHIFT = (int(TABLE["layout"][f"across_{name}"]) for name in ("from", "every", "shift"))


def rows_of(image: bytes) -> list[bytes]:
    """Return the rows of a PGM's pixels."""
    magic, size, depth, pixels = image.split(b"\n", 3)
    width, height = map(int, size.split())
    assert (magic, depth, len(pixels)) == (b"P5", b"255", width * height)
    return [pixels[at : at + width] for at in range(0, len(pixels), width)]


def band(image: bytes) -> str:
    """Return what the band under a picture says; ``?`` for what is no letter, nothing where there is no band."""
    clear = list(takewhile(lambda row: set(row) <= {0, 255}, reversed(rows_of(image))))[::-1]
    lines = (len(clear) - 2 * MARGIN) // LINE
    return "".join(_line(clear[len(clear) - 2 * MARGIN - (lines - number) * LINE + MARGIN :]) for number in range(lines)).strip()


def _line(rows: list[bytes]) -> str:
    """Return the letters of the line whose dots begin in the first of ``rows``."""
    found = ""
    for left in range(MARGIN, len(rows[0]) - MARGIN - STEP + 1, STEP):
        dots = tuple("".join("#" if rows[DOT * row][left + DOT * column] == 0 else "." for column in range(5)) for row in range(7))
        found += NAMES.get(dots, "?")
    return found


def written_across(image: bytes, text: str, height: int) -> int:
    """Return how many dots of ``text`` stand across the upper ``height`` rows; ``AssertionError`` for one that does not."""
    rows, told = rows_of(image), f"{text}  "
    seen = 0
    for number, top in enumerate(range(FIRST, height - 7 * DOT, EVERY)):
        for column in range(len(rows[0]) // STEP):
            letter = LETTERS[told[(number * SHIFT + column) % len(told)]]
            for y in range(7 * DOT):
                for x in range(5 * DOT):
                    if letter[y // DOT][x // DOT] == "#":
                        tone = rows[top + y][column * STEP + x]
                        assert 64 <= tone <= 191, (number, column, tone)
                        seen += 1
    return seen


def assert_marked(image: bytes, text: str, *, across: bool) -> None:
    """Fail unless the band of ``image`` says ``text``, and, for a page, every part of the picture does."""
    told = band(image)
    assert told.endswith(text), told
    if across:
        lines = -(-len(text) // ((len(rows_of(image)[0]) - 2 * MARGIN) // STEP))
        assert written_across(image, text, len(rows_of(image)) - lines * LINE - 2 * MARGIN) > 1000


def marked(image: bytes, text: str) -> bytes:
    """Return a page as it has to be once it is marked across and under."""
    rows, told = [bytearray(row) for row in rows_of(image)], f"{text}  "
    width = len(rows[0])
    for number, top in enumerate(range(FIRST, len(rows) - 7 * DOT, EVERY)):
        for column in range(width // STEP):
            for x, y in _dots(told[(number * SHIFT + column) % len(told)]):
                tone = rows[top + y][column * STEP + x]
                rows[top + y][column * STEP + x] = tone // 2 if tone >= 128 else (tone + 256) // 2
    fit = (width - 2 * MARGIN) // STEP
    lines = [text[at : at + fit] for at in range(0, len(text), fit)]
    clear = [bytearray(b"\xff" * width) for _ in range(len(lines) * LINE + 2 * MARGIN)]
    for number, line in enumerate(lines):
        for column, letter in enumerate(line):
            for x, y in _dots(letter):
                clear[MARGIN + number * LINE + y][MARGIN + column * STEP + x] = 0
    return b"P5\n%d %d\n255\n" % (width, len(rows) + len(clear)) + b"".join(rows + clear)


def _dots(letter: str) -> list[tuple[int, int]]:
    """Return the pixels of a letter, from its corner."""
    rows = LETTERS[letter]
    return [(x, y) for y in range(7 * DOT) for x in range(5 * DOT) if rows[y // DOT][x // DOT] == "#"]
