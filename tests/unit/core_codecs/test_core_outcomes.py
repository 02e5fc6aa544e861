# SPDX-License-Identifier: Apache-2.0
import csv
import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from firmware.core.outcomes import OUTCOMES, Kind

ROWS = list(csv.DictReader(Path("tests/vectors/core/outcomes.csv").read_text(encoding="utf-8").splitlines()))


def test_outcomes_are_the_rows_of_the_requirements_in_order() -> None:
    assert [dataclasses.asdict(outcome) for outcome in OUTCOMES.values()] == ROWS
    assert len(OUTCOMES) == 85


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
