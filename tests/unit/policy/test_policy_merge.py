# SPDX-License-Identifier: Apache-2.0
"""Which sets of packs do not load, each with its fault, the value and the clause."""

from dataclasses import replace

import pytest

from firmware import packs
from firmware.core.errors import PackFault, PackRefused
from firmware.core.policy import Level, Pack, assemble, resolve
from tests.unit.policy.pack_world import BASE, HEAD, source

LIMIT = '[[limit]]\nname = "{name}"\nvalue = {value}\nclauses = "TB-11"\nmark = "own"\n{more}\n'
EMPTY = '[[demand]]\ncheck = "online"\nclauses = "TB-12"\nmark = "seed"\n'


def limit(name: str, value: int, more: str = "") -> Pack:
    return source(LIMIT.format(name=name, value=value, more=more))


def fault(*above: Pack) -> PackRefused:
    with pytest.raises(PackRefused) as caught:
        assemble(BASE, above)
    assert caught.value.code == "R510"
    return caught.value


def named(name: str, *parents: str, version: int = 1) -> Pack:
    listed = ", ".join(f'"{parent}"' for parent in parents)
    return source(EMPTY, f'id = "{name}"\nversion = {version}\nparents = [{listed}]\n')


FLOOR_AT = f"cn/base@{BASE.version}"


@pytest.mark.clause("TB-02")
@pytest.mark.parametrize(
    ("name", "value", "below", "clause"),
    [
        ("face_score", 79, 80, "XT-2019"),
        ("face_tries", 4, 3, "XT-2019"),
        ("approval_max_age_s", 601, 600, "DS-21"),
        ("records_after_end_days", 365, 730, "O25-11"),
        ("device_data_hours", 48, 24, "DS-08"),
        ("photo_upload", 1, 0, "N6"),
        ("keep_sex", 1, 0, "JX-44a"),
        ("assurance", 0, 1, "TB-11"),
    ],
)
def test_weaker_value_does_not_load_and_is_named_with_the_clause_it_breaks(name: str, value: int, below: int, clause: str) -> None:
    refused = fault(limit(name, value))
    assert (refused.fault, refused.pack, refused.clause) == (PackFault.WEAKER, "cn/test", clause)
    assert refused.value == f"{name} {value}, at {below} below"


def test_weaker_value_for_one_counter_only_does_not_load_either() -> None:
    assert fault(limit("face_score", 70, 'levels = "1"')).fault is PackFault.WEAKER


def test_weaker_than_the_pack_between_does_not_load() -> None:
    between = limit("face_score", 90)
    above = replace(limit("face_score", 85), pack_id="cn/above", parents=(("cn/test", 1),))
    refused = fault(between, above)
    assert (refused.pack, refused.value) == ("cn/above", "face_score 85, at 90 below")


@pytest.mark.clause("CH-1", "JX-16")
def test_between_packs_side_by_side_the_strictest_wins() -> None:
    one, other = limit("face_score", 90), replace(limit("face_score", 85), pack_id="cn/other")
    found = assemble(BASE, [one, other])
    assert resolve("T01", "D01", found).limits.face_score == 90
    assert found.strictest("face_score") == 90
    assert found.name == "cn/other+cn/test"


def test_reseller_has_three_numbers_and_unicom_its_sublimits() -> None:
    reseller = resolve("T01", "D01", assemble(BASE, [packs.load("cn/reseller")]), level=Level.AGENT)
    unicom = resolve("T01", "D01", assemble(BASE, [packs.load("cn/unicom")]))
    assert reseller.quotas == {"numbers_per_person": 3, "numbers_watch": 2}
    assert unicom.quotas == {"numbers_per_person": 5, "numbers_watch": 5, "numbers_postpaid": 5, "numbers_prepaid": 10}


@pytest.mark.clause("UC-1")
def test_unicom_list_without_the_temporary_card_waits_for_counsel_and_the_floor_holds() -> None:
    plan = resolve("T01", "D02", assemble(BASE, [packs.load("cn/unicom")]), level=Level.OWN_HALL)
    assert plan.document == "D02"
    bar = next(rule for rule in packs.load("cn/unicom").rules if rule.clauses == ("UC-1",))
    in_force = replace(packs.load("cn/unicom"), rules=(replace(bar, in_force=True),))
    refused = fault(in_force)
    assert (refused.fault, refused.value, refused.clause) == (PackFault.FREE_REFUSAL, "D02", "TB-07")


def test_floor_sent_again_with_less_in_it_changes_nothing() -> None:
    less = replace(BASE, version=BASE.version + 1, rules=tuple(rule for rule in BASE.rules if rule.subject != "step"))
    found = assemble(BASE, [less])
    assert resolve("T01", "D01", found).steps == resolve("T01", "D01", packs.floor()).steps
    assert found.digest != packs.floor().digest


def test_pack_cannot_open_a_business_or_a_document() -> None:
    offer = '[[offer]]\nkinds = "T01"\ndocuments = "{}"\nclauses = "TB-07"\nmark = "own"\n'
    assert fault(source(offer.format("D13"))).fault is PackFault.OFFER
    assert assemble(BASE, [source(offer.format("D01"))]).name == "cn/test"


def test_pack_cannot_replace_a_text_but_may_add_its_own() -> None:
    text = '[[text]]\ncode = "{}"\nstep = "agreement"\nzh = "条款"\nen = "Terms"\nclauses = "JX-32a"\nmark = "own"\n'
    refused = fault(source(text.format("C-4")))
    assert (refused.fault, refused.value) == (PackFault.TEXT, "C-4")
    plan = resolve("T01", "D01", assemble(BASE, [source(text.format("C-4/test"))]))
    assert [shown.code for shown in plan.consents] == ["C-1", "C-3", "C-4", "C-4/test"]


@pytest.mark.clause("JX-33")
@pytest.mark.parametrize(
    "rule",
    [
        '[[bar]]\ncode = "R211"\nkinds = "T08"\nlevels = "2 3 4 5"\nclauses = "UC-9"\nmark = "own"\n',
        '[[demand]]\npaper = "P-C"\nkinds = "T08"\nclauses = "UC-9"\nmark = "own"\n',
        '[[limit]]\nname = "assurance"\nvalue = 4\nkinds = "T12"\nclauses = "UC-9"\nmark = "own"\n',
    ],
)
def test_leaving_is_never_made_harder_than_joining(rule: str) -> None:
    refused = fault(source(rule))
    assert (refused.fault, refused.clause) == (PackFault.HARDER_EXIT, "JX-33")


@pytest.mark.parametrize(
    ("above", "wanted"),
    [
        ([named("cn/a", "cn/b@1", FLOOR_AT), named("cn/b", "cn/a@1", FLOOR_AT)], PackFault.CYCLE),
        ([named("cn/a", "cn/a@1", FLOOR_AT)], PackFault.CYCLE),
        ([named("cn/a", "cn/b@1"), named("cn/b", "cn/c@1"), named("cn/c", "cn/a@1")], PackFault.CYCLE),
        ([named("cn/x", "cn/a@1", FLOOR_AT), named("cn/a", "cn/b@1"), named("cn/b", "cn/a@1")], PackFault.CYCLE),
        ([named("cn/a", "cn/b@1", FLOOR_AT)], PackFault.PARENT),
        ([named("cn/a")], PackFault.PARENT),
        ([named("cn/a", f"cn/base@{BASE.version + 1}")], PackFault.GAP),
        ([named("cn/a", "cn/b@2"), named("cn/b", FLOOR_AT, version=3)], PackFault.GAP),
        ([named("cn/a", FLOOR_AT), named("cn/a", FLOOR_AT, version=2)], PackFault.DOUBLE),
        ([replace(BASE, version=BASE.version - 1)], PackFault.GAP),
        ([replace(BASE, parents=(("cn/a", 1),))], PackFault.PARENT),
    ],
    ids=["two", "self", "three", "below", "absent", "none", "newer-floor", "between", "twice", "old-floor", "floor-on-something"],
)
def test_cycles_gaps_and_orphans_do_not_load(above: list[Pack], wanted: PackFault) -> None:
    assert fault(*above).fault is wanted


@pytest.mark.parametrize("name", ["face_score", "assurance", "approval_max_age_s"])
def test_floor_that_lacks_a_needed_value_does_not_load(name: str) -> None:
    poor = replace(BASE, rules=tuple(rule for rule in BASE.rules if rule.subject != name))
    with pytest.raises(PackRefused) as caught:
        assemble(poor)
    assert (caught.value.fault, caught.value.value) == (PackFault.MISSING, name)


def test_digest_covers_everything_a_pack_says_and_nothing_else() -> None:
    pack = packs.load("cn/unicom")
    rule = pack.rules[0]
    others = [
        replace(pack, pack_id="cn/other"),
        replace(pack, version=2),
        replace(pack, parents=()),
        replace(pack, rules=pack.rules[1:]),
        *(replace(pack, rules=(replace(rule, **change), *pack.rules[1:])) for change in (
            {"clauses": ("UC-2",)}, {"in_force": not rule.in_force}, {"when": replace(rule.when, levels=frozenset({5}))})),
    ]  # fmt: skip
    assert len({pack.digest, *(other.digest for other in others)}) == len(others) + 1
    assert replace(pack, rules=tuple(reversed(pack.rules))).digest == pack.digest


def test_head_of_the_sources_here_names_the_floor_that_ships() -> None:
    assert FLOOR_AT in HEAD
