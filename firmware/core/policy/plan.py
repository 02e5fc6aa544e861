# SPDX-License-Identifier: Apache-2.0
"""What one session does: the plan, resolved before anything personal is read, and the reason of everything in it.

Rules
* A plan is the union of all demands that match and the strictest of all limits that match; it has one order of steps.
* What is not offered, or barred, has no plan but one outcome code; of several bars the one the counter can act on first is told.
* Each step, party, piece of evidence, check, consent, paper and number names the pack and the clauses it comes from.

It does not run anything: the runner performs the steps it knows, and :func:`check_performable` refuses a plan with any other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from firmware.core import cbor
from firmware.core.errors import PolicyRefused
from firmware.core.policy.merge import strictest
from firmware.core.policy.vocabulary import DOCUMENTS, KINDS, MEASURES, MODIFIERS, PARTIES, RANK, Category, Level, Mark, Verb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from firmware.core.policy.merge import PackSet, Placed

WRITING: Final = ("record", "approval", "recheck", "write", "verify", "report", "receipt", "erase")
RECORDING: Final = ("record", "approval", "report", "receipt", "erase")
"""What follows the capture when no card is written: the operator changes its books, or answers."""
STORING: Final = ("record", "store", "approval", "report", "receipt", "erase")
"""Store-and-forward: the sealed capsule waits for the operator; nothing is written."""

NOT_OFFERED, WRONG_DOCUMENT, IN_PERSON, CONSENT, UNCLEAR = "R410", "R103", "R211", "R602", "R207"
_FIRST: Final = (NOT_OFFERED, IN_PERSON, CONSENT, "R206", "R301", WRONG_DOCUMENT)
"""Of several bars, the code told: what is known at ST3 before what is known at ST5."""
_VISUAL = "V"
SEAL: Final = "seal"


class Step(StrEnum):
    """The steps of evidence every plan that writes a card has; other steps are words of the vocabulary."""

    NOTICE = "notice"
    DOCUMENT = "document"
    CHECK = "check"
    PORTRAIT = "portrait"
    AGREEMENT = "agreement"
    CONFIRM = "confirm"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class Consent:
    """A text the subscriber acknowledges or signs, and the step at which it is shown."""

    code: str
    step: str
    zh: str
    en: str

    @property
    def digest(self) -> bytes:
        """Return SHA-256 of the deterministic CBOR of ``[code, zh, en]``: the text as shown."""
        return hashlib.sha256(cbor.encode([self.code, self.zh, self.en])).digest()


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers every session asks for; all others stand in :attr:`Plan.settings`."""

    approval_max_age_s: int
    """Most seconds between signing the record and starting the write (DS-21: at most 10 minutes)."""
    read_tries: int
    """Reads of the document before R107."""
    face_tries: int
    """Comparisons before R201."""
    face_score: int
    """Least score, 0 … 100, that counts as the same person."""
    write_tries: int
    """Blank cards for one approval chain before R708; each needs its own approval."""
    minimum_age: int
    """Years from which a person may come alone (else R206); 0 when a guardian is there."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is in a plan: what (category or limit, item), its value, the pack and its clauses."""

    category: str
    item: str
    value: int
    """A limit's value as this rule states it; 0 for a demand."""
    pack: str
    clauses: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Plan:
    """What one session does."""

    transaction: str
    document: str
    modifiers: frozenset[str]
    level: Level
    steps: tuple[str, ...]
    """The capture, in order; a step of another party than the subscriber is ``party/step``."""
    closing: tuple[str, ...]
    """What follows the capture, in order."""
    parties: tuple[str, ...]
    evidence: tuple[str, ...]
    checks: tuple[str, ...]
    agreed: tuple[str, ...]
    """Codes of the consents that must be there: ``C-1`` …"""
    papers: tuple[str, ...]
    consents: tuple[Consent, ...]
    """The texts shown at this plan's steps, in that order."""
    settings: Mapping[str, int]
    """Every limit that holds, by name; units in the vocabulary."""
    policy: tuple[str, bytes]
    """Name and digest of the set of packs, as the record carries them."""
    rules: tuple[Placed, ...] = field(repr=False)
    """The rules that match, as they came."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why everything is in the plan, in an order that does not depend on the packs' own."""
        return _reasons(self.rules)

    @property
    def limits(self) -> Limits:
        """The numbers every session asks for."""
        return Limits(**{name: self.settings.get(name, 0) for name in Limits.__slots__})

    @property
    def keeps(self) -> frozenset[str]:
        """What the reader hands on beyond the minimisation list."""
        return frozenset(name for name in ("sex", "ethnicity") if self.settings.get(f"keep_{name}", 0))

    @property
    def quotas(self) -> Mapping[str, int]:
        """The numbers the operator counts against (ST7)."""
        return {name: value for name, value in self.settings.items() if MEASURES[name].group == "quota"}

    @property
    def writes(self) -> bool:
        """Whether a card is written."""
        return Step.CARD in self.steps

    def consent(self, code: str) -> Consent:
        """Return the text with this code; ``KeyError`` when the plan does not show it."""
        for consent in self.consents:
            if consent.code == code:
                return consent
        raise KeyError(code)

    def why(self, category: str, item: str) -> tuple[Reason, ...]:
        """Return the rules that ask for an item, or that set a limit."""
        return tuple(reason for reason in self.reasons if (reason.category, reason.item) == (category, item))


def resolve(transaction: str, document: str, packs: PackSet, *, modifiers: Collection[str] = (), level: int = Level.END) -> Plan:
    """Return the plan for a kind of transaction with a kind of document at a counter of ``level``.

    :class:`~firmware.core.errors.PolicyRefused` with the outcome code when there is none: R410 not offered here, R103 not with this
    document, R211 not for a proxy or not at this counter, R602 neither face nor visual check, R301 no unit's document, or what a bar says.
    ``ValueError`` for a modifier that does not exist.
    """
    having = frozenset(modifiers)
    if not having <= set(MODIFIERS):
        raise ValueError("modifier")
    if transaction not in KINDS:
        raise PolicyRefused(NOT_OFFERED, "transaction")
    if document not in DOCUMENTS:
        raise PolicyRefused(WRONG_DOCUMENT, "document")
    matching = [placed for placed in packs.by_kind[transaction] if placed.rule.when.matches(transaction, document, having, level)]
    _check_offered(transaction, packs, matching)
    settings = strictest("", (placed.rule for placed in matching))
    best = settings.get("assurance_best", 0) - (_VISUAL in having)
    if best < settings["assurance"]:
        raise PolicyRefused(IN_PERSON, "assurance")
    found = {category: _demanded(category, matching) for category in Category}
    steps = tuple(sorted(found[Category.STEP], key=RANK.__getitem__))
    return Plan(
        transaction=transaction,
        document=document,
        modifiers=having,
        level=Level(level),
        steps=steps,
        closing=_closing(steps),
        parties=tuple(sorted(found[Category.PARTY], key=PARTIES.index)),
        evidence=tuple(sorted(found[Category.EVIDENCE])),
        checks=tuple(sorted(found[Category.CHECK])),
        agreed=tuple(sorted(found[Category.CONSENT])),
        papers=tuple(sorted(found[Category.PAPER])),
        consents=_texts(steps, matching),
        settings=MappingProxyType(settings),
        policy=(packs.name, packs.digest),
        rules=tuple(matching),
    )


def shortfall(plan: Plan, packs: PackSet, reached: int) -> str:
    """Return the outcome code of an identity that is less sure (``reached``, 0 … 4) than ``plan`` asks, or an empty text when it is enough.

    R211 when the same business is done with so much at an own hall, else R207. What amounts to nothing is never enough.
    """
    if reached and reached >= plan.settings["assurance"]:
        return ""
    try:
        there = resolve(plan.transaction, plan.document, packs, modifiers=plan.modifiers, level=Level.OWN_HALL).settings["assurance"]
    except PolicyRefused:
        return UNCLEAR
    return IN_PERSON if plan.level != Level.OWN_HALL and reached and reached >= there else UNCLEAR


def objections(
    transaction: str, document: str, packs: PackSet, *, modifiers: Collection[str] = (), level: int = Level.END
) -> tuple[Reason, ...]:
    """Return what stands against a business: the bars that match, then what is asked and offered of assurance; for explanations."""
    having = frozenset(modifiers)
    matching = [p for p in packs.by_kind.get(transaction, ()) if p.rule.when.matches(transaction, document, having, level)]
    bars = [Reason(Verb.BAR.value, p.rule.subject, 0, p.pack, p.rule.clauses, p.rule.mark) for p in matching if p.rule.verb is Verb.BAR]
    return (*bars, *(reason for reason in _reasons(matching) if reason.item in {"assurance", "assurance_best"}))


@dataclass(frozen=True, slots=True)
class Performers:
    """What a terminal's software can carry out, alone or by its operator."""

    steps: frozenset[str]
    evidence: frozenset[str]
    checks: frozenset[str]
    closings: frozenset[tuple[str, ...]]


def check_performable(plan: Plan, performers: Performers) -> None:
    """Refuse a plan that cannot be carried out whole: R410, naming what nobody performs. Nothing is ever left out."""
    for wanted, known in ((plan.steps, performers.steps), (plan.evidence, performers.evidence), (plan.checks, performers.checks)):
        for item in wanted:
            if item not in known:
                raise PolicyRefused(NOT_OFFERED, f"no performer for {item}")
    if plan.closing not in performers.closings:
        raise PolicyRefused(NOT_OFFERED, "no performer for what follows the capture")


def _check_offered(transaction: str, packs: PackSet, matching: list[Placed]) -> None:
    if not any(placed.rule.verb is Verb.OFFER for placed in packs.by_kind[transaction]):
        raise PolicyRefused(NOT_OFFERED, "transaction")
    bars = {placed.rule.subject for placed in matching if placed.rule.verb is Verb.BAR}
    if bars:
        raise PolicyRefused(min(bars, key=lambda code: (_FIRST.index(code) if code in _FIRST else len(_FIRST), code)), "bar")
    if not any(placed.rule.verb is Verb.OFFER for placed in matching):
        raise PolicyRefused(WRONG_DOCUMENT, "document")


def _demanded(category: Category, matching: list[Placed]) -> set[str]:
    rules = (placed.rule for placed in matching if placed.rule.verb is Verb.DEMAND and placed.rule.subject == category)
    return {item for rule in rules for item in rule.items}


def _closing(steps: tuple[str, ...]) -> tuple[str, ...]:
    if SEAL in steps:
        return STORING
    return WRITING if Step.CARD in steps else RECORDING


def _texts(steps: tuple[str, ...], matching: list[Placed]) -> tuple[Consent, ...]:
    """Return the texts of the steps the plan has; a text two packs give alike is shown once."""
    texts = {Consent(placed.rule.subject, *placed.rule.items) for placed in matching if placed.rule.verb is Verb.TEXT}
    return tuple(sorted((text for text in texts if text.step in steps), key=lambda text: (RANK[text.step], text.code)))


def _reasons(matching: Iterable[Placed]) -> tuple[Reason, ...]:
    """Return one reason for each item of each demand and for each limit, in an order that does not depend on the packs' own."""
    reasons = []
    for placed in matching:
        rule = placed.rule
        if rule.verb is Verb.DEMAND:
            reasons += [Reason(rule.subject, item, 0, placed.pack, rule.clauses, rule.mark) for item in rule.items]
        elif rule.verb is Verb.LIMIT:
            reasons.append(Reason(Verb.LIMIT.value, rule.subject, rule.number, placed.pack, rule.clauses, rule.mark))
    groups = [*(category.value for category in Category), Verb.LIMIT.value]
    return tuple(sorted(reasons, key=lambda r: (groups.index(r.category), RANK.get(r.item, 0), r.item, r.pack, r.clauses, r.value)))
