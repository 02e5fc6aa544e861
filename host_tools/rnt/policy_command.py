# SPDX-License-Identifier: Apache-2.0
"""``rnt policy show``, ``lint`` and ``explain``: the rules, what they rest on, and why a customer is asked for something.

They work on pack sources, offline; nothing personal is involved. What a terminal holds now is told by ``rnt terminal info``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from firmware import packs as shipped
from firmware.core.errors import PolicyRefused
from firmware.core.outcomes import OUTCOMES
from firmware.core.policy import Level, objections, resolve
from firmware.core.policy.vocabulary import DOCUMENTS, KINDS, MODIFIERS, SETTLED
from host_tools.rnt import policy_view as view
from host_tools.rnt.command import rnt_command
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.policy_packs import named, read_pack, together

if TYPE_CHECKING:
    from firmware.core.policy import PackSet, Reason
    from host_tools.rnt.console import Console

CHANNELS = {level.name.lower().replace("_", "-"): level for level in Level}
packs_argument = click.argument("packs", nargs=-1, metavar="[PACK]...")


@rnt_command()
@packs_argument
@click.option("--kind", type=click.Choice(KINDS), help="Only the rules that can concern this kind of transaction.")
def show(_console: Console, packs: tuple[str, ...], kind: str | None) -> Result:
    """Print the rules of policy packs, as one set.

    PACK is the id of a shipped pack (cn/unicom) or a source file; without one, every shipped pack. The floor, cn/base, is always there.
    """
    found = named(packs)
    rules = [placed for placed in found.rules() if kind is None or not placed.rule.when.kinds or kind in placed.rule.when.kinds]
    data = {**view.set_data(found), "rules": [view.rule_data(placed) for placed in rules]}
    lines = [*_heading(found), *view.table([("pack", "rests on", "clauses", "says", "holds for"), *map(view.rule_row, rules)])]
    return Result(data, "\n".join(lines))


@rnt_command()
@packs_argument
@click.option("--strict", is_flag=True, help="Fail when a value in force rests on an unverified, weak or draft text.")
def lint(_console: Console, packs: tuple[str, ...], *, strict: bool) -> Result:
    """Judge policy packs, and print every value that rests on no settled text.

    Unverified, weak and draft texts want their original; our own decisions want somebody's word. Packs that may not be used together, and
    clauses nobody has explained, end with exit code 7.
    """
    found = named(packs)
    rules = found.rules()
    unexplained = sorted({clause for placed in rules for clause in placed.rule.clauses} - shipped.clauses().keys())
    if unexplained:
        message = f"Nobody has explained the clauses {', '.join(unexplained)}."
        raise Stopped(ExitCode.VERIFICATION, message, "add them to firmware/packs/clauses.toml")
    open_ones = sorted((p for p in rules if p.rule.mark not in SETTLED or not p.rule.in_force), key=lambda p: (p.rule.mark, p.pack))
    weak = [placed for placed in open_ones if placed.rule.in_force and placed.rule.mark.value in {"unverified", "out-weak", "draft"}]
    awaiting = [placed for placed in open_ones if not placed.rule.in_force]
    counts = {"rules": len(rules), "unsettled": len(open_ones), "unverified": len(weak), "awaiting": len(awaiting)}
    data = {**view.set_data(found), **counts, "values": [view.rule_data(placed) for placed in open_ones]}
    lines = [*_heading(found), *view.table([("pack", "rests on", "clauses", "says", "holds for"), *map(view.rule_row, open_ones)])]
    lines += [f"{len(rules)} rules: {len(weak)} in force on an unverified, weak or draft text, {len(awaiting)} awaiting somebody's word"]
    failed = strict and bool(weak)
    return Result(data, "\n".join(lines), ExitCode.FAILED if failed else ExitCode.OK, "get the original texts" if failed else "")


@rnt_command()
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.option(
    "--document", type=click.Choice(DOCUMENTS), default="D01", show_default=True, metavar="DOCUMENT", help="D01 … D13, U01 … U07."
)
@click.option("--carrier", help="Carrier's pack: mobile, unicom, telecom, reseller.")
@click.option("--region", help="Region's pack: tibet, xinjiang, jiangxi.")
@click.option("--pack", "more", multiple=True, metavar="PACK", help="Another pack: a shipped id or a source file.")
@click.option(
    "--channel", type=click.Choice(tuple(CHANNELS)), default="end", show_default=True, help="How far the counter is from the carrier."
)
@click.option(
    "--with", "modifiers", multiple=True, type=click.Choice(MODIFIERS), help="P proxy, M minor, V visual, A accessibility, S offline."
)
@click.option("--item", help="Only the reasons of this step, paper, check or limit.")
def explain(  # one parameter for each option
    _console: Console,
    kind: str,
    document: str,
    carrier: str | None,
    region: str | None,
    more: tuple[str, ...],
    channel: str,
    modifiers: tuple[str, ...],
    item: str | None,
) -> Result:
    """Say what a business needs here, and by which clause; or why it is not done. KIND is T01 … T17.

    Exit code 1 when the business is not done here: the outcome code is in the result.
    """
    names = [f"cn/{name}" for name in (carrier, region) if name] + list(more)
    packs = together([read_pack(name) for name in dict.fromkeys(names)])
    level = CHANNELS[channel]
    try:
        plan = resolve(kind, document, packs, modifiers=modifiers, level=level)
    except PolicyRefused as refused:
        return _refused(refused.code, packs, objections(kind, document, packs, modifiers=modifiers, level=level))
    reasons = tuple(reason for reason in plan.reasons if item in {None, reason.item})
    if not reasons:
        raise Stopped(ExitCode.NOT_FOUND, f"This plan asks for no {item}.", "repeat without --item to see all it asks for")
    clauses = [clause for reason in reasons for clause in reason.clauses]
    data: dict[str, Any] = {"offered": True, **view.plan_data(plan), "clauses": view.clause_data(clauses)}
    body = view.plan_lines(plan) if item is None else [f"{reason.category} {reason.item}: {reason.pack}" for reason in reasons]
    if item is not None:
        data = {"item": item, "why": [view.reason_data(reason) for reason in reasons], "clauses": view.clause_data(clauses)}
    return Result(data, "\n".join([*_heading(packs), *body, "clauses", *view.clause_lines(clauses)]))


def _refused(code: str, packs: PackSet, against: tuple[Reason, ...]) -> Result:
    """Return the explanation of a business that is not done: the outcome, its remedy, and what stands against it."""
    outcome = OUTCOMES[code]
    bars = [reason for reason in against if reason.item == code] or [
        r for r in against if code == "R211" and r.item.startswith("assurance")
    ]
    clauses = [clause for reason in bars for clause in reason.clauses]
    data = {
        **view.set_data(packs),
        "offered": False,
        "outcome": code,
        "reason": outcome.en,
        "remedy": outcome.remedy_en,
        "why": [{"item": reason.item, **view.reason_data(reason)} for reason in bars],
        "clauses": view.clause_data(clauses),
    }
    lines = [*_heading(packs), f"not done here: {code} {outcome.en}", f"what to do: {outcome.remedy_en}"]
    lines += [f"  {reason.item} by {reason.pack} ({reason.mark.value}): {' '.join(reason.clauses)}" for reason in bars]
    return Result(data, "\n".join([*lines, *(["clauses", *view.clause_lines(clauses)] if clauses else [])]), ExitCode.FAILED)


def _heading(packs: PackSet) -> list[str]:
    return [f"{packs.name}  {packs.digest.hex()}"]
