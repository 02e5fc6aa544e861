# SPDX-License-Identifier: Apache-2.0
"""The card is pulled before, or after, each single command of a write and of a read-back.

Invariants: the operation ends with ``card_removed``; the card then is either still without an IMSI, or complete; and the next card
is served.
"""

import pytest

from hal.sim_card.planner import apdu_bound
from tests.system.sim_card.writer_bench import PROFILE, WriterBench

WRITE_APDUS, READ_APDUS, SHARE = 24, 13, 6
IMSI_WRITTEN = bytes.fromhex("084906001121223343")


def _points(apdus: int) -> list[tuple[str, range]]:
    ranges = [range(first, min(first + SHARE, apdus + 1)) for first in range(1, apdus + 1, SHARE)]
    return [(when, points) for when in ("before", "after") for points in ranges]


@pytest.mark.slow
@pytest.mark.parametrize(("when", "points"), _points(WRITE_APDUS))
def test_sim_card_pulled_at_any_command_of_a_write_is_removed_and_blank_or_complete(when: str, points: range) -> None:
    with WriterBench("--empty") as bench:
        for point in points:
            iccid = bench.fresh_blank()
            bench.fault(at=f"apdu#{point}", do="remove", when=when)
            assert bench.worker.error("write", profile=PROFILE, expected_iccid=iccid) == ("card_removed", {}), point
            complete = point == WRITE_APDUS and when == "after"
            assert bench.file("ADF.USIM/IMSI") == (IMSI_WRITTEN if complete else b"\xff" * 9), point
        bench.card.control("insert")
        bench.worker.ok("await_card")
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is (points[-1] == WRITE_APDUS and when == "after")


@pytest.mark.slow
@pytest.mark.parametrize(("when", "points"), _points(READ_APDUS))
def test_sim_card_pulled_at_any_command_of_a_read_back_is_removed_and_can_be_read_again(when: str, points: range) -> None:
    with WriterBench("--empty") as bench:
        iccid = bench.fresh_blank()
        bench.worker.ok("write", profile=PROFILE, expected_iccid=iccid)
        for point in points:
            bench.card.control("clear_faults")
            bench.fault(at=f"apdu#{point}", do="remove", when=when)
            assert bench.worker.error("read_back", profile=PROFILE) == ("card_removed", {}), point
            bench.card.control("insert")
            bench.worker.ok("await_card")
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True


def test_sim_card_write_and_read_back_take_the_commands_counted_here() -> None:
    with WriterBench("--empty") as bench:
        iccid = bench.fresh_blank()
        assert bench.worker.ok("write", profile=PROFILE, expected_iccid=iccid)["apdus"] == WRITE_APDUS
        assert bench.worker.ok("read_back", profile=PROFILE)["apdus"] == READ_APDUS
        assert 1.5 * apdu_bound(10, 2) >= WRITE_APDUS + READ_APDUS
