# SPDX-License-Identifier: Apache-2.0
"""What a reader read: the holder of a document, a portrait, pictures of its pages. Pure values at the bottom of the house.

Rules
* A ``Holder``, ``Portrait`` or ``Page`` is born in reader or camera code only. Their constructors ask for a token that :mod:`hal.minting`
  keeps, and an import contract says who may import that module. There is no setter, no ``replace``, no unpickling, no class derived from
  them; :func:`is_holder`, :func:`is_portrait` and :func:`is_page` tell them from what only looks like one.
* Only the minimisation list is kept (requirements, DS-04). Fingerprints are not even named here; sex is reduced to one flag,
  :attr:`Holder.sex_agrees`. A policy pack that needs more finds it in :attr:`Holder.extras`, which is empty for every other.
* ``repr`` and ``str`` never show personal data; masking for the clerk's eyes is done by :func:`masked_name` and :func:`masked_number`.
* Values are what the chip says. Whether they are plausible, valid today or acceptable is decided by ``firmware.core``, with the pure
  number functions below.
"""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

LONG_TERM: Final = "long-term"
"""``Holder.valid_to`` of a document without an end (长期); the same word as in the signed record."""

_MINT: Final = object()

Value = TypeVar("Value")


class Provenance(StrEnum):
    """Where a holder's values were read."""

    CHIP = "chip"
    MRZ = "mrz"
    OCR = "ocr"


class PortraitProvenance(StrEnum):
    """Where a portrait comes from: the document's chip, or the live camera."""

    CHIP = "chip"
    CAMERA = "camera"


class PageProvenance(StrEnum):
    """Where the picture of a page comes from."""

    DOCUMENT_CAMERA = "document-camera"


def _check_mint(mint: object, kind: str) -> None:
    if mint is not _MINT:
        raise TypeError(f"a {kind} is made by reader code only")


def unserialisable(kind: type[Value]) -> type[Value]:
    """Make a class whose values cannot be pickled, copied or restored: ``TypeError``.

    Applied on top of ``dataclass(slots=True)``: the first releases of CPython 3.11 replace such methods when they stand in the class body.
    """

    def refuse(self: object, *_: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not serialised")

    for name in ("__getstate__", "__setstate__", "__reduce_ex__"):
        setattr(kind, name, refuse)
    return kind


def underivable(kind: type[Value]) -> type[Value]:
    """Make a class that no other can be derived from: ``TypeError``. A derived one could leave out the mint."""

    def refuse(_kind: object, /, **_: object) -> NoReturn:
        raise TypeError(f"nothing is derived from a {kind.__name__}")

    setattr(kind, "__init_subclass__", classmethod(refuse))  # noqa: B010  # not in the class body: slots make the class a second time
    return kind


@underivable
@unserialisable
@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """The identity a document states. Texts are exactly what was read, without trailing padding; dates are ``YYYYMMDD`` as read."""

    mint: InitVar[object]
    kind: str
    """Document kind of the requirements: ``D01`` resident card, ``D08`` residence permit, ``D10`` foreign permanent resident …"""
    name: str
    number: str
    address: str
    """Current address; empty where the document carries none."""
    birth: str
    issuer: str
    valid_from: str
    valid_to: str
    """``YYYYMMDD`` or :data:`LONG_TERM`."""
    nationality: str | None
    """ISO 3166 country code as on the document; ``None`` for documents that carry none."""
    provenance: Provenance
    sex_agrees: bool | None = field(default=None, compare=False)
    """Whether the sex on the chip agrees with the number's 17th digit; ``None`` where either is not told. Never exported."""
    extras: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """(field, code) of what a policy pack asked for beyond the minimisation list; empty for every pack that asks for nothing."""

    def __post_init__(self, mint: object) -> None:
        """Refuse, with ``TypeError``, everyone who is not a reader."""
        _check_mint(mint, "holder")
        texts: tuple[object, ...] = (
            self.kind,
            self.name,
            self.number,
            self.address,
            self.birth,
            self.issuer,
            self.valid_from,
            self.valid_to,
        )
        texts += () if self.nationality is None else (self.nationality,)
        texts += tuple(text for pair in self.extras for text in pair)
        if not all(type(text) is str for text in texts) or type(self.provenance) is not Provenance:
            raise TypeError("a holder is made of texts and a provenance")

    def __repr__(self) -> str:
        """Tell the kind and the provenance, nothing personal."""
        return f"<Holder {self.kind} {self.provenance}>"


@underivable
@unserialisable
@dataclass(frozen=True, slots=True, repr=False)
class Portrait:
    """A picture of the holder: the chip's, or the one the camera took."""

    mint: InitVar[object]
    image: bytes
    media_type: str
    """``image/x-wlt`` for the 1,024 opaque bytes of a resident card, ``image/x-portable-graymap`` … from the camera."""
    provenance: PortraitProvenance

    def __post_init__(self, mint: object) -> None:
        """Refuse, with ``TypeError``, everyone who is neither reader nor camera."""
        _check_mint(mint, "portrait")
        if type(self.image) is not bytes or type(self.provenance) is not PortraitProvenance:
            raise TypeError("a portrait is made of bytes and a provenance")

    def __repr__(self) -> str:
        """Tell the size and the provenance, nothing personal."""
        return f"<Portrait {self.media_type} {len(self.image)} B {self.provenance}>"


@underivable
@unserialisable
@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """The marked picture of one page of a document: evidence that nobody reads an identity from here."""

    mint: InitVar[object]
    image: bytes
    media_type: str
    """``image/x-portable-graymap``."""
    provenance: PageProvenance

    def __post_init__(self, mint: object) -> None:
        """Refuse, with ``TypeError``, everyone who is no document camera."""
        _check_mint(mint, "page")
        if type(self.image) is not bytes or type(self.provenance) is not PageProvenance:
            raise TypeError("a page is made of bytes and a provenance")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the picture as it is stored: what a record says of it."""
        return hashlib.sha256(self.image).digest()

    def __repr__(self) -> str:
        """Tell the size and the provenance, nothing personal."""
        return f"<Page {self.media_type} {len(self.image)} B {self.provenance}>"


def is_holder(value: object) -> bool:
    """Return whether ``value`` is a holder that a reader made, and nothing that only looks like one."""
    return type(value) is Holder


def is_portrait(value: object) -> bool:
    """Return whether ``value`` is a portrait that a reader or the camera made, and nothing that only looks like one."""
    return type(value) is Portrait


def is_page(value: object) -> bool:
    """Return whether ``value`` is a page that the document camera made, and nothing that only looks like one."""
    return type(value) is Page


# ---- citizen identity number, GB 11643: 6 area + 8 birth + 3 sequence (odd = male) + check character

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
_DIGITS: Final = frozenset("0123456789")


def number_check_character(first17: str) -> str:
    """Return the ISO 7064 MOD 11-2 check character of 17 digits; ``ValueError`` for anything else."""
    if len(first17) != len(_WEIGHTS) or not _DIGITS.issuperset(first17):
        raise ValueError("a check character is computed over 17 digits")
    return _CHECK[sum(w * int(d) for w, d in zip(_WEIGHTS, first17, strict=True)) % 11]


def number_is_consistent(number: str) -> bool:
    """Return whether ``number`` has 18 characters of the right alphabet and its check character fits (a lower-case x is accepted)."""
    first17, check = number[:17], number[17:].upper()
    if len(number) != len(_WEIGHTS) + 1 or not _DIGITS.issuperset(first17):
        return False
    return number_check_character(first17) == check


def number_birth(number: str) -> str:
    """Return the birth date inside an 18-character number, as ``YYYYMMDD`` (8 characters, unchecked)."""
    return number[6:14]


def number_is_male(number: str) -> bool | None:
    """Return whether the sequence digit says male; ``None`` when it is no digit."""
    digit = number[16:17]
    return int(digit) % 2 == 1 if digit in _DIGITS else None


# ---- masking for the clerk's screen and the receipt (DS-12)


def masked_name(name: str) -> str:
    """Return the first character and ``*``: ``张*``; an empty name stays empty."""
    return name[:1] + "*" if name else ""


def masked_number(number: str) -> str:
    """Return ``*`` for all but the last 4 characters; a number of 4 or fewer is hidden whole."""
    keep = 4 if len(number) > 4 else 0  # noqa: PLR2004  # the last 4, DS-12
    return "*" * (len(number) - keep) + number[len(number) - keep :]
