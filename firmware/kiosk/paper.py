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
    start = at = fits = _behind_spaces(text, 0)
    width, before = 0, 1
    while at < len(text):
        sign = text[at]
        wide = _column(sign)
        if wide > 1 or before > 1 or sign == " ":  # a line may be broken here: at a space, and beside each wide sign
            fits = at
        if width + wide > COLUMNS and sign != " ":
            end = fits if fits > start else at
            yield text[start:end].rstrip()
            start = at = fits = _behind_spaces(text, end)
            width, before = 0, 1
        else:
            at, width, before = at + 1, width + wide, wide
    if start < len(text):
        yield text[start:].rstrip()


def _behind_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def columns(text: str) -> int:
    """Return how many columns a text takes; a Chinese sign takes two."""
    return sum(map(_column, text))


@functools.lru_cache(maxsize=8192)  # the signs of our own texts and of names
def _column(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F", "A"} else 1
