# SPDX-License-Identifier: Apache-2.0
"""Packs for tests: small sources above the floor, random packs that can only tighten, and everything a terminal may be asked."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import strategies as st

from firmware import packs
from firmware.core.policy import Mark, Pack, Rule, Verb, When, parse_source
from firmware.core.policy.merge import EXITS
from firmware.core.policy.vocabulary import DOCUMENTS, ITEMS, KINDS, MEASURES, MODIFIERS, Category, Level, Way

BASE = packs.load("cn/base")
HEAD = f'id = "cn/test"\nversion = 1\nparents = ["cn/base@{BASE.version}"]\n'
ASKED = [
    (kind, document, frozenset(modifiers), level)
    for kind, document, level in itertools.product(KINDS, ("D01", "D02", "D03", "D09", "U01"), (Level.OWN_HALL, Level.AGENT, Level.END))
    for modifiers in ("", "P", "M", "V", "MV", "S")
]
"""Every kind with a document of each sort, at every counter, with the modifiers that matter together."""


def source(rules: str, head: str = HEAD) -> Pack:
    return parse_source((head + rules).encode())


def some(words: tuple[str, ...] | list[str], most: int = 4) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(words)), max_size=most)


JOINING = tuple(kind for kind in KINDS if kind not in EXITS)
WHENS = st.builds(
    When,
    kinds=some(list(JOINING)).filter(bool),
    documents=some(list(DOCUMENTS)),
    having=some(list(MODIFIERS), 2),
    without=some(list(MODIFIERS), 1),
    levels=st.frozensets(st.sampled_from([2, 3, 4, 5]), max_size=3),
)


def _demand(category: Category) -> st.SearchStrategy[Rule]:
    items = st.frozensets(st.sampled_from(sorted(ITEMS[category])), min_size=1, max_size=4).map(lambda found: tuple(sorted(found)))
    return st.builds(Rule, st.just(Verb.DEMAND), st.just(category.value), items, WHENS, st.just(("TB-11",)), st.sampled_from(list(Mark)))


def _limit(name: str) -> st.SearchStrategy[Rule]:
    measure = MEASURES[name]
    floor = [rule.number for rule in BASE.rules if rule.verb is Verb.LIMIT and rule.subject == name]
    least, most = (0, min(floor, default=9)) if measure.way is Way.LEAST else (max(floor, default=0), measure.most)
    return st.builds(Rule, st.just(Verb.LIMIT), st.just(name), st.integers(least, most), WHENS, st.just(("TB-11",)), st.just(Mark.OWN))


BARS = st.builds(
    Rule, st.just(Verb.BAR), st.sampled_from(["R211", "R410"]), st.just(()), WHENS.map(lambda when: replace(when, documents=frozenset())),
    st.just(("TB-11",)), st.just(Mark.OWN),
)  # fmt: skip
RULES = st.one_of(
    st.sampled_from(list(Category)).flatmap(_demand),
    st.sampled_from(sorted(MEASURES)).flatmap(_limit),
    BARS,
)
STRICTER = st.lists(RULES, min_size=1, max_size=6, unique=True)
"""Rules no floor refuses: demands, bars, and limits at least as strict as every value of the floor."""


def packs_of(rules: list[list[Rule]]) -> list[Pack]:
    """Return packs cn/p0, cn/p1 … above the floor."""
    return [Pack(f"cn/p{number}", 1, ((BASE.pack_id, BASE.version),), tuple(each)) for number, each in enumerate(rules)]
