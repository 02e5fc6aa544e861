# SPDX-License-Identifier: Apache-2.0
"""What may lie under the document camera: drawn pages of the documents in the requirements, of people and units that do not exist.

Not facsimiles: no real document's design is copied. A page has its kind's code in large letters, a frame, the persona's face where the kind
has a photograph, and a line for each thing the kind states. Figures and Latin letters are drawn in 3 × 5 dots; every other character is a
block of 5 × 5 dots made of its code point, so that two texts never look the same and none can be read as a real one's.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.personas import PERSONAS, portrait_pgm

if TYPE_CHECKING:
    from simulators.personas import Persona

CARD, BOOKLET, SHEET = (640, 404), (520, 500), (428, 606)
"""Sizes in pixels, as large as the source's limit of 256 KiB allows."""
INK, PAPER, FRAME = 30, 225, 120
_DOTS = {
    "0": 0b111101101101111, "1": 0b010110010010111, "2": 0b111001111100111, "3": 0b111001111001111, "4": 0b101101111001001,
    "5": 0b111100111001111, "6": 0b111100111101111, "7": 0b111001010010010, "8": 0b111101111101111, "9": 0b111101111001111,
    "A": 0b010101111101101, "B": 0b110101110101110, "C": 0b011100100100011, "D": 0b110101101101110, "E": 0b111100110100111,
    "F": 0b111100110100100, "G": 0b011100101101011, "H": 0b101101111101101, "I": 0b111010010010111, "J": 0b001001001101010,
    "K": 0b101101110101101, "L": 0b100100100100111, "M": 0b101111111101101, "N": 0b110101101101101, "O": 0b010101101101010,
    "P": 0b110101110100100, "Q": 0b010101101110011, "R": 0b110101110110101, "S": 0b011100010001110, "T": 0b111010010010010,
    "U": 0b101101101101111, "V": 0b101101101101010, "W": 0b101101111111101, "X": 0b101101010101101, "Y": 0b101101010010010,
    "Z": 0b111001010100111, "-": 0b000000111000000, ".": 0b000000000000010, " ": 0, "<": 0b001010100010001,
}  # fmt: skip
"""Letter → 15 dots, rows from the top."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One page of a kind: its size, the lines that stand on it, and whether it shows a face."""

    size: tuple[int, int]
    lines: tuple[str, ...]
    face: bool = False


_PERSON = ("name", "number", "birth", "address", "issuer", "validity")
_UNIT = ("unit", "unit_number", "unit_address", "issuer", "validity")
PAPERS: dict[str, tuple[Paper, ...]] = {
    "D01": (Paper(CARD, ("name", "birth", "address", "number"), face=True), Paper(CARD, ("issuer", "validity"))),
    "D02": (Paper(CARD, ("name", "birth", "address", "number"), face=True), Paper(CARD, ("issuer", "validity"))),
    "D03": (Paper(BOOKLET, ("address", "issuer")), Paper(BOOKLET, ("name", "number", "birth", "address"))),
    "D04": (Paper(BOOKLET, ("name", "number", "issuer", "validity"), face=True),),
    "D05": (Paper(BOOKLET, ("name", "number", "issuer", "validity"), face=True),),
    "D06": (Paper(CARD, _PERSON, face=True), Paper(CARD, ("mrz_1", "mrz_2"))),
    "D07": (Paper(CARD, _PERSON, face=True), Paper(CARD, ("mrz_1", "mrz_2"))),
    "D09": (Paper(BOOKLET, (*_PERSON, "mrz_1", "mrz_2"), face=True),),
    "D11": (Paper(BOOKLET, (*_PERSON, "mrz_1", "mrz_2"), face=True),),
    "D12": (Paper(SHEET, _PERSON),),
    **{code: (Paper(SHEET, _UNIT),) for code in ("U01", "U02", "U03", "U04", "U05", "U06", "U07")},
    **{code: (Paper(SHEET, (*_UNIT, "name", "number")),) for code in ("U-A", "U-B", "U-C")},
    **{code: (Paper(SHEET, ("name", "number", "address", "validity")),) for code in ("P-A", "P-B", "P-C", "P-D")},
}
"""Kind of document or companion paper → its pages."""


def _texts(person: Persona) -> dict[str, str]:
    """Return what each line says of ``person``, and of the unit that ``person`` handles for."""
    tail = f"{int.from_bytes(hashlib.sha256(person.key.encode()).digest()[:5], 'big'):013d}"[:9]
    return {
        "name": person.english_name or person.name,
        "number": person.number,
        "birth": person.birth,
        "address": person.address,
        "issuer": person.issuer,
        "validity": f"{person.valid_from}-{person.valid_to}",
        "mrz_1": f"P<UTO{person.key.upper()[:20]}".replace("_", "<").ljust(30, "<"),
        "mrz_2": f"{person.number[:15]}<UTO{person.birth[2:]}".ljust(30, "<"),
        "unit": f"虚构{person.name}样例有限公司",
        "unit_number": f"91990101MA{tail[:7]}X",
        "unit_address": f"虚构省样例市单位路{tail[:3]}号",
    }


class Sheet:
    """A grey picture to draw on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.pixels = bytearray([PAPER]) * (width * height)

    def box(self, left: int, top: int, width: int, height: int, shade: int) -> None:
        """Fill a rectangle; what lies outside is left out."""
        right = min(left + width, self.width)
        for row in range(max(0, top), min(top + height, self.height)):
            self.pixels[row * self.width + left : row * self.width + right] = bytes([shade]) * max(0, right - left)

    def write(self, text: str, left: int, top: int, dot: int) -> None:
        """Write one line in dots of ``dot`` pixels, as far as it fits."""
        for letter in text:
            columns, bits = (3, _DOTS[letter.upper()]) if letter.upper() in _DOTS else (5, _block(letter))
            if left + columns * dot > self.width:
                return
            for place in range(columns * 5):
                if bits >> (columns * 5 - 1 - place) & 1:
                    self.box(left + place % columns * dot, top + place // columns * dot, dot, dot, INK)
            left += (columns + 1) * dot

    def face(self, person: Persona, left: int, top: int) -> None:
        """Put the persona's drawn face there."""
        _, size, _, pixels = portrait_pgm(person).split(b"\n", 3)
        width, height = map(int, size.split())
        for row in range(height):
            at = (top + row) * self.width + left
            self.pixels[at : at + width] = pixels[row * width : (row + 1) * width]


def _block(letter: str) -> int:
    """Return the 25 dots of a character that is drawn as a block: its outline and nine dots of its own."""
    return int.from_bytes(hashlib.sha256(letter.encode("utf-8", "surrogatepass")).digest()[:4], "big") >> 7 | 0b1000100000000000000010001


@functools.lru_cache(maxsize=8)
def page_pgm(document: str, persona: str, page: int) -> bytes:
    """Return page ``page`` (from 1) of ``persona``'s ``document`` as a binary PGM; ``KeyError`` or ``IndexError`` for none we have."""
    if page < 1:
        raise IndexError(page)
    person, paper = PERSONAS[persona], PAPERS[document][page - 1]
    sheet = Sheet(*paper.size)
    for inset, shade in ((6, FRAME), (9, PAPER)):
        sheet.box(inset, inset, sheet.width - 2 * inset, sheet.height - 2 * inset, shade)
    sheet.write(f"{document} {page}", 24, 24, 8)
    if paper.face:
        sheet.face(person, sheet.width - 150, 90)
    texts = _texts(person)
    for number, line in enumerate(paper.lines):
        sheet.write(texts[line], 24, 90 + 44 * number, 3)
    return b"P5\n%d %d\n255\n" % (sheet.width, sheet.height) + bytes(sheet.pixels)
