# SPDX-License-Identifier: Apache-2.0
"""Texts on an 80 mm roll: how wide they are, and where a line is broken. Pure."""

from __future__ import annotations

import functools
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
        part = word if line else word.lstrip()
        if (taken := columns(part)) <= COLUMNS:
            line, width = line + part, width + taken
            continue
        for sign in part:
            if width + _column(sign) > COLUMNS:
                yield line.rstrip()
                line, width = "", 0
            line, width = line + sign, width + _column(sign)
    if line.strip():
        yield line.rstrip()


def columns(text: str) -> int:
    """Return how many columns a text takes; a Chinese sign takes two."""
    return sum(map(_column, text))


@functools.lru_cache(maxsize=8192)  # the signs of our own texts and of names
def _column(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F", "A"} else 1


def _words(text: str) -> Iterator[str]:
    """Return what a line may be broken between: each wide sign alone, everything else by words with the space before them."""
    word = ""
    for sign in text:
        if _column(sign) > 1:
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
