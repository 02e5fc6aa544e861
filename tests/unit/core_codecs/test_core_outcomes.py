# SPDX-License-Identifier: Apache-2.0
import csv
import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from firmware.core.outcomes import OUTCOMES, Kind, slip

ROWS = list(csv.DictReader(Path("tests/vectors/core/outcomes.csv").read_text(encoding="utf-8").splitlines()))


def test_outcomes_are_the_rows_of_the_requirements_in_order() -> None:
    assert [dataclasses.asdict(outcome) for outcome in OUTCOMES.values()] == ROWS
    assert len(OUTCOMES) == 84


@pytest.mark.parametrize("code", list(OUTCOMES))
def test_outcome_kind_follows_its_letter_and_has_remedies_in_both_languages(code: str) -> None:
    outcome = OUTCOMES[code]
    assert outcome.code == code
    assert outcome.kind is {"R": Kind.REFUSAL, "H": Kind.HOLD, "W": Kind.WARNING}[code[0]]
    for text in (outcome.zh, outcome.en, outcome.remedy_zh, outcome.remedy_en, outcome.basis, outcome.found_by):
        assert text == text.strip()
        assert text
    assert outcome.remedy_en[0].isascii()
    assert not outcome.remedy_zh.isascii()


@pytest.mark.clause("JX-33")
def test_outcome_names_are_unique_and_marketing_is_no_reason() -> None:
    assert max(Counter(outcome.name for outcome in OUTCOMES.values()).values()) == 1
    assert not [outcome for outcome in OUTCOMES.values() if "MARKETING" in outcome.name]


def test_outcomes_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        OUTCOMES["R999"] = OUTCOMES["R105"]  # type: ignore[index]  # that it fails is what is tested


def test_slip_tells_code_reason_and_remedy_in_the_language() -> None:
    assert slip("R105", "en") == ("Not completed\nCode: R105\nReason: document expired\nWhat to do: renew it, or use another valid kind")
    assert slip("R105", "zh") == "未能办理\n代码：R105\n原因：证件过期\n办法：请换领新证或改用其他有效证件"
    assert slip("H114", "zh").startswith("暂缓办理\n")
    assert slip("W-401", "en").startswith("Please note\n")
    for code in OUTCOMES:
        assert len(slip(code, "zh").splitlines()) == len(slip(code, "en").splitlines()) == 4
    with pytest.raises(KeyError):
        slip("R999", "en")
