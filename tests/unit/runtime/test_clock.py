# SPDX-License-Identifier: Apache-2.0
"""The calendar never steps back, and one impossible time does not stop it for ever."""

from __future__ import annotations

import time

import pytest

from firmware.runtime.clock import LATEST, Clock


@pytest.mark.clause("DS-24")
def test_clock_floor_rises_with_vouched_times_and_never_falls() -> None:
    clock = Clock(0)
    later = int(time.time()) + 1_000_000
    clock.seen(later)
    clock.seen(later - 1)
    assert clock.floor == clock.now().at == later


@pytest.mark.parametrize("seconds", [LATEST + 1, 1_900_000_000_000, 2**63 - 1])
def test_clock_impossible_time_changes_nothing(seconds: int) -> None:
    clock = Clock(0)
    clock.seen(seconds)
    assert clock.floor == 0
    assert clock.today().year < 2100
