# SPDX-License-Identifier: Apache-2.0
"""Rules, plans and reasons as lines of a table, and as plain values for ``--json``. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firmware import packs as shipped
from firmware.core.policy.vocabulary import MEASURES, Category, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from firmware.core.policy import PackSet, Placed, Plan, Reason, Rule, When

SECTIONS = {
    Category.STEP: "steps, in order",
    Category.PARTY: "parties",
    Category.EVIDENCE: "evidence",
    Category.CHECK: "checks",
    Category.CONSENT: "consents and texts",
    Category.PAPER: "papers",
}


def table(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Return rows as lines, each column as wide as its widest cell but the last."""
    listed = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
    return [indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in listed]


def scope(when: When) -> str:
    """Return what a rule holds for, in one line."""
    parts = [" ".join(sorted(when.kinds)), " ".join(sorted(when.documents))]
    parts += [
        f"with {' '.join(sorted(when.having))}" if when.having else "",
        f"without {' '.join(sorted(when.without))}" if when.without else "",
    ]
    parts += [f"level {' '.join(str(level) for level in sorted(when.levels))}" if when.levels else ""]
    return "; ".join(part for part in parts if part) or "everything"


def says(rule: Rule) -> str:
    """Return what a rule says, without what it holds for."""
    match rule.verb:
        case Verb.LIMIT:
            return f"{rule.subject} = {rule.number} {MEASURES[rule.subject].unit}"
        case Verb.DEMAND:
            return f"{rule.subject} {' '.join(rule.items)}"
        case Verb.TEXT:
            return f"text {rule.subject} at {rule.items[0]}"
        case _:
            return f"{rule.verb.value} {rule.subject}".rstrip()


def rule_data(placed: Placed) -> dict[str, Any]:
    """Return a rule as plain values."""
    rule = placed.rule
    return {
        "pack": placed.pack,
        "says": says(rule),
        "verb": rule.verb.value,
        "subject": rule.subject,
        "value": rule.value if isinstance(rule.value, int) else list(rule.value),
        "scope": scope(rule.when),
        "clauses": list(rule.clauses),
        "mark": rule.mark.value,
        "in_force": rule.in_force,
    }


def rule_row(placed: Placed) -> tuple[str, ...]:
    """Return a rule as cells: pack, what it rests on, its clauses, what it says, what it holds for."""
    rule = placed.rule
    mark = rule.mark.value + ("" if rule.in_force else ", awaiting")
    return placed.pack, mark, " ".join(rule.clauses), says(rule), scope(rule.when)


def set_data(packs: PackSet) -> dict[str, Any]:
    """Return the name and digest of a set, and of the packs in it."""
    listed = [{"id": pack.pack_id, "version": pack.version, "digest": pack.digest.hex(), "rules": len(pack.rules)} for pack in packs.packs]
    return {"set": packs.name, "digest": packs.digest.hex(), "packs": listed}


def clause_data(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return where clauses stand and what they ask; a clause nobody explained says so."""
    known = shipped.clauses()
    return {name: dict(zip(("where", "asks"), known.get(name, ("?", "not explained")), strict=True)) for name in sorted(set(names))}


def reason_data(reason: Reason) -> dict[str, Any]:
    """Return a reason as plain values."""
    return {"pack": reason.pack, "clauses": list(reason.clauses), "mark": reason.mark.value, "value": reason.value}


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan with the reason of everything in it, as plain values."""
    found: dict[str, Any] = {
        "transaction": plan.transaction,
        "document": plan.document,
        "modifiers": sorted(plan.modifiers),
        "channel": int(plan.level),
        "policy": {"set": plan.policy[0], "digest": plan.policy[1].hex()},
        "writes": plan.writes,
        "closing": list(plan.closing),
        "texts": [text.code for text in plan.consents],
    }
    for category in Category:
        found[category.value] = [
            {"item": item, "why": [reason_data(reason) for reason in plan.why(category, item)]} for item in _items(plan, category)
        ]
    found["limit"] = [
        {"item": name, "value": value, "unit": MEASURES[name].unit, "why": [reason_data(r) for r in plan.why(Verb.LIMIT, name)]}
        for name, value in sorted(plan.settings.items())
    ]
    return found


def plan_lines(plan: Plan) -> list[str]:
    """Return a plan as text: each section a table of items, clauses and packs."""
    lines: list[str] = []
    for category, heading in SECTIONS.items():
        items = _items(plan, category)
        if items:
            lines += [heading, *table([_because(item, plan.why(category, item)) for item in items], "  ")]
    limits = [
        _because(f"{name} = {value} {MEASURES[name].unit}", plan.why(Verb.LIMIT, name)) for name, value in sorted(plan.settings.items())
    ]
    return [*lines, "limits", *table(limits, "  "), f"then    {' '.join(plan.closing)}"]


def clause_lines(names: Iterable[str]) -> list[str]:
    """Return what the clauses say, one line each."""
    return table([(name, data["where"], data["asks"]) for name, data in clause_data(names).items()], "  ")


def _because(item: str, reasons: Iterable[Reason]) -> tuple[str, str, str]:
    found = tuple(reasons)
    clauses = dict.fromkeys(clause for reason in found for clause in reason.clauses)
    return item, " ".join(clauses), " ".join(dict.fromkeys(f"{reason.pack} ({reason.mark.value})" for reason in found))


def _items(plan: Plan, category: Category) -> tuple[str, ...]:
    match category:
        case Category.STEP:
            return plan.steps
        case Category.PARTY:
            return plan.parties
        case Category.EVIDENCE:
            return plan.evidence
        case Category.CHECK:
            return plan.checks
        case Category.CONSENT:
            return plan.agreed
        case Category.PAPER:
            return plan.papers
