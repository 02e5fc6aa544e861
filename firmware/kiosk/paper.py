# SPDX-License-Identifier: Apache-2.0
"""Texts on an 80 mm roll: how wide they are, and where a line is broken. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = 48
"""Of the usual font; Chinese signs count twice."""


def wrap(text: str) -> Iterator[str]:
    """Break a text into lines of at most :data:`COLUMNS`, between words where it has any; a word longer than a line anywhere."""
    line, width = "", 0
    for word in _words(text):
        if line and width + columns(word.rstrip()) > COLUMNS:
            yield line.rstrip()
            line, width = "", 0
        for sign in word if line else word.lstrip():
            if width + columns(sign) > COLUMNS:
                yield line.rstrip()
                line, width = "", 0
            line, width = line + sign, width + columns(sign)
    if line.strip():
        yield line.rstrip()


def columns(text: str) -> int:
    """Return how many columns a text takes; a Chinese sign takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in {"W", "F", "A"} else 1 for sign in text)


def _words(text: str) -> Iterator[str]:
    """Return what a line may be broken between: each wide sign alone, everything else by words with the space before them."""
    word = ""
    for sign in text:
        if columns(sign) > 1:
            yield from (part for part in (word, sign) if part)
            word = ""
        elif sign == " ":
            if word:
                yield word
            word = sign
        else:
            word += sign
    if word:
        yield word
