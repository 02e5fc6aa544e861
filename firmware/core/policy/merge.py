# SPDX-License-Identifier: Apache-2.0
"""Packs put together: which set may be used, and what it says as one.

Rules
* The floor is part of every set, whether or not its id was also sent; a pack of the floor's id stands on the floor like any other.
* A pack names the packs it stands on with their exact versions: it was judged against those. All lead down to the floor, without a circle.
* Nothing is weakened. Demands and bars only add. A limit that is weaker than the one below it is refused with the name of the value and the
  clause it breaks; between packs that do not stand on each other the strictest wins. Offers belong to the floor.
* Two rules of the law are held here because a stricter pack could break them: no legal document is turned away at every counter (no free
  refusal, README of the requirements, rule 1), and leaving is never harder than joining (JX-33).
* Joining is a union and a strictest: the order of packs cannot matter, and neither can saying a thing twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from firmware.core import cbor
from firmware.core.errors import PackFault, PackRefused
from firmware.core.policy.vocabulary import KINDS, MEASURES, Level, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firmware.core.policy.rules import Pack, Rule

EXITS: Final = frozenset({"T08", "T12"})
JOIN: Final = "T01"
NEEDED: Final = ("approval_max_age_s", "read_tries", "face_tries", "face_score", "write_tries", "minimum_age", "assurance")
"""Limits without which no session can run; the floor states them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and the pack it comes from."""

    pack: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class PackSet:
    """Packs that may be used together. Made by :func:`assemble`."""

    packs: tuple[Pack, ...]
    """In the order of their ids; the floor first, and twice when another version of it was sent."""
    by_kind: Mapping[str, tuple[Placed, ...]] = field(repr=False)
    """Kind of transaction → the rules in force that can match it, each once."""
    name: str
    """The packs nothing else stands on, as the record names the set: ``cn/tibet+cn/unicom``."""
    digest: bytes
    """SHA-256 of the deterministic CBOR of ``[[id, version, digest] …]``, ascending: which rules held, whoever signed them."""

    def rules(self) -> tuple[Placed, ...]:
        """Return every rule with its pack, also those not in force."""
        return tuple(Placed(pack.pack_id, rule) for pack in self.packs for rule in pack.rules)

    def strictest(self, name: str) -> int:
        """Return the strictest value of a limit over everything; ``KeyError`` when no pack states it."""
        return strictest(name, [placed.rule for placed in self.rules() if placed.rule.in_force])[name]

    @classmethod
    def of(cls, packs: Iterable[Pack]) -> Self:
        """Return the set of ``packs``, already judged."""
        listed = tuple(packs)
        by_kind: dict[str, dict[Placed, None]] = {kind: {} for kind in KINDS}
        for pack in listed:
            for rule in pack.rules:
                if rule.in_force:
                    for kind in rule.when.kinds or KINDS:
                        by_kind[kind][Placed(pack.pack_id, rule)] = None
        below = {parent for pack in listed for parent, _ in pack.parents}
        tips = sorted({pack.pack_id for pack in listed} - below)
        content = sorted([pack.pack_id, pack.version, pack.digest] for pack in listed)
        digest = hashlib.sha256(cbor.encode(content)).digest()
        return cls(listed, MappingProxyType({kind: tuple(placed) for kind, placed in by_kind.items()}), "+".join(tips), digest)


def strictest(name: str, rules: Iterable[Rule]) -> dict[str, int]:
    """Return the strictest value of every limit among ``rules``, or of the one called ``name``."""
    found: dict[str, int] = {}
    for rule in rules:
        if rule.verb is Verb.LIMIT and name in {"", rule.subject}:
            value = rule.number
            found[rule.subject] = MEASURES[rule.subject].stricter(found.get(rule.subject, value), value)
    return found


def assemble(floor: Pack, packs: Iterable[Pack] = ()) -> PackSet:
    """Return the set of ``packs`` on the ``floor``; :class:`~firmware.core.errors.PackRefused` when they may not be used together."""
    _check_floor(floor)
    above = sorted(packs, key=lambda pack: pack.pack_id)
    ids = [pack.pack_id for pack in above]
    for pack in above:
        if ids.count(pack.pack_id) > 1:
            raise PackRefused(PackFault.DOUBLE, pack.pack_id)
    by_id = {floor.pack_id: floor, **{pack.pack_id: pack for pack in above}}
    for pack in above:
        below = [by_id[name] for name in sorted(_ancestors(pack, by_id, floor))]
        _check_pack(pack, floor, [floor, *(other for other in below if other is not pack)])
    return PackSet.of([floor, *(pack for pack in above if (pack.pack_id, pack.digest) != (floor.pack_id, floor.digest))])


def _check_floor(floor: Pack) -> None:
    stated = {rule.subject for rule in floor.rules if rule.verb is Verb.LIMIT and rule.in_force and not rule.when.kinds}
    for name in NEEDED:
        if name not in stated:
            raise PackRefused(PackFault.MISSING, floor.pack_id, name)
    if floor.parents:
        raise PackRefused(PackFault.PARENT, floor.pack_id)


def _ancestors(pack: Pack, by_id: Mapping[str, Pack], floor: Pack) -> set[str]:
    """Return the ids below ``pack``; they exist in the versions named, lead to the floor, and make no circle."""
    if pack.pack_id == floor.pack_id:
        if pack.parents:
            raise PackRefused(PackFault.PARENT, pack.pack_id)
        if pack.version < floor.version:
            raise PackRefused(PackFault.GAP, pack.pack_id, f"version {pack.version}, the software's own is {floor.version}")
        return set()
    found: set[str] = set()
    todo = list(pack.parents)
    while todo:
        name, version = todo.pop()
        _check_parent(pack, name, version, by_id)
        if name not in found:
            found.add(name)
            todo += by_id[name].parents
    if floor.pack_id not in found:
        raise PackRefused(PackFault.PARENT, pack.pack_id, floor.pack_id)
    return found


def _check_parent(pack: Pack, name: str, version: int, by_id: Mapping[str, Pack]) -> None:
    if name == pack.pack_id:
        raise PackRefused(PackFault.CYCLE, pack.pack_id)
    if name not in by_id:
        raise PackRefused(PackFault.PARENT, pack.pack_id, name)
    if by_id[name].version != version:
        raise PackRefused(PackFault.GAP, pack.pack_id, f"{name} version {version}, here is {by_id[name].version}")


def _check_pack(pack: Pack, floor: Pack, below: list[Pack]) -> None:
    """Hold every rule of ``pack`` against those of the packs ``below`` it."""
    under = [rule for other in below for rule in other.rules if rule.in_force]
    for rule in pack.rules:
        if rule.in_force:
            _check_rule(pack, rule, under)
            if pack.pack_id != floor.pack_id:
                _check_freedom(pack, rule)


def _check_rule(pack: Pack, rule: Rule, under: list[Rule]) -> None:
    same = [other for other in under if (other.verb, other.subject) == (rule.verb, rule.subject)]
    match rule.verb:
        case Verb.OFFER if not any(other.when.covers(rule.when) for other in same):
            raise PackRefused(PackFault.OFFER, pack.pack_id, " ".join(sorted(rule.when.kinds)), rule.clauses[0])
        case Verb.LIMIT:
            for other in same:
                kept = MEASURES[rule.subject].stricter(rule.number, other.number) == rule.number
                if other.when.covers(rule.when) and not kept:
                    text = f"{rule.subject} {rule.number}, at {other.number} below"
                    raise PackRefused(PackFault.WEAKER, pack.pack_id, text, other.clauses[0])
        case Verb.TEXT:
            for other in same:
                if (other.value, other.when) != (rule.value, rule.when):
                    raise PackRefused(PackFault.TEXT, pack.pack_id, rule.subject, other.clauses[0])
        case _:
            pass


def _check_freedom(pack: Pack, rule: Rule) -> None:
    """Refuse a rule above the floor that would make a lawful business impossible or leaving harder than joining."""
    if rule.verb is Verb.BAR and rule.when.documents and (not rule.when.levels or Level.OWN_HALL in rule.when.levels):
        raise PackRefused(PackFault.FREE_REFUSAL, pack.pack_id, " ".join(sorted(rule.when.documents)), "TB-07")
    if rule.verb in {Verb.BAR, Verb.DEMAND, Verb.LIMIT} and rule.when.kinds & EXITS and JOIN not in rule.when.kinds:
        raise PackRefused(PackFault.HARDER_EXIT, pack.pack_id, f"{rule.verb.value} {rule.subject}", "JX-33")
