# SPDX-License-Identifier: Apache-2.0
"""What a policy pack says: rules, each with its clauses, and the map that is signed (``messages.cddl``: policy-pack).

Decides whether a decoded map is a pack. Does not decide whether the pack may be used: that is the merge (:mod:`.merge`).

Rules
* A pack is a set of rules; nothing depends on their order. Encoded they stand in the order of their encodings, without doubles.
* A rule holds for what its :class:`When` matches. No rule takes away what another asks.
* Every rule names at least one clause and what it rests on. A rule that awaits somebody's word is carried and printed, never applied.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims
from firmware.core.errors import Malformed
from firmware.core.outcome_table import TABLE
from firmware.core.policy.vocabulary import DOCUMENTS, ITEMS, KINDS, MEASURES, MODIFIERS, PAPER, RANK, Category, Level, Mark, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

CODES: Final = frozenset(re.findall(r"^(R\d{3}) ", TABLE, re.MULTILINE))
"""Every refusal: what a bar may end in."""
TEXT_BYTES: Final = 4096
"""Most UTF-8 bytes of a text shown."""
VERSIONS: Final = 2**31
_ID: Final = re.compile(r"[a-z]{2}/[a-z0-9][a-z0-9-]{0,30}", re.ASCII)
_CLAUSE: Final = re.compile(r"[A-Z][A-Za-z0-9.,/…-]{0,30}")
_TEXT_CODE: Final = re.compile(r"C-[1-7](/[a-z0-9-]{1,20})?", re.ASCII)
_FACT_CODE: Final = re.compile(r"O-[1-6]", re.ASCII)
"""What an operator says of itself: printed on papers, shown at no step (:mod:`.operator_facts`)."""
_SHOWN_AT: Final = frozenset({"notice", "agreement", "commercial", "guardian-consent", "group-consent"})
_TEXT_PARTS: Final = 3

Value = int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class When:
    """What a rule holds for; an empty part is any. ``having`` are modifiers that must all be there, ``without`` none of them."""

    kinds: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    having: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    levels: frozenset[int] = frozenset()

    def matches(self, kind: str, document: str, modifiers: frozenset[str], level: int) -> bool:
        """Return whether the rule holds for this business."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.documents or document in self.documents)
            and self.having <= modifiers
            and not self.without & modifiers
            and (not self.levels or level in self.levels)
        )

    def covers(self, other: When) -> bool:
        """Return whether everything that ``other`` matches is matched here too."""
        listed = ((self.kinds, other.kinds), (self.documents, other.documents), (self.levels, other.levels))
        within = all(not mine or (theirs and theirs <= mine) for mine, theirs in listed)
        return within and self.having <= other.having and self.without <= other.without

    def to_claim(self) -> dict[int, Any]:
        """Return the ``when`` map."""
        parts = (self.kinds, self.documents, self.having, self.without, self.levels)
        return {number: sorted(part) for number, part in enumerate(parts, 1) if part}

    @classmethod
    def from_claim(cls, value: Any) -> When:
        """Return what a ``when`` map says; ``Malformed`` when it is none."""
        found = claims.fields(value, frozenset(), frozenset(range(1, 6)))
        words = [frozenset(_ascending(found[n], known)) if n in found else frozenset() for n, known in enumerate(_KNOWN, 1)]
        levels: frozenset[int] = frozenset()
        if 5 in found:  # noqa: PLR2004  # the claim's number
            numbers = claims.array(found[5])
            levels = frozenset(claims.uint(number, len(Level)) for number in numbers)
            if not numbers or sorted(levels) != numbers or 0 in levels:
                raise Malformed("levels")
        return cls(words[0], words[1], words[2], words[3], levels)


_KNOWN: Final = (frozenset(KINDS), frozenset(DOCUMENTS), frozenset(MODIFIERS), frozenset(MODIFIERS))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``value``: the items demanded, the limit's number, a text's (step, zh, en); empty for offers and bars."""

    verb: Verb
    subject: str
    value: Value
    when: When
    clauses: tuple[str, ...]
    mark: Mark
    in_force: bool = True
    """False: it awaits somebody's word (counsel, an original text) and is not applied."""

    @property
    def items(self) -> tuple[str, ...]:
        """What is demanded, or a text's parts; empty for a limit."""
        return () if isinstance(self.value, int) else self.value

    @property
    def number(self) -> int:
        """A limit's value; 0 for every other rule."""
        return self.value if isinstance(self.value, int) else 0

    def to_claim(self) -> list[Any]:
        """Return the ``rule`` array."""
        value = self.value if isinstance(self.value, int) else list(self.value)
        return [self.verb.value, self.subject, value, self.when.to_claim(), list(self.clauses), self.mark.value, self.in_force]

    @classmethod
    def from_claim(cls, claim: Any) -> Rule:
        """Return the rule of a ``rule`` array; ``Malformed``, naming what is wrong with it, for anything else."""
        verb, subject, value, when, clauses, mark, in_force = claims.array(claim, 7)
        known = Verb(claims.word(verb, *Verb))
        named = claims.array(clauses)
        if not named or sorted(set(map(claims.text, named))) != named or not all(_CLAUSE.fullmatch(clause) for clause in named):
            raise Malformed("clauses")
        rule = cls(
            known,
            claims.text(subject),
            _value(known, claims.text(subject), value),
            When.from_claim(when),
            tuple(named),
            Mark(claims.word(mark, *Mark)),
            claims.flag(in_force),
        )
        if known is Verb.OFFER and not (rule.when.kinds and rule.when.documents):
            raise Malformed("offer")
        return rule


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack: id ``<country>/<carrier or region>``, version from 1, the packs it stands on (id, version), its rules."""

    pack_id: str
    version: int
    parents: tuple[tuple[str, int], ...]
    rules: tuple[Rule, ...]

    def to_claims(self) -> dict[int, Any]:
        """Return the claims 257 to 260 of the ``policy-pack`` map."""
        return {
            257: self.pack_id,
            258: self.version,
            259: [list(parent) for parent in sorted(self.parents)],
            260: [claim for _, claim in sorted((cbor.encode(claim), claim) for claim in (rule.to_claim() for rule in self.rules))],
        }

    @property
    def digest(self) -> bytes:
        """SHA-256 of the deterministic CBOR of the claims 257 to 260: what the pack says, whoever signed it and for how long."""
        return hashlib.sha256(cbor.encode(self.to_claims())).digest()

    @classmethod
    def from_claims(cls, found: dict[int, Any]) -> Pack:
        """Return the pack of the claims 257 to 260; ``Malformed`` for anything the CDDL and the vocabulary do not allow."""
        parents = tuple((pack_id(name), _version(number)) for name, number in (claims.array(p, 2) for p in claims.array(found[259])))
        if list(parents) != sorted(dict(parents).items()):
            raise Malformed("parents")
        listed = claims.array(found[260])
        encoded = [cbor.encode(rule) for rule in listed]
        if not listed or sorted(set(encoded)) != encoded:
            raise Malformed("order of rules")
        return cls(pack_id(found[257]), _version(found[258]), parents, tuple(Rule.from_claim(rule) for rule in listed))


def pack_id(value: Any) -> str:
    """Return a pack's id; ``Malformed`` when it is none."""
    if not _ID.fullmatch(claims.text(value)):
        raise Malformed("pack id")
    return str(value)


def _version(value: Any) -> int:
    if claims.uint(value, VERSIONS) < 1:
        raise Malformed("pack version")
    return int(value)


def _ascending(value: Any, known: Iterable[str]) -> list[str]:
    """Return a list of at least one known word, ascending, none twice."""
    words = claims.array(value)
    for word in words:
        claims.word(word, *known)
    if not words or sorted(set(words)) != words:
        raise Malformed("order of words")
    return words


def _value(verb: Verb, subject: str, value: Any) -> Value:
    """Return a rule's value, held against what its subject allows."""
    match verb:
        case Verb.OFFER | Verb.BAR:
            allowed = CODES if verb is Verb.BAR else {""}
            if subject not in allowed or claims.array(value, 0):
                raise Malformed(verb.value)
            return ()
        case Verb.DEMAND:
            return tuple(_ascending(value, ITEMS[Category(claims.word(subject, *Category))]))
        case Verb.LIMIT:
            if subject not in MEASURES:
                raise Malformed("limit")
            return claims.uint(value, MEASURES[subject].most)
        case Verb.TEXT:
            return _text(subject, value)


def _text(subject: str, value: Any) -> tuple[str, ...]:
    parts = claims.array(value, _TEXT_PARTS)
    shown = _TEXT_CODE.fullmatch(subject) and parts[0] in _SHOWN_AT & RANK.keys()
    printed = _FACT_CODE.fullmatch(subject) and parts[0] == PAPER
    if not shown and not printed:
        raise Malformed("text")
    for part in parts[1:]:
        if type(part) is not str or not part or len(part.encode()) > TEXT_BYTES:
            raise Malformed("text")
    return tuple(parts)
