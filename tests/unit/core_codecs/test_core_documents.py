# SPDX-License-Identifier: Apache-2.0
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.documents import check_document
from firmware.core.outcomes import OUTCOMES
from hal.document import LONG_TERM, number_check_character
from tests.unit.core_codecs.core_world import NUMBER, holder

TODAY = date(2030, 6, 15)
ALL = ("origin", "kind", "number", "birth", "dates", "clock", "started", "not-expired", "age")


def numbered(birth: str) -> dict[str, str]:
    first17 = "990101" + birth + "123"
    return {"birth": birth, "number": first17 + number_check_character(first17)}


def test_good_document_passes_every_check_in_order() -> None:
    checked = check_document(holder(), TODAY)
    assert checked.outcome is None
    assert checked.checks == tuple((name, True) for name in ALL)


@pytest.mark.parametrize(
    ("changes", "failed", "code"),
    [
        ({"kind": "D02"}, "kind", "R103"),
        ({"kind": ""}, "kind", "R103"),
        ({"number": NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")}, "number", "R111"),
        ({"number": "9" + NUMBER[1:-2] + "0" + NUMBER[-1]}, "number", "R111"),
        ({"number": NUMBER[:-1]}, "number", "R111"),
        ({"number": ""}, "number", "R111"),
        ({"birth": "19900308"}, "birth", "R111"),
        ({"birth": "1990030"}, "birth", "R111"),
        (numbered("19900230"), "birth", "R111"),
        ({"sex_agrees": False}, "birth", "R111"),
        ({"valid_from": "20300230"}, "dates", "R111"),
        ({"valid_from": ""}, "dates", "R111"),
        ({"valid_to": "20401301"}, "dates", "R111"),
        ({"valid_to": "长期"}, "dates", "R111"),
        ({"valid_to": "20191231"}, "dates", "R111"),
        ({"valid_from": "19890101"}, "dates", "R111"),
        ({"valid_from": "２０２００１０１"}, "dates", "R111"),
        ({"valid_from": "20300616"}, "started", "R106"),
        ({"valid_to": "20300614"}, "not-expired", "R105"),
        (numbered("20140616"), "age", "R206"),
    ],
)
def test_bad_document_gives_exactly_the_first_failing_code(changes: dict[str, Any], failed: str, code: str) -> None:
    checked = check_document(holder(**changes), TODAY)
    assert checked.outcome == code
    assert checked.checks == (*((name, True) for name in ALL[: ALL.index(failed)]), (failed, False))


def test_first_and_last_day_count() -> None:
    assert check_document(holder(valid_from="20300615"), TODAY).outcome is None
    assert check_document(holder(valid_to="20300615"), TODAY).outcome is None


def test_long_term_document_does_not_expire() -> None:
    assert check_document(holder(valid_to=LONG_TERM), date(9999, 12, 31)).outcome is None


@pytest.mark.clause("DS-24")
def test_untrusted_clock_decides_nothing_about_time() -> None:
    checked = check_document(holder(valid_to="20200102"), None)
    assert checked.outcome == "R508"
    assert checked.checks[-1] == ("clock", False)
    assert check_document(holder(number=""), None).outcome == "R111"


def test_several_faults_give_one_code_of_the_first() -> None:
    assert check_document(holder(kind="D99", number="", valid_to="20200102"), None).outcome == "R103"


@pytest.mark.parametrize(("birth", "outcome"), [("20140615", None), ("20140616", "R206"), ("20140614", None)])
def test_age_counts_from_the_birthday(birth: str, outcome: str | None) -> None:
    assert check_document(holder(**numbered(birth)), TODAY).outcome == outcome


def test_age_of_who_was_born_on_a_leap_day() -> None:
    leapling = holder(**numbered("20160229"), valid_to=LONG_TERM)
    assert check_document(leapling, date(2034, 2, 28), minimum_age=18).outcome == "R206"
    assert check_document(leapling, date(2034, 3, 1), minimum_age=18).outcome is None


def test_old_permanent_resident_number_has_no_check_character() -> None:
    assert check_document(holder(kind="D10", number="XXA110090030701"), TODAY).outcome is None
    assert check_document(holder(kind="D01", number="XXA110090030701"), TODAY).outcome == "R111"
    assert check_document(holder(kind="D08"), TODAY).outcome is None


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.text(max_size=18) | st.text("0123456789X", min_size=8, max_size=18)
            for name in ("kind", "number", "birth", "valid_from", "valid_to")
        },
    ),
    st.dates() | st.none(),
)
def test_any_text_gives_a_known_code_and_stops_at_the_first_failure(changes: dict[str, str], today: date | None) -> None:
    checked = check_document(holder(**changes), today)
    passed = [ok for _, ok in checked.checks]
    assert all(passed[:-1])
    assert passed[-1] == (checked.outcome is None)
    assert checked.outcome is None or checked.outcome in OUTCOMES
