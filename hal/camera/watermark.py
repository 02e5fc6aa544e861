# SPDX-License-Identifier: Apache-2.0
"""The mark on every picture that leaves the camera's process: for whom it was taken, what for, when, and in which session.

Decides what a mark says and where it stands. Basis: requirements DS-05, GA-36 (order 25, article 9(2)).

Rules
* The *band* stands under the picture, black on white, lines of letters as wide as the picture allows: a person and a machine read it.
* A page of a document is also written *across*, line after line, so that no part of it can be cut out without. There each dot is halfway to
  black on what is light and halfway to white on what is dark: the page stays legible. A face is left as it is.
* :func:`carries` looks at every pixel of the band and at every dot across: a picture that does not carry its own mark is not taken for
  evidence (:mod:`hal.camera.pages`, :mod:`hal.camera.portrait`).
* Letters are Latin: no font with Chinese characters stands on the unit. ``purpose`` is the code of the business, as on the receipt.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from hal.camera.frame import MIN_SIDE, Frame, build
from hal.camera.letters import HEIGHT, LETTERS, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOT: Final = 2
"""Pixels of a letter's dot, each way."""
STEP: Final = (WIDTH + 1) * DOT
"""From letter to letter."""
MARGIN: Final = 4
"""White around the band's lines."""
LINE: Final = (HEIGHT + 2) * DOT
"""From line to line in the band."""
ACROSS: Final = 40
"""From line to line across a page."""
SHIFT: Final = 7
"""Letters by which each line across a page is ahead of the one above: no strip without the whole mark."""
INK, PAPER, MIDDLE = 0, 255, 128
DARKEST, LIGHTEST = MIDDLE // 2, (MIDDLE - 1 + PAPER + 1) // 2
"""What a dot across a page can be: halfway from anything to the other side."""

LONGEST: Final = 24
"""Letters of an operator or a purpose."""

_INKED: Final = {
    letter: tuple(
        b"".join(bytes([INK if bits >> (WIDTH - 1 - column) & 1 else PAPER]) * DOT for column in range(WIDTH)) + bytes([PAPER]) * DOT
        for bits in rows
    )
    for letter, rows in LETTERS.items()
}
"""Letter → its rows from the top, black on white, with the gap to the next letter: ``STEP`` pixels each."""

_WORD: Final = re.compile(rf"[A-Z0-9][A-Z0-9 .\-]{{0,{LONGEST - 1}}}")
_SESSION: Final = re.compile(r"[0-9A-F]{32}")


@dataclass(frozen=True, slots=True)
class Watermark:
    """What a mark says. ``ValueError`` for what it cannot: letters other than A–Z, 0–9, space, dot and dash."""

    operator: str
    purpose: str
    date: str
    """``YYYY-MM-DD``."""
    session: str
    """The session's id, 32 hexadecimal digits in capitals."""

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        if not (_WORD.fullmatch(self.operator) and _WORD.fullmatch(self.purpose)):
            raise ValueError("operator and purpose are 1 to 24 letters A-Z, figures, spaces, dots or dashes")
        if date.fromisoformat(self.date).isoformat() != self.date or not _SESSION.fullmatch(self.session):
            raise ValueError("a mark has a date YYYY-MM-DD and a session of 32 hexadecimal digits, in capitals")

    @property
    def text(self) -> str:
        """The mark as one line."""
        return f"{self.operator} / {self.purpose} / {self.date} / {self.session}"

    def to_json(self) -> dict[str, str]:
        """Return what the worker's operations take as ``mark``."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Watermark:
        """Return the mark of :meth:`to_json`; ``ValueError`` when it is none."""
        names = tuple(cls.__slots__)
        if set(value) != set(names) or not all(type(value[name]) is str for name in names):
            raise ValueError("a mark has operator, purpose, date and session")
        return cls(**value)


def stamp(frame: Frame, mark: Watermark, *, across: bool) -> Frame:
    """Return ``frame`` with the band under it and, for a page, the mark across it."""
    pixels = bytearray(frame.image[-frame.width * frame.height :])
    if across:
        for at in dots_across(frame.width, frame.height, mark):
            pixels[at] = pixels[at] // 2 if pixels[at] >= MIDDLE else (pixels[at] + PAPER + 1) // 2
    band = _band(frame.width, mark)
    height = frame.height + len(band) // frame.width
    return Frame(frame.width, height, build(frame.width, height, bytes(pixels + band)))


def carries(frame: Frame, mark: Watermark, *, across: bool) -> bool:
    """Return whether ``frame`` is marked as :func:`stamp` marks: every pixel of the band, and every dot across."""
    band = _band(frame.width, mark)
    height = frame.height - len(band) // frame.width
    pixels = frame.image[-frame.width * frame.height :]
    if height < MIN_SIDE or pixels[height * frame.width :] != band:
        return False
    return not across or all(DARKEST <= pixels[at] <= LIGHTEST for at in dots_across(frame.width, height, mark))


def dots_across(width: int, height: int, mark: Watermark) -> Iterator[int]:
    """Yield the place of each pixel of the mark across a page."""
    text = mark.text + "  "
    fit = width // STEP
    for number, top in enumerate(range(MARGIN, height - HEIGHT * DOT, ACROSS)):
        start = number * SHIFT
        for column in range(fit):
            yield from _letter(text[(start + column) % len(text)], column * STEP, top, width)


def _letter(letter: str, left: int, top: int, width: int) -> Iterator[int]:
    """Yield the places of the dots of one letter in a picture of ``width``."""
    for row, bits in enumerate(LETTERS[letter]):
        for column in range(WIDTH):
            if bits >> (WIDTH - 1 - column) & 1:
                corner = (top + row * DOT) * width + left + column * DOT
                for line in range(DOT):
                    yield from range(corner + line * width, corner + line * width + DOT)


def _lines(width: int, mark: Watermark) -> list[str]:
    fit = (width - 2 * MARGIN) // STEP
    return [mark.text[at : at + fit] for at in range(0, len(mark.text), fit)]


def _band(width: int, mark: Watermark) -> bytes:
    """Return the rows of the band, from the top."""
    blank = bytes([PAPER])
    band = [blank * (width * MARGIN)]
    for line in _lines(width, mark):
        for row in range(HEIGHT):
            written = blank * MARGIN + b"".join(_INKED[letter][row] for letter in line)
            band += [written.ljust(width, blank)] * DOT
        band.append(blank * (width * (LINE - HEIGHT * DOT)))
    band.append(blank * (width * MARGIN))
    return b"".join(band)
