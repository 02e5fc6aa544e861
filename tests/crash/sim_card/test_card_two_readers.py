# SPDX-License-Identifier: Apache-2.0
"""Two readers with a card each: the one that is not configured sees no command and no power from us, whatever happens to the other."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.sim_card.card_lane import PROFILE, Lane

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {**PROFILE, "iccid": "89860177799999999999"}


def entries(transcript: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in transcript.read_text("utf-8").splitlines()]


def powered(transcript: Path) -> int:
    return sum(entry.get("note") in {"power on", "reset"} for entry in entries(transcript))


def wait_powered(transcript: Path, times: int) -> None:
    """Wait until the service has looked at the card, which it does by itself once in each of its lives."""
    end = time.monotonic() + 8
    while powered(transcript) < times:
        assert time.monotonic() < end, "the service never looked at the other reader's card"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("slot", [0, 1])
def test_card_in_the_reader_that_is_not_ours_is_never_spoken_to_nor_powered(tmp_path: Path, slot: int) -> None:
    lane, transcript = Lane(slot), tmp_path / "other.jsonl"
    try:
        with lane.another_card(1 - slot, "--transcript", str(transcript), control="other.sock"):
            wait_powered(transcript, 1)
            lives = faultless(lane) if slot else faulty(lane)
            wait_powered(transcript, lives)
            assert powered(transcript) == lives
            assert [entry for entry in entries(transcript) if "dir" in entry] == []
    finally:
        lane.close()


def faultless(lane: Lane) -> int:
    """Do everything that is done to a card; returns how many lives the service had."""
    assert lane.ask("await_card", timeout=1.5)[0] == "deadline"
    assert lane.ask("identify")[0] == "no_card"
    iccid = lane.fresh()
    lane.must("identify")
    lane.must("write", profile=WRITTEN, expected_iccid=iccid)
    assert lane.must("read_back", profile=WRITTEN)["equal"] is True
    return 1


def faulty(lane: Lane) -> int:
    """The same, and everything goes wrong once."""
    lives = faultless(lane)
    for act, kind in (("pull", "card_removed"), ("kill", "worker_ended"), ("restart", "link_closed"), ("swap", "card_removed")):
        iccid = lane.fresh()
        lane.control("clear_faults")
        lane.control("fault", fault={"at": "update#3", "do": "hold"})
        assert lane.ask("write", profile=WRITTEN, expected_iccid=iccid, meanwhile=lane.during(act))[0] == kind
        if act == "swap":
            assert lane.updates == 0
    lane.fresh()
    lane.control("clear_faults")
    lane.control("fault", fault={"at": "apdu#2", "do": "stall"})
    assert lane.ask("identify")[0] == "hangs"
    lane.fresh()
    return lives + 1
