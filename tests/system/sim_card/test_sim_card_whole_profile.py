# SPDX-License-Identifier: Apache-2.0
"""A profile of 18 items on every model that can be bought: what it costs, what is left alone, and that the keys are proven."""

from typing import Any

import pytest

from hal.sim_card.planner import apdu_bound
from tests.system.sim_card.writer_bench import NO_KEYS, WHOLE, WriterBench

COMPACT = "usim-compact"
ITEMS, WITHOUT_SFI = 18, 4
WRITE_APDUS, WRITE_BYTES, BOTH_APDUS, BOTH_BYTES, DISCOVERY_APDUS = 27, 620, 52, 1200, 25
ADM2 = "B1B2B3B4B5B6B7B8"
WRITABLE_KEYS = {"usim-key-file", "usim-key-files", "usim-key-command", COMPACT}
MODELS = [
    "blank-usim", "blank-usim-2", COMPACT, "fixed-iccid", "proactive", "usim-2g-separate", "usim-2g3g", "usim-91xx", "usim-key-command",
    "usim-key-file", "usim-key-files", "usim-long-fcp", "usim-no-sfi",
]  # fmt: skip


def _issue(bench: WriterBench, kind: str, profile: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    iccid = bench.fresh_blank(kind)
    bench.worker.ok("identify")
    written = bench.worker.ok("write", profile=profile, expected_iccid=iccid)
    return written, bench.worker.ok("read_back", profile=profile), iccid


def test_sim_card_whole_profile_is_written_and_read_back_within_the_targets() -> None:
    with WriterBench("--empty") as bench:
        first, _, _ = _issue(bench, COMPACT, WHOLE)
        written, read, _ = _issue(bench, COMPACT, WHOLE)
        assert (len(written["written"]), written["skipped"], read["equal"], read["unread"]) == (ITEMS, [], True, ["K"])
        assert written["apdus"] <= WRITE_APDUS
        assert written["bytes"] <= WRITE_BYTES
        assert written["apdus"] + read["apdus"] <= BOTH_APDUS
        assert written["bytes"] + read["bytes"] <= BOTH_BYTES
        assert first["apdus"] - written["apdus"] <= DISCOVERY_APDUS
        assert (written["apdus"], read["apdus"], first["apdus"]) == (26, 21, 49)
        assert written["apdus"] + read["apdus"] == apdu_bound(ITEMS, WITHOUT_SFI) + 2 - 2  # two looks before the write; the key is not read


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_sim_card_of_every_model_takes_the_whole_profile_and_keeps_it(kind: str) -> None:
    with WriterBench("--card", kind) as bench:
        iccid = bench.card.endpoints["iccid"]
        profile = {**WHOLE, "adm": bench.card.endpoints["adm"], "key_adm": ADM2}
        profile |= {} if kind in WRITABLE_KEYS else NO_KEYS
        profile |= {"iccid": iccid} if kind == "fixed-iccid" else {}
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["blank"] is True
        bench.worker.ok("write", profile=profile, expected_iccid=iccid)
        assert bench.worker.ok("read_back", profile=profile)["mismatched"] == []
        before = bench.card.control("state")["updates"]
        again = bench.worker.ok("plan", profile=profile)
        keys = {"K", "OPc"} & {step["file"] for step in again["steps"]}
        assert {step["file"] for step in again["steps"]} == keys
        assert bench.card.control("state")["updates"] == before
        assert bool(keys) is (kind in WRITABLE_KEYS)


def test_sim_card_that_holds_everything_is_verified_again_without_a_write() -> None:
    profile = {**WHOLE, **NO_KEYS}
    with WriterBench() as bench:
        _, _, iccid = _issue(bench, "blank-usim", profile)
        state = bench.card.control("state")
        again = bench.worker.ok("write", profile=profile, expected_iccid=iccid, resume=True)
        assert (again["written"], len(again["skipped"])) == ([], ITEMS - 1)
        after = bench.card.control("state")
        assert (after["updates"], after["verifies"]) == (state["updates"], state["verifies"])
        assert bench.worker.error("write", profile=profile, expected_iccid=profile["iccid"])[0] == "not_blank"


def test_sim_card_without_a_place_for_keys_refuses_them_before_any_command() -> None:
    with WriterBench() as bench:
        iccid = bench.fresh_blank()
        assert bench.worker.error("write", profile=WHOLE, expected_iccid=iccid) == ("profile_unfit", {"item": "k"})
        assert bench.card.control("state")["apdus"] == 0


def test_sim_card_with_another_batchs_sizes_is_measured_anew() -> None:
    with WriterBench("--empty") as bench:
        profile = {**WHOLE, **NO_KEYS}
        _issue(bench, "blank-usim", profile)
        other = profile | {"adm": "1829303132333435"}
        written, read, _ = _issue(bench, "blank-usim-2", other)
        assert (read["equal"], read["mismatched"]) == (True, [])
        assert written["apdus"] > WRITE_APDUS
        assert len(bench.file("ADF.USIM/SMSP")) == 80


def test_sim_card_that_differs_from_its_model_only_where_nobody_looked_is_measured_when_it_refuses() -> None:
    with WriterBench("--empty") as bench:
        _issue(bench, COMPACT, WHOLE)
        iccid = bench.fresh_blank(COMPACT)
        bench.worker.ok("identify")
        bench.fault(at="update#5", do="sw", sw="6700")
        written = bench.worker.ok("write", profile=WHOLE, expected_iccid=iccid)
        assert len(written["written"]) == ITEMS
        assert bench.worker.ok("read_back", profile=WHOLE)["equal"] is True
        iccid = bench.fresh_blank(COMPACT)
        bench.worker.ok("identify")
        bench.fault(at="update#5", do="sw", sw="6700")
        bench.fault(at="update#6", do="sw", sw="6700")
        assert bench.worker.error("write", profile=WHOLE, expected_iccid=iccid) == ("write_failed", {"sw": 0x6700, "updates": 4})


def test_sim_card_second_key_wrong_spoils_nothing() -> None:
    with WriterBench("--card", "usim-key-files") as bench:
        bench.worker.ok("await_card")
        iccid, profile = bench.card.endpoints["iccid"], WHOLE | {"adm": bench.card.endpoints["adm"], "key_adm": "00" * 8}
        assert bench.worker.error("write", profile=profile, expected_iccid=iccid) == ("key_wrong", {"left": 9})
        assert bench.card.control("state")["updates"] == 0
        assert bench.worker.error("write", profile=profile | {"key_adm": None}, expected_iccid=iccid)[1] == {"item": "key_adm"}
