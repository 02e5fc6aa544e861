# SPDX-License-Identifier: Apache-2.0
"""The floor as it ships: what a new SIM needs, what is not done, and why."""

import hashlib

import pytest

from firmware import packs
from firmware.core.errors import PolicyRefused
from firmware.core.policy import Level, Plan, Step, Verb, assemble, resolve
from firmware.runtime.policies import Policies

FLOOR = packs.floor()


def plan(kind: str = "T01", document: str = "D01", modifiers: str = "", level: Level = Level.OWN_HALL) -> Plan:
    return resolve(kind, document, FLOOR, modifiers=modifiers.split(), level=level)


def test_resolve_new_sim_with_resident_card_gives_the_seven_steps_in_order_at_every_counter() -> None:
    for level in Level:
        made = plan(level=level)
        assert made.steps == ("notice", "document", "check", "portrait", "agreement", "confirm", "card")
        assert made.closing == ("record", "approval", "recheck", "write", "verify", "report", "receipt", "erase")
        assert made.policy == ("cn/base", FLOOR.digest)
        assert [(text.code, text.step) for text in made.consents] == [("C-1", Step.NOTICE), ("C-3", Step.NOTICE), ("C-4", Step.AGREEMENT)]


@pytest.mark.clause("CH-1", "KYX-1")
@pytest.mark.parametrize(
    ("kind", "document", "modifiers", "level", "code"),
    [
        ("T99", "D01", "", 1, "R410"),
        ("", "", "", 1, "R410"),
        ("T01", "", "", 1, "R103"),
        ("T01", "D12", "", 1, "R103"),
        ("T01", "D13", "", 1, "R103"),
        ("T02", "D13", "", 1, "R103"),
        ("T01", "U01", "", 1, "R103"),
        ("T07", "D02", "", 1, "R103"),
        ("T09", "D01", "", 1, "R301"),
        ("T11", "D09", "", 4, "R301"),
        ("T09", "U07", "", 1, "R103"),
        ("T02", "D01", "", 2, "R211"),
        ("T06", "D01", "P", 1, "R211"),
        ("T07", "D01", "P", 1, "R211"),
        ("T03", "D01", "P", 1, "R211"),
        ("T01", "D03", "", 4, "R211"),
        ("T01", "D02", "", 5, "R211"),
        ("T01", "D09", "", 5, "R211"),
        ("T01", "D01", "V", 4, "R602"),
        ("T16", "D01", "V", 1, "R602"),
        ("T16", "D02", "", 1, "R103"),
        ("T01", "D01", "S", 1, "R410"),
        ("T15", "D01", "", 3, "R211"),
    ],
)
def test_resolve_impossible_combination_is_refused_with_the_code_of_the_table(
    kind: str, document: str, modifiers: str, level: int, code: str
) -> None:
    with pytest.raises(PolicyRefused) as caught:
        plan(kind, document, modifiers, Level(level))
    assert caught.value.code == code


def test_unknown_modifier_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="modifier"):
        plan(modifiers="X")


def test_proxy_adds_a_second_capture_and_takes_nothing_away() -> None:
    alone, both = plan(), plan(modifiers="P")
    assert set(alone.steps) < set(both.steps)
    assert [step for step in both.steps if step.startswith("proxy/")] == ["proxy/document", "proxy/check", "proxy/portrait"]
    assert (both.papers, "proxy" in both.parties, both.quotas["proxy_per_day"]) == (("P-A",), True, 3)


def test_minor_comes_with_guardian_and_consent_and_without_the_age_from_which_one_comes_alone() -> None:
    made = plan(modifiers="M")
    assert {"guardian/document", "guardian/check", "guardian/portrait", "guardian-consent"} <= set(made.steps)
    assert (made.limits.minimum_age, plan().limits.minimum_age) == (0, 16)
    assert "C-7" in made.agreed
    assert "age" not in made.checks


def test_visual_path_replaces_the_face_by_two_members_of_staff() -> None:
    made = plan(modifiers="V")
    assert "portrait" not in made.steps
    assert "attest" in made.steps
    assert "face-match" not in made.checks
    assert {"attested", "second-person"} <= set(made.checks)
    assert "second-staff" in made.parties


def test_transfer_captures_both_owners_in_full() -> None:
    steps = plan("T02").steps
    assert {"document", "check", "portrait", "owner/document", "owner/check", "owner/portrait", "release"} <= set(steps)
    assert "owner-match" in plan("T02").checks


def test_unit_opening_asks_all_seven_papers_of_the_checklist() -> None:
    made = plan("T09", "U01")
    assert made.papers == ("U-A", "U-B", "U-C", "U-D", "U-E", "U-F")
    assert {"handler/document", "handler/portrait", "responsible/document", "unit-document"} <= set(made.steps)
    assert "cash-free" in made.checks


@pytest.mark.clause("TB-13", "RC-10")
def test_store_and_forward_writes_nothing() -> None:
    made = plan("T16")
    assert (made.settings["offline_pieces"], made.settings["offline_hours"]) == (20, 24)
    assert made.steps[-1] == "seal"
    assert not made.writes
    assert "write" not in made.closing


@pytest.mark.clause("JX-33")
def test_closing_a_number_is_not_harder_than_opening_one() -> None:
    assert set(plan("T08").steps) <= set(plan("T01").steps)
    assert set(plan("T08").parties) <= set(plan("T01").parties)


def test_every_text_is_shown_at_a_step_of_the_plan_before_the_card_in_both_languages() -> None:
    made = plan()
    for text in made.consents:
        assert made.steps.index(text.step) < made.steps.index(Step.CARD)
        assert text.en.isascii()
        assert not text.zh.isascii()
    assert len({text.digest for text in made.consents}) == len(made.consents)
    assert {text.code for text in made.consents} == set(made.agreed)
    with pytest.raises(KeyError):
        made.consent("C-9")


@pytest.mark.clause("DS-02")
def test_notice_tells_what_the_law_asks_a_notice_to_tell() -> None:
    notice = plan().consent("C-1")
    for zh, en in (("处理者", "Processor"), ("联系方式", "contact"), ("用途", "Purpose"), ("信息种类", "Data"), ("保存期限", "Kept"),
                   ("更正", "corrected"), ("投诉电话", "phone"), ("人像", "face")):  # fmt: skip
        assert zh in notice.zh
        assert en in notice.en


@pytest.mark.clause("DS-01", "O24-1")
def test_notice_comes_before_anything_is_read() -> None:
    for kind in ("T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T10", "T12", "T13", "T14", "T16", "T17"):
        assert plan(kind).steps[0] == Step.NOTICE


@pytest.mark.clause("DS-02", "TB-15")
def test_text_digest_is_of_the_text_as_shown() -> None:
    text = plan().consent("C-3")
    zh, en = text.zh.encode(), text.en.encode()
    encoded = b"\x83\x63C-3" + b"\x78" + bytes([len(zh)]) + zh + b"\x78" + bytes([len(en)]) + en
    assert text.digest == hashlib.sha256(encoded).digest()


def test_limits_keep_within_the_requirements() -> None:
    limits = plan().limits
    assert 0 < limits.approval_max_age_s <= 600
    assert (limits.read_tries, limits.face_tries, limits.write_tries, limits.minimum_age) == (3, 3, 3, 16)
    assert (plan().quotas["numbers_per_person"], plan().settings["records_after_end_days"], plan().keeps) == (5, 730, frozenset())


@pytest.mark.parametrize(
    ("kind", "document", "channel", "code"),
    [("T01", "D09", 1, "R410"), ("T01", "D06", 1, "R410"), ("T11", "U01", 1, "R410"), ("T02", "D01", 5, "R211"), ("T08", "D02", 5, "R211")],
)
def test_terminal_refuses_at_the_start_what_its_software_cannot_carry_out_whole(kind: str, document: str, channel: int, code: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        Policies(FLOOR, channel=channel).plan(kind, document, 0)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", [f"T{number:02}" for number in range(1, 18) if number not in {9, 11}])
def test_terminal_can_carry_out_every_kind_with_a_chip_at_an_own_hall_but_internet_of_things_cards(kind: str) -> None:
    assert Policies(FLOOR, channel=1).plan(kind, "D01", 0).steps
    assert Policies(FLOOR, channel=1).plan("T09", "U01", 0).writes


@pytest.mark.parametrize("document", ["D01", "D08", "D10"])
def test_terminal_can_carry_out_a_new_sim_with_every_card_its_reader_opens(document: str) -> None:
    assert Policies(FLOOR).plan("T01", document, 0).writes


def test_every_rule_of_every_shipped_pack_cites_clauses_that_are_explained() -> None:
    known = packs.clauses()
    missing = {clause for name in packs.shipped() for rule in packs.load(name).rules for clause in rule.clauses if clause not in known}
    assert missing == set()


@pytest.mark.clause("O25-01")
def test_floor_alone_and_floor_sent_again_are_the_same_set() -> None:
    floor = packs.load("cn/base")
    assert assemble(floor, [floor]).digest == FLOOR.digest
    assert {rule.verb for rule in floor.rules} == set(Verb)


@pytest.mark.clause("GA-12")
@pytest.mark.parametrize(
    ("kind", "document", "channel", "modifiers", "reached", "code"),
    [
        ("T01", "D01", 5, "", 4, ""),
        ("T01", "D01", 5, "", 3, "R211"),
        ("T01", "D01", 5, "", 0, "R207"),
        ("T01", "D09", 2, "", 2, ""),
        ("T01", "D09", 2, "", 1, "R211"),
        ("T01", "D09", 1, "", 1, ""),
        ("T01", "D01", 1, "", 0, "R207"),
        ("T01", "D01", 1, "V", 3, ""),
        ("T16", "D01", 5, "S", 3, "R207"),
    ],
)
def test_identity_less_sure_than_the_plan_asks_is_sent_to_an_own_hall_where_that_is_enough(  # one row of a table
    kind: str, document: str, channel: int, modifiers: str, reached: int, code: str
) -> None:
    policies = Policies(FLOOR, channel=channel)
    assert policies.shortfall(policies.again(kind, document, modifiers), reached) == code


def test_passport_read_by_its_printed_zone_alone_is_enough_at_an_own_hall_and_elsewhere_as_the_pack_says() -> None:
    mobile = assemble(packs.load("cn/base"), [packs.load("cn/mobile")])
    hall, shop = Policies(mobile, channel=1), Policies(mobile, channel=4)
    assert hall.shortfall(hall.again("T01", "D09"), 2) == ""
    assert shop.shortfall(shop.again("T01", "D09"), 2) == "R211"
    assert shop.shortfall(shop.again("T01", "D09"), 3) == ""
