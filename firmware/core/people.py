# SPDX-License-Identifier: Apache-2.0
"""Who stands in a record (``messages.cddl``: field, party): the subscriber and every other party, captured alike.

Decides which values of a captured person become items of the record, under which numbers, and what the record says of the person.

Rules
* Identity enters only as a :class:`hal.document.Holder` and a :class:`hal.document.Portrait`; of a document nobody could read here the
  record carries digests of its pictures, and the operator's reviewer reads them. There is no third way (R115).
* The fields of the n-th other party, from 1, are numbered ``100 * n + field``.
* How sure an identity is, is computed of what was read and checked, here and again by whoever reads the record. Nobody states it. The
  operator's online check is counted: it approves nothing without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from firmware.core import claims
from firmware.core.documents import IMAGE, ONLINE, level
from firmware.core.errors import Malformed
from hal.document import PortraitProvenance, is_holder, is_page, is_portrait

if TYPE_CHECKING:
    from firmware.core.suite import Suite
    from hal.document import Holder, Page, Portrait

SUBSCRIBER: Final = "subscriber"
ROLES: Final = ("owner", "guardian", "proxy", "handler", "responsible", "user")
"""Every other party of a record, in the order of the capture."""
SOURCES: Final = ("chip", "mrz", "ocr", IMAGE)
PARTY_STEP: Final = 100
"""How far the field numbers of two parties lie apart."""
MAX_FACE: Final = 100


class Field(IntEnum):
    """Field numbers of the items and of the salted digests."""

    NAME = 1
    NUMBER = 2
    ADDRESS = 3
    BIRTH = 4
    ISSUER = 5
    VALID_FROM = 6
    VALID_TO = 7
    NATIONALITY = 8
    SERVICE_NUMBER = 9
    TOKEN = 10
    CHIP_PORTRAIT = 20
    LIVE_PORTRAIT = 21
    PAGE_1 = 22
    PAGE_2 = 23
    PAGE_3 = 24
    PAGE_4 = 25
    PAGE_5 = 26
    PAGE_6 = 27
    PAGE_7 = 28
    PAGE_8 = 29
    OLD_ICCID = 30


PAGES: Final = tuple(number for number in Field if Field.PAGE_1 <= number <= Field.PAGE_8)
"""Fields of the pictures of a document's pages."""
PICTURES: Final = frozenset({Field.CHIP_PORTRAIT, Field.LIVE_PORTRAIT, *PAGES})
"""Fields whose value is a digest."""
_NUMBERS: Final = frozenset({Field.SERVICE_NUMBER, Field.TOKEN, Field.OLD_ICCID})
FIELDS: Final = frozenset({PARTY_STEP * party + number for party in range(len(ROLES) + 1) for number in Field})
"""Every number a field can have in a record."""


@dataclass(frozen=True, slots=True)
class Face:
    """How the live portrait compared with the document's."""

    score: int
    """0 … 100."""
    live: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One party as captured, or the unit that the documents are of.

    ``document`` is the kind the counter chose, for pictures alone: what was read names its own. ``pages`` are the watermarked pictures,
    ``numbers`` texts of :attr:`Field.SERVICE_NUMBER`, :attr:`Field.TOKEN` and :attr:`Field.OLD_ICCID`.
    """

    role: str = SUBSCRIBER
    holder: Holder | None = None
    portraits: tuple[Portrait, ...] = ()
    pages: tuple[Page, ...] = field(default=(), repr=False)
    document: str = ""
    checks: tuple[tuple[str, bool], ...] = ()
    face: Face | None = None
    numbers: tuple[tuple[Field, str], ...] = field(default=(), repr=False)

    def party(self) -> Party:
        """Return what a record says of this person."""
        if self.holder is not None:
            return Party(self.role, self.holder.kind, self.holder.provenance.value, self.checks, self.face)
        return Party(self.role, *((self.document, IMAGE) if self.pages else ("", "")), self.checks, self.face)

    def values(self, suite: Suite) -> dict[Field, str | bytes]:
        """Return the person's fields; pictures as their digests under ``suite``.

        ``TypeError`` for an identity or a portrait that no reader and no camera made (R115); ``ValueError`` when
        parts contradict each other.
        """
        pictures = all(is_portrait(portrait) for portrait in self.portraits) and all(is_page(page) for page in self.pages)
        if not (self.holder is None or is_holder(self.holder)) or not pictures:
            raise TypeError("an identity comes from a reader")
        if len(self.pages) > len(PAGES) or not {number for number, _ in self.numbers} <= _NUMBERS:
            raise ValueError("too many pages, or a number of another kind")
        pages = {number: suite.digest(page.image) for number, page in zip(PAGES, self.pages, strict=False)}
        return _identity(self.holder) | self._portraits(suite) | pages | dict(self.numbers)

    def _portraits(self, suite: Suite) -> dict[Field, str | bytes]:
        field_of = {PortraitProvenance.CHIP: Field.CHIP_PORTRAIT, PortraitProvenance.CAMERA: Field.LIVE_PORTRAIT}
        values: dict[Field, str | bytes] = {field_of[p.provenance]: suite.digest(p.image) for p in self.portraits}
        if len(values) != len(self.portraits) or (self.face is None) != (Field.LIVE_PORTRAIT not in values):
            raise ValueError("one live portrait exactly when a face was compared, and at most one from the chip")
        return values


@dataclass(frozen=True, slots=True)
class Party:
    """What a record says of one party. ``document`` and ``source`` are empty when no document was asked for."""

    role: str
    document: str
    source: str
    checks: tuple[tuple[str, bool], ...]
    face: Face | None

    @property
    def assurance(self) -> int:
        """How sure the identity is, 0 … 4 (AL0 … AL4), the operator's online check counted."""
        return int(level(self.document, self.source, (*self.checks, *ONLINE)))

    def to_claim(self) -> dict[int, Any]:
        """Return the ``party`` map."""
        claim: dict[int, Any] = {1: self.role, 2: self.document, 3: self.source, 4: [list(check) for check in self.checks]}
        if self.face is not None:
            claim[5] = face_claim(self.face)
        return claim | {6: self.assurance}

    @classmethod
    def from_claim(cls, value: Any) -> Party:
        """Return the party of a ``party`` map; ``Malformed`` when it is none, or states another assurance than it amounts to."""
        c = claims.fields(value, frozenset({1, 2, 3, 4, 6}), frozenset({5}))
        face = read_face(c[5]) if 5 in c else None  # noqa: PLR2004  # key of the CDDL
        party = cls(claims.word(c[1], *ROLES), claims.text(c[2]), claims.word(c[3], *SOURCES), read_checks(c[4]), face)
        if claims.uint(c[6]) != party.assurance:
            raise Malformed("assurance")
        return party


def face_claim(face: Face) -> list[Any]:
    """Return the ``face`` array."""
    return [face.score, face.live]


def read_face(value: Any) -> Face:
    """Return the face of a ``face`` array; raises ``Malformed``."""
    score, live = claims.array(value, 2)
    return Face(claims.uint(score, MAX_FACE), claims.flag(live))


def read_checks(value: Any) -> tuple[tuple[str, bool], ...]:
    """Return the checks of an array of ``check``; raises ``Malformed``."""
    return tuple((claims.text(name), claims.flag(passed)) for name, passed in (claims.array(pair, 2) for pair in claims.array(value)))


def numbered(people: tuple[Person, ...], suite: Suite) -> dict[int, str | bytes]:
    """Return the values of all, under the numbers they have in a record; the first is the subscriber."""
    return {PARTY_STEP * nth + number: value for nth, person in enumerate(people) for number, value in person.values(suite).items()}


def is_picture(number: int) -> bool:
    """Return whether the field of this number has a digest for its value."""
    return number % PARTY_STEP in PICTURES


def field_name(number: int, roles: tuple[str, ...]) -> str:
    """Return what the field of this number is called in words; ``roles`` are the record's other parties in order."""
    nth, own = divmod(number, PARTY_STEP)
    words = Field(own).name.lower().replace("_", " ")
    return f"{roles[nth - 1]}: {words}" if nth else words


def _identity(holder: Holder | None) -> dict[Field, str | bytes]:
    if holder is None:
        return {}
    values = {
        Field.NAME: holder.name,
        Field.NUMBER: holder.number,
        Field.ADDRESS: holder.address,
        Field.BIRTH: holder.birth,
        Field.ISSUER: holder.issuer,
        Field.VALID_FROM: holder.valid_from,
        Field.VALID_TO: holder.valid_to,
        Field.NATIONALITY: holder.nationality or "",
    }
    return {number: value for number, value in values.items() if value}
