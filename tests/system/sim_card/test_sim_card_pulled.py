# SPDX-License-Identifier: Apache-2.0
"""The card is pulled before, or after, each single command of the write and the read-back of a whole profile of 18 items.

Invariants: the operation ends with ``card_removed``; the card then is either still without an IMSI, or complete; a write that is resumed
finishes it; and the next card is served. The model was met before, so these are the shortest lists of commands.
"""

import pytest

from tests.system.sim_card.writer_bench import WHOLE, WriterBench

WRITE_APDUS, READ_APDUS, SHARE = 26, 21, 7
KIND = "usim-compact"
IMSI_WRITTEN = bytes.fromhex("084906001121223343")


def _points(apdus: int) -> list[tuple[str, range]]:
    ranges = [range(first, min(first + SHARE, apdus + 1)) for first in range(1, apdus + 1, SHARE)]
    return [(when, points) for when in ("before", "after") for points in ranges]


def _blank(bench: WriterBench) -> str:
    """Put in a blank and identify it, as a session does."""
    iccid = bench.fresh_blank(KIND)
    bench.worker.ok("identify")
    bench.card.control("clear_faults")  # and the counts of what a fault waits for
    return iccid


def _meet_model(bench: WriterBench) -> None:
    bench.worker.ok("write", profile=WHOLE, expected_iccid=_blank(bench))


@pytest.mark.slow
@pytest.mark.parametrize(("when", "points"), _points(WRITE_APDUS))
def test_sim_card_pulled_at_any_command_of_a_write_is_removed_and_blank_or_complete(when: str, points: range) -> None:
    with WriterBench("--empty") as bench:
        _meet_model(bench)
        for point in points:
            iccid = _blank(bench)
            bench.fault(at=f"apdu#{point}", do="remove", when=when)
            assert bench.worker.error("write", profile=WHOLE, expected_iccid=iccid) == ("card_removed", {}), point
            complete = point == WRITE_APDUS and when == "after"
            assert bench.file("ADF.USIM/IMSI") == (IMSI_WRITTEN if complete else b"\xff" * 9), point
        bench.card.control("insert")
        bench.worker.ok("await_card")
        assert bench.worker.ok("read_back", profile=WHOLE)["equal"] is (points[-1] == WRITE_APDUS and when == "after")
        bench.worker.ok("write", profile=WHOLE, expected_iccid=iccid, resume=True)
        assert bench.worker.ok("read_back", profile=WHOLE)["equal"] is True


@pytest.mark.slow
@pytest.mark.parametrize(("when", "points"), _points(READ_APDUS))
def test_sim_card_pulled_at_any_command_of_a_read_back_is_removed_and_can_be_read_again(when: str, points: range) -> None:
    with WriterBench("--empty") as bench:
        _meet_model(bench)
        for point in points:
            assert bench.worker.ok("read_back", profile=WHOLE)["apdus"] in (READ_APDUS, READ_APDUS + 2)
            bench.card.control("clear_faults")
            bench.fault(at=f"apdu#{point}", do="remove", when=when)
            assert bench.worker.error("read_back", profile=WHOLE) == ("card_removed", {}), point
            bench.card.control("insert")
            bench.worker.ok("await_card")
        assert bench.worker.ok("read_back", profile=WHOLE)["equal"] is True
