# SPDX-License-Identifier: Apache-2.0
"""The service agreement as a document: made from a versioned template, hashed, signed with a pen, and proven unchanged.

Rules
* The document is one encoding (deterministic CBOR) of template, version, and every section as shown; text for paper and HTML are made from
  it, so what was signed and what is shown cannot differ.
* A template without a part the law asks for (:data:`PARTS`), or with a placeholder nobody fills in, makes no agreement.
* The strokes are committed to by a salted digest; the record names SHA-256 over both, document and commitment. Strokes, salt and document
  are a personal item of the session.
* Whoever holds the item and the record can check both; a changed byte anywhere is refused.

Pure: it reads no file and draws no salt.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final, Self

from firmware.core import cbor, claims
from firmware.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PARTS: Final = ("parties", "business", "tariff", "leaving", "term", "resale", "fraud", "disputes")
"""Sections every agreement has (JX-32a: kinds, tariff, term, disputes; the resale ban and the warning)."""
SALT_BYTES: Final = 16
COPIES: Final = (("甲方", "operator"), ("乙方", "customer"))
MAX_STROKES, MAX_POINTS, MAX_COORDINATE, MAX_MS = 64, 400, 4095, 120_000
LEAST_POINTS, LEAST_SPAN = 8, 64
"""Less than this is a dot, and no signature: points in all, and units across the wider side."""
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One clause of the agreement as shown; ``flagged``: prominently."""

    name: str
    flagged: bool
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Template:
    """The agreement before it is filled in."""

    name: str
    version: int
    sections: tuple[Section, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the template's content: any change of a word gives another."""
        return hashlib.sha256(cbor.encode([self.name, self.version, [_plain(section) for section in self.sections]])).digest()

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Self:
        """Return the template that a TOML source says; ``Malformed`` when a part is missing or a field is of another type."""
        sections = []
        for entry in claims.array(source.get("section")):
            if type(entry) is not dict:
                raise Malformed("section")
            flagged = claims.flag(entry.get("flagged", False))
            sections.append(Section(claims.text(entry.get("id")), flagged, claims.text(entry.get("zh")), claims.text(entry.get("en"))))
        names = [section.name for section in sections]
        if len(set(names)) != len(names) or not set(PARTS) <= set(names):
            raise Malformed("parts")
        return cls(claims.text(source.get("id")), claims.uint(source.get("version")), tuple(sections))


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement one customer reads. ``document`` is its one encoding."""

    template: str
    version: int
    template_digest: bytes
    sections: tuple[Section, ...]

    @property
    def document(self) -> bytes:
        """Return the bytes that are hashed."""
        sections = [_plain(section) for section in self.sections]
        return cbor.encode([_VERSION, self.template, self.version, self.template_digest, sections])

    @property
    def digest(self) -> bytes:
        """SHA-256 of the document."""
        return hashlib.sha256(self.document).digest()

    @classmethod
    def read(cls, document: bytes) -> Self:
        """Return the agreement a document holds; ``Malformed`` for anything that is not exactly one."""
        version, name, number, digest, listed = claims.array(cbor.decode(document), 5)
        claims.version(version)
        rows = [claims.array(row, 4) for row in claims.array(listed)]
        sections = tuple(Section(claims.text(a), claims.flag(b), claims.text(c), claims.text(d)) for a, b, c, d in rows)
        if not set(PARTS) <= {section.name for section in sections}:
            raise Malformed("parts")
        return cls(claims.text(name), claims.uint(number), claims.digest(digest), sections)

    def text(self) -> list[str]:
        """Return the agreement for paper, one paragraph a line; a flagged clause begins with a mark."""
        found = ["入网协议 / Service agreement", f"{self.template} v{self.version} {self.digest.hex()[:16]}"]
        for number, section in enumerate(self.sections, 1):
            mark = "【重要】" if section.flagged else ""
            found += [f"{number}. {mark}{section.zh}", f"   {'IMPORTANT. ' if section.flagged else ''}{section.en}"]
        return found

    def html(self) -> str:
        """Return the agreement as one HTML element; every text is escaped, flagged clauses are ``strong``."""
        items = "".join(_item(section) for section in self.sections)
        head = f"{escape(self.template)} v{self.version} <code>{self.digest.hex()}</code>"
        title = '<h1>入网协议 <small lang="en">Service agreement</small></h1>'
        return f'<article class="agreement" lang="zh">{title}<p>{head}</p><ol>{items}</ol></article>'


@dataclass(frozen=True, slots=True)
class Signed:
    """An agreement, the strokes that signed it and the salt of their commitment: the personal item of a session."""

    document: bytes
    strokes: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    @property
    def commitment(self) -> bytes:
        """SHA-256 of salt and strokes."""
        return hashlib.sha256(self.salt + self.strokes).digest()

    @property
    def digest(self) -> bytes:
        """Return what the record names: SHA-256 over the document's digest and the commitment of the strokes."""
        return hashlib.sha256(cbor.encode([hashlib.sha256(self.document).digest(), self.commitment])).digest()

    def to_item(self) -> bytes:
        """Return the item as it is sealed."""
        return cbor.encode([self.document, self.strokes, self.salt])


def fill(template: Template, values: Mapping[str, tuple[str, str]]) -> Agreement:
    """Return the agreement with every placeholder filled in from ``values`` (name → zh, en); ``KeyError`` for one nobody filled in."""
    sections = tuple(
        Section(
            section.name,
            section.flagged,
            _PLACEHOLDER.sub(lambda found: values[found[1]][0], section.zh),
            _PLACEHOLDER.sub(lambda found: values[found[1]][1], section.en),
        )
        for section in template.sections
    )
    return Agreement(template.name, template.version, template.digest, sections)


def read_strokes(value: Sequence[Any]) -> bytes:
    """Return pen strokes as they are kept (deterministic CBOR of ``[[[x, y, ms] …] …]``); ``Malformed`` when they are no signature.

    ``x`` and ``y`` are 0 … 4095 across the pad, ``ms`` counts from the first touch and never goes back.
    """
    strokes = [[claims.array(point, 3) for point in claims.array(stroke)] for stroke in claims.array(value)]
    points = [
        [claims.uint(x, MAX_COORDINATE), claims.uint(y, MAX_COORDINATE), claims.uint(ms, MAX_MS)]
        for stroke in strokes
        for x, y, ms in stroke
    ]
    if not 1 <= len(strokes) <= MAX_STROKES or not LEAST_POINTS <= len(points) <= MAX_POINTS or not all(strokes):
        raise Malformed("strokes")
    times = [ms for _, _, ms in points]
    span = max(max(p[axis] for p in points) - min(p[axis] for p in points) for axis in (0, 1))
    if times != sorted(times) or span < LEAST_SPAN:
        raise Malformed("strokes")
    return cbor.encode(strokes)


def sign(agreement: Agreement, strokes: bytes, salt: bytes) -> Signed:
    """Return the agreement signed with strokes of :func:`read_strokes`; ``ValueError`` for a salt of another length."""
    if len(salt) != SALT_BYTES:
        raise ValueError("salt")
    return Signed(agreement.document, strokes, salt)


def digest_of(item: bytes) -> bytes:
    """Return the digest a record has of a personal item of ours."""
    return Signed(*cbor.decode(item)).digest


def verify(item: bytes, digest: bytes) -> tuple[Agreement, Signed]:
    """Return agreement and signature of a personal item, held against the record's digest; ``Malformed`` when they do not fit."""
    document, strokes, salt = claims.array(cbor.decode(item), 3)
    if not all(type(part) is bytes for part in (document, strokes, salt)) or len(salt) != SALT_BYTES:
        raise Malformed("agreement")
    signed = Signed(document, strokes, salt)
    if signed.digest != digest:
        raise Malformed("agreement digest")
    read_strokes(claims.array(cbor.decode(strokes)))
    agreement = Agreement.read(document)
    if agreement.document != document:
        raise Malformed("agreement")
    return agreement, signed


def _plain(section: Section) -> list[Any]:
    return [section.name, section.flagged, section.zh, section.en]


def _item(section: Section) -> str:
    tag = "strong" if section.flagged else "span"
    return f'<li id="{escape(section.name)}"><{tag}>{escape(section.zh)}</{tag}><br><{tag} lang="en">{escape(section.en)}</{tag}></li>'
