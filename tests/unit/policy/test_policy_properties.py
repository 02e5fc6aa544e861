# SPDX-License-Identifier: Apache-2.0
"""What holds for all packs: order does not matter, nothing weakens, and what the law requires is in every plan."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import packs
from firmware.core import cbor
from firmware.core.errors import PolicyRefused
from firmware.core.policy import Level, Pack, PackSet, Plan, Rule, assemble, resolve
from firmware.core.policy.vocabulary import MEASURES, RANK
from tests.unit.policy.pack_world import ASKED, BASE, RULES, STRICTER, packs_of

SHIPPED = [packs.load(name) for name in packs.shipped() if name != "cn/base"]
FLOOR = packs.floor()
ALL = assemble(BASE, SHIPPED)
WRITING = ("T01", "T02", "T03", "T09", "T11", "T12")
asked = st.sampled_from(ASKED)


def ask(packset: PackSet, business: tuple[str, str, frozenset[str], Level]) -> Plan | str:
    kind, document, modifiers, level = business
    try:
        return resolve(kind, document, packset, modifiers=modifiers, level=level)
    except PolicyRefused as refused:
        return refused.code


ASKED_OF_FLOOR = {business: ask(FLOOR, business) for business in ASKED}
ASKED_OF_ALL = {business: ask(ALL, business) for business in ASKED}


def said(plan: Plan | str) -> object:
    return plan if isinstance(plan, str) else (plan.steps, plan.parties, plan.evidence, plan.checks, plan.agreed, plan.papers,
                                               dict(plan.settings), plan.consents, plan.policy, plan.closing, plan.reasons)  # fmt: skip


def assert_not_weaker(before: Plan | str, after: Plan | str) -> None:
    if isinstance(after, str):
        return
    assert isinstance(before, Plan), "a pack opened a business"
    for name in ("steps", "parties", "evidence", "checks", "agreed", "papers"):
        assert set(getattr(before, name)) <= set(getattr(after, name)), name
    for name, value in before.settings.items():
        assert MEASURES[name].stricter(value, after.settings[name]) == after.settings[name], name
    assert before.keeps >= after.keeps
    assert set(before.consents) <= set(after.consents) | {text for text in before.consents if text.step not in after.steps}


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(STRICTER, min_size=1, max_size=3), asked, st.randoms(use_true_random=False))
def test_order_of_packs_and_of_their_rules_does_not_matter(rules: list[list[Rule]], business: tuple[str, str, frozenset[str], Level],
                                                           chance: random.Random) -> None:  # fmt: skip
    made = packs_of(rules)
    turned = [Pack(pack.pack_id, pack.version, pack.parents, tuple(chance.sample(pack.rules, len(pack.rules)))) for pack in made]
    chance.shuffle(turned)
    one, other = assemble(BASE, made), assemble(BASE, turned)
    assert (one.name, one.digest) == (other.name, other.digest)
    assert said(ask(one, business)) == said(ask(other, business))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(STRICTER, min_size=1, max_size=3), st.lists(asked, min_size=1, max_size=8))
def test_adding_a_pack_never_weakens(rules: list[list[Rule]], businesses: list[tuple[str, str, frozenset[str], Level]]) -> None:
    made = packs_of(rules)
    fewer, more = assemble(BASE, made[:-1]), assemble(BASE, made)
    for business in businesses:
        assert_not_weaker(ask(fewer, business), ask(more, business))


@pytest.mark.clause("TB-02", "JX-16", "XJU-17")
@pytest.mark.parametrize("pack", SHIPPED, ids=lambda pack: pack.pack_id)
def test_no_shipped_pack_weakens_the_floor_or_the_others(pack: Pack) -> None:
    others = assemble(BASE, [other for other in SHIPPED if other is not pack])
    alone = assemble(BASE, [pack])
    for business in ASKED:
        assert_not_weaker(ASKED_OF_FLOOR[business], ask(alone, business))
        assert_not_weaker(ask(others, business), ASKED_OF_ALL[business])


@pytest.mark.clause("N182-1", "TB-11", "XT-2019")
def test_every_plan_that_writes_a_card_has_what_the_law_requires() -> None:
    """Written down apart from the packs: notice (PIPL 17), original read and checked (order 25), face or two staff, agreement, card."""
    writing = 0
    for packset in (FLOOR, *(assemble(BASE, [pack]) for pack in SHIPPED)):
        for business in ASKED:
            plan = ask(packset, business)
            if isinstance(plan, str) or not plan.writes:
                continue
            writing += 1
            assert plan.transaction in WRITING
            person = "handler/" if plan.transaction in {"T09", "T11"} else ""
            seen = "attest" if "V" in plan.modifiers and not person else "portrait"
            lawful = ["notice", f"{person}document", f"{person}check", f"{person}{seen}", "agreement", "confirm", "card"]
            assert [step for step in plan.steps if step in lawful] == lawful
            assert plan.steps[0] == "notice"
            assert plan.steps[-1] == "card"
            assert plan.closing.index("approval") < plan.closing.index("write") < plan.closing.index("verify")
            assert {"C-1", "C-3", "C-4"} <= set(plan.agreed)
    assert writing > 500


def test_every_proxy_and_every_minor_is_captured_with_the_other_party_in_full() -> None:
    for business in ASKED:
        plan = ask(FLOOR, business)
        if isinstance(plan, str):
            continue
        for modifier, party in (("P", "proxy"), ("M", "guardian")):
            if modifier in plan.modifiers:
                face = f"{party}/{'attest' if 'V' in plan.modifiers else 'portrait'}"
                assert {f"{party}/document", f"{party}/check", face} <= set(plan.steps)
                assert party in plan.parties


def test_steps_are_in_the_one_order_and_every_item_has_its_clause() -> None:
    for business in ASKED:
        plan = ASKED_OF_ALL[business]
        if isinstance(plan, str):
            continue
        assert list(plan.steps) == sorted(plan.steps, key=RANK.__getitem__)
        given_for = {(reason.category, reason.item) for reason in plan.reasons if reason.clauses}
        for category, items in (("step", plan.steps), ("party", plan.parties), ("evidence", plan.evidence), ("check", plan.checks),
                                ("consent", plan.agreed), ("paper", plan.papers), ("limit", tuple(plan.settings))):  # fmt: skip
            assert [item for item in items if (category, item) not in given_for] == []


@pytest.mark.clause("TB-13")
def test_offline_writes_nothing_in_any_set() -> None:
    plans = [ask(packset, business) for packset in (FLOOR, ALL) for business in ASKED if business[0] == "T16"]
    offline = [plan for plan in plans if isinstance(plan, Plan)]
    assert offline
    assert [plan for plan in offline if plan.writes or "write" in plan.closing] == []


@settings(max_examples=150, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=5, unique=True))
def test_pack_round_trips_through_its_claims(rules: list[Rule]) -> None:
    pack = packs_of([rules])[0]
    again = Pack.from_claims(cbor.decode(cbor.encode(pack.to_claims())))
    assert again.digest == pack.digest
    assert set(again.rules) == set(pack.rules)
