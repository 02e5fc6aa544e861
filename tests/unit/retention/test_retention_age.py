# SPDX-License-Identifier: Apache-2.0
"""How old data is, on clocks that somebody turns back, loses the battery of, or takes the power from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.retention import PAST_EVERY_LIMIT, Age, born

HOUR, DAY = 3600, 86_400
AT = 1_900_000_000
BOOT, NEXT, THIRD = b"1" * 16, b"2" * 16, b"3" * 16
START = born(AT, BOOT, 50_000)


def after(age: Age, seconds: int, *, calendar: int | None = None) -> Age:
    """Return the age when the same boot has run on for ``seconds``; the calendar with it unless told."""
    return age.now(age.at + (seconds if calendar is None else calendar), age.boot_id, age.boot_ms + seconds * 1000)


@pytest.mark.clause("DS-08", "RC-1")
@pytest.mark.parametrize(("seconds", "over"), [(DAY - 1, False), (DAY, True), (DAY + 1, True)])
def test_age_a_second_before_and_after_the_limit_within_one_boot(seconds: int, over: bool) -> None:  # noqa: FBT001  # the parameter under test
    assert after(START, seconds).over(24) is over


@pytest.mark.parametrize(("hours", "over"), [(1, True), (12, True), (13, False), (24, False)])
def test_age_stricter_limit_of_a_pack_holds(hours: int, over: bool) -> None:  # noqa: FBT001  # the parameter under test
    assert after(START, 12 * HOUR).over(hours) is over


def test_age_limit_longer_than_a_day_counts_as_a_day() -> None:
    assert after(START, DAY).over(1000)


@pytest.mark.parametrize("calendar", [-10 * DAY, -1, 0, 10 * DAY])
def test_age_calendar_moved_within_a_boot_changes_nothing(calendar: int) -> None:
    assert after(START, 5 * HOUR, calendar=calendar).lived_ms == 5 * HOUR * 1000


@pytest.mark.parametrize(("off_s", "over"), [(DAY - 60, False), (DAY, True)])
def test_age_time_without_power_counts_by_the_calendar(off_s: int, over: bool) -> None:  # noqa: FBT001  # the parameter under test
    assert START.now(AT + off_s, NEXT, 1000).over(24) is over


def test_age_calendar_that_stood_still_counts_at_least_the_time_since_the_boot() -> None:
    assert START.now(AT, NEXT, 90_000).lived_ms == 90_000


@pytest.mark.clause("DS-08", "DS-24")
@pytest.mark.parametrize(("behind", "over"), [(600, False), (601, True), (3 * DAY, True)])
def test_age_clock_set_back_while_off_is_past_the_limit(behind: int, over: bool) -> None:  # noqa: FBT001  # the parameter under test
    """600 s is what the stored floor may lag; more means that somebody set the clock, and how long the power was off is unknown."""
    assert START.now(AT - behind, NEXT, 1000).over(24) is over


def test_age_clock_set_back_before_the_power_goes_is_noticed_afterwards() -> None:
    """Set back while it runs, noted, off for three days, on again an hour later by that clock."""
    noted = after(START, HOUR, calendar=-5 * DAY)
    assert noted.now(AT - 5 * DAY + 2 * HOUR, NEXT, 1000).over(24)


def test_age_the_operators_later_word_on_the_time_is_believed() -> None:
    """The clock was dead over the boot: a minute seems to have passed. Then the operator vouches for two days."""
    resumed = START.now(AT + 60, NEXT, 1000)
    assert not resumed.over(24)
    assert resumed.now(AT + 2 * DAY, NEXT, 2000).over(24)


def test_age_a_dead_clock_set_right_in_the_boot_it_began_in_costs_nobody_a_sale() -> None:
    began = born(0, BOOT, 50_000)
    assert began.now(AT, BOOT, 60_000).lived_ms == 10_000


def test_age_many_short_boots_with_the_clock_put_back_each_time_add_up() -> None:
    age = START
    for number in range(30):
        age = age.now(AT + 60, bytes([number]) * 16, 1000)
        age = after(age, HOUR, calendar=0)
    assert age.over(24)


moments = st.tuples(st.integers(-2 * DAY, 4 * DAY), st.sampled_from([BOOT, NEXT, THIRD]), st.integers(0, 3 * DAY * 1000))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.lists(moments, max_size=12))
def test_age_only_grows_whatever_the_clocks_say(walk: list[tuple[int, bytes, int]]) -> None:
    age = START
    for offset, boot, boot_ms in walk:
        older = age.now(AT + offset, boot, boot_ms)
        assert older.lived_ms >= age.lived_ms
        assert older.lived_ms <= PAST_EVERY_LIMIT
        if boot == age.boot_id:
            assert older.lived_ms == PAST_EVERY_LIMIT or older.lived_ms - age.lived_ms >= boot_ms - age.boot_ms
        age = older


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, 30 * DAY), st.integers(0, 5 * DAY), st.integers(0, 48 * HOUR))
def test_age_an_honest_clock_is_never_younger_than_the_truth(ran_s: int, off_s: int, again_s: int) -> None:
    age = after(START, ran_s)
    age = age.now(age.at + off_s + again_s, NEXT, again_s * 1000)
    assert age.lived_ms >= (ran_s + off_s + again_s) * 1000
