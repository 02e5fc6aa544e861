# SPDX-License-Identifier: Apache-2.0
import hashlib
from dataclasses import replace

import pytest

from firmware.core.errors import PolicyRefused
from firmware.core.policy import BASE, Step, resolve


def test_resolve_new_sim_with_resident_card_gives_the_seven_steps_in_order() -> None:
    plan = resolve("T01", "D01")
    assert [str(step) for step in plan.steps] == ["notice", "document", "check", "portrait", "agreement", "confirm", "card"]
    assert plan.policy == ("cn/base", BASE.digest)
    assert [(text.code, text.step) for text in plan.consents] == [("C-1", Step.NOTICE), ("C-3", Step.NOTICE), ("C-4", Step.AGREEMENT)]


@pytest.mark.parametrize(
    ("kind", "document", "code"), [("T02", "D01", "R410"), ("", "", "R410"), ("T01", "D02", "R103"), ("T01", "", "R103")]
)
def test_resolve_what_the_pack_does_not_offer_is_refused_with_its_code(kind: str, document: str, code: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        resolve(kind, document)
    assert caught.value.code == code


def test_every_consent_is_shown_at_a_step_of_the_plan_before_the_card_in_both_languages() -> None:
    plan = resolve("T01", "D01")
    for text in plan.consents:
        assert plan.steps.index(text.step) < plan.steps.index(Step.CARD)
        assert text.en.isascii()
        assert not text.zh.isascii()
    assert len({text.digest for text in plan.consents}) == len(plan.consents)
    assert plan.consent("C-4").digest == next(text for text in BASE.consents if text.code == "C-4").digest
    with pytest.raises(KeyError):
        plan.consent("C-9")


def test_notice_tells_what_the_law_asks_a_notice_to_tell() -> None:
    notice = resolve("T01", "D01").consent("C-1")
    for zh, en in (("处理者", "Processor"), ("联系方式", "contact"), ("用途", "Purpose"), ("信息种类", "Data"), ("保存期限", "Kept"),
                   ("更正", "corrected"), ("投诉电话", "phone"), ("人像", "face")):  # fmt: skip
        assert zh in notice.zh
        assert en in notice.en


def test_notice_comes_before_anything_is_read() -> None:
    assert resolve("T01", "D01").steps[0] is Step.NOTICE


def test_limits_keep_within_the_requirements() -> None:
    limits = BASE.limits
    assert 0 < limits.approval_max_age_s <= 600
    assert (limits.read_tries, limits.face_tries, limits.write_tries, limits.minimum_age) == (3, 3, 3, 16)


def test_digest_covers_every_part_of_the_pack() -> None:
    first = BASE.consents[0]
    others = [
        replace(BASE, pack_id="cn/other"),
        replace(BASE, version=2),
        replace(BASE, offers=()),
        replace(BASE, offers=(replace(BASE.offers[0], steps=BASE.offers[0].steps[:-1]),)),
        replace(BASE, consents=BASE.consents[1:]),
        replace(BASE, consents=(replace(first, zh=first.zh + "。"), *BASE.consents[1:])),
        *(replace(BASE, limits=replace(BASE.limits, **{name: 1})) for name in BASE.limits.__slots__),
    ]
    assert len({BASE.digest, *(other.digest for other in others)}) == len(others) + 1


def test_text_digest_is_of_the_text_as_shown() -> None:
    text = BASE.consents[1]
    zh, en = text.zh.encode(), text.en.encode()
    encoded = b"\x83\x63C-3" + b"\x78" + bytes([len(zh)]) + zh + b"\x78" + bytes([len(en)]) + en
    assert text.digest == hashlib.sha256(encoded).digest()
