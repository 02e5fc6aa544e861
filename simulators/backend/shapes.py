# SPDX-License-Identifier: Apache-2.0
"""The shapes of what a terminal signs, after the message text (CDDL): record, items, result.

Decides whether a payload has exactly the members and types of the text. What the values mean is judged elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.backend import signatures, strict_cbor
from simulators.backend.strict_cbor import Malformed

Check = Callable[[Any], bool]
PARTY_STEP = 100
"""The fields of the n-th other party are numbered from here."""
TEXT_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30})
IMAGE_FIELDS = frozenset(range(20, 30))
PROVENANCE = frozenset({"chip", "mrz", "ocr", "image"})
ROLES = frozenset({"owner", "guardian", "proxy", "handler", "responsible", "user"})
MODIFIERS = frozenset("AMPSV")
PROTECTION = frozenset({"software", "token"})
WITH_CARD = frozenset({"written", "answered"})
SOLD = WITH_CARD | {"accepted"}
"""Results that ask for the number to be activated, or for the business to be carried out."""
RESULT_OUTCOMES = SOLD | {"cancelled", "voided"}
ANSWERS_MAX, ANSWER_BYTES = 80, 256


def _text(value: Any) -> bool:
    return type(value) is str


def _uint(value: Any) -> bool:
    return type(value) is int and value >= 0


def _flag(value: Any) -> bool:
    return type(value) is bool


def _octets(size: int | None = None) -> Check:
    return lambda value: type(value) is bytes and (size is None or len(value) == size)


def _one_of(values: frozenset[str]) -> Check:
    return lambda value: type(value) is str and value in values


def _tuple(*checks: Check) -> Check:
    return lambda v: type(v) is list and len(v) == len(checks) and all(check(entry) for check, entry in zip(checks, v, strict=True))


def _many(check: Check) -> Check:
    return lambda value: type(value) is list and all(check(entry) for entry in value)


def _exactly(members: Mapping[int, Check], optional: Mapping[int, Check] | None = None) -> Check:
    allowed = {**members, **(optional or {})}
    return lambda v: type(v) is dict and set(members) <= set(v) <= set(allowed) and all(allowed[key](entry) for key, entry in v.items())


def _one_to(most: int, *, least: int = 1) -> Check:
    return lambda value: _uint(value) and least <= value <= most


def _digests(value: Any) -> bool:
    return type(value) is dict and all(_is_field(number) and _octets(32)(entry) for number, entry in value.items())


def _is_field(number: Any) -> bool:
    return _uint(number) and number < PARTY_STEP * (len(ROLES) + 1) and number % PARTY_STEP in TEXT_FIELDS | IMAGE_FIELDS


def _ascending(value: Any) -> bool:
    return type(value) is list and all(one < other for one, other in itertools.pairwise(value))


def _short(value: Any) -> bool:
    return _uint(value) and value <= 0xFFFF


def _answers(value: Any) -> bool:
    return _many(_tuple(_short, _short, lambda data: _octets()(data) and len(data) <= ANSWER_BYTES))(value) and len(value) <= ANSWERS_MAX


_DIGEST, _ID16 = _octets(32), _octets(16)
_CARD = _exactly({1: _text, 2: _octets(), 3: _text})
_CHECKS = _many(_tuple(_text, _flag))
_FACE = _tuple(lambda v: _uint(v) and v <= 100, _flag)
_LEVEL = _one_to(4, least=0)
_PARTY = _exactly({1: _one_of(ROLES), 2: _text, 3: _one_of(PROVENANCE), 4: _CHECKS, 6: _LEVEL}, {5: _FACE})
_RECORD = _exactly(
    {
        1: _text,
        6: _uint,
        7: _ID16,
        10: _ID16,
        256: lambda v: type(v) is int and v == 1,
        257: _text,
        260: _digests,
        261: _CHECKS,
        262: _many(_tuple(_text, _DIGEST)),
        265: _exactly({1: _ID16, 2: _text}),
        266: _one_of(PROTECTION),
        267: _DIGEST,
        268: _tuple(_text, _DIGEST),
        269: _ID16,
        270: _uint,
        271: lambda v: _uint(v) and v > 0,
        272: _DIGEST,
        273: _DIGEST,
        276: _LEVEL,
        277: _many(_PARTY),
        278: lambda v: _many(_one_of(MODIFIERS))(v) and _ascending(v),
        279: _one_to(5),
        280: lambda v: _many(_tuple(_text, _DIGEST))(v) and _ascending([name for name, _ in v]),
        281: _text,
    },
    {
        258: _text,
        259: _one_of(PROVENANCE),
        263: _DIGEST,
        264: _CARD,
        274: _FACE,
        275: lambda v: _octets(32)(v) or _octets(65)(v),
        282: _text,
    },
)
_RESULT = _exactly(
    {
        1: _text,
        6: _uint,
        7: _ID16,
        256: lambda v: type(v) is int and v == 1,
        257: _one_of(RESULT_OUTCOMES),
        258: _text,
        260: _DIGEST,
    },
    {259: _ID16, 261: _tuple(_text, _DIGEST), 262: _answers},
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record's payload of the right shape, beside the digest of its signed bytes; ``like``: a sealing key of its suite, or as long."""

    claims: Mapping[int, Any]
    digest: bytes
    like: bytes

    @property
    def session(self) -> bytes:
        """Return the 16-byte session id."""
        return bytes(self.claims[7])

    @property
    def iccid(self) -> str | None:
        """Return the ICCID read from the card in the slot; ``None`` when no card is to be written."""
        return str(self.claims[264][1]) if 264 in self.claims else None


def record(payload: bytes, signed: bytes) -> Record:
    """Read a record's payload; raises :class:`Malformed`."""
    claims = strict_cbor.loads(payload)
    if not _RECORD(claims):
        raise Malformed("record")
    if (258 in claims) != (259 in claims) or (264 in claims) != (275 in claims):
        raise Malformed("record")
    if max(claims[260], default=0) // PARTY_STEP > len(claims[277]):
        raise Malformed("a field of nobody")
    digest = signatures.message_digest(signed)
    like = claims.get(275) or signatures.like(signed)
    if digest != signatures.digest(signed, like):
        raise Malformed("a key of another suite")
    return Record(claims, digest, like)


def result(payload: bytes) -> Mapping[int, Any]:
    """Read a result's payload; raises :class:`Malformed`.

    One that asks for activation names its approval and what was read back, and no outcome code; ``answered`` brings the card's answers, a
    card that was not touched has none.
    """
    claims = strict_cbor.loads(payload)
    if not _RESULT(claims):
        raise Malformed("result")
    outcome = claims[257]
    needed = {"answered": {259, 261, 262}, "written": {259, 261}, "accepted": {259}}.get(outcome, set())
    unwanted = {"accepted": {261, 262}, "cancelled": {262}}.get(outcome, set())
    if not needed <= set(claims) or unwanted & set(claims) or (outcome in SOLD and claims[258]):
        raise Malformed("result")
    return dict(claims)


def _item(entry: list[Any]) -> bytes:
    """Return the encoding of an item whose members have their types; re-encoding all of them is most of what opening costs."""
    salt, number, value = entry
    data = value.encode() if type(value) is str else value
    kind = 3 if type(value) is str else 2
    return b"\x83" + strict_cbor.octets(salt) + strict_cbor.head(0, number) + strict_cbor.head(kind, len(data)) + data


def items(plaintext: bytes, digests: Mapping[int, bytes], like: bytes = bytes(32)) -> dict[int, str | bytes]:
    """Return field → value of the disclosed items, each proved by its salted digest of the suite of the key ``like``.

    Raises :class:`Malformed`.
    """
    values: dict[int, str | bytes] = {}
    entries = strict_cbor.loads(plaintext)
    if type(entries) is not list or not entries:
        raise Malformed("items")
    for entry in entries:
        if not _tuple(_octets(32), _uint, lambda v: type(v) in {str, bytes})(entry):
            raise Malformed("item")
        _, number, value = entry
        right_type = type(value) is str if number % PARTY_STEP in TEXT_FIELDS else _octets(32)(value)
        if number in values or not right_type or digests.get(number) != signatures.digest(_item(entry), like):
            raise Malformed(f"item {number}")
        values[number] = value
    return values
