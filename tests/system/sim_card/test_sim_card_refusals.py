# SPDX-License-Identifier: Apache-2.0
"""The shipped SIM-card worker against a card at the wire: every way a card or its reader can refuse, and what is told of it."""

from typing import Any

import pytest

from tests.system.sim_card.writer_bench import PROFILE, Worker, WriterBench, profile

BLANK = "89860099000000000011"
WRITE: dict[str, Any] = {"profile": PROFILE, "expected_iccid": BLANK}
WRONG_KEY: dict[str, Any] = {"profile": profile(adm="0000000000000000"), "expected_iccid": BLANK}


def test_sim_card_empty_slot_is_no_card_and_waiting_for_one_ends_at_its_deadline() -> None:
    with WriterBench("--empty") as bench:
        assert bench.worker.error("identify") == ("no_card", {})
        assert bench.worker.error("write", **WRITE) == ("no_card", {})
        assert bench.worker.error("await_card", timeout=0.3)[0] == "deadline"
        bench.worker.begin("await_card")
        bench.card.control("insert")
        assert bench.worker.end()["ok"]["atr"] == bench.card.endpoints["atr"]


def test_sim_card_of_an_unknown_model_is_refused_before_any_command() -> None:
    with WriterBench("--card", "unknown") as bench:
        bench.worker.ok("await_card")
        seen = {"atr": bench.card.endpoints["atr"].upper(), "types": 0}
        assert bench.worker.error("identify") == ("unknown_card", seen)
        assert bench.worker.error("write", profile=PROFILE, expected_iccid="89860099000000000052") == ("unknown_card", seen)
        assert bench.card.control("state")["apdus"] == 0


@pytest.mark.parametrize(("card", "iccid"), [("personalised", "89860099000000000037"), ("pin-enabled", "89860099000000000060")])
def test_sim_card_that_is_not_blank_is_not_written(card: str, iccid: str) -> None:
    with WriterBench("--card", card) as bench:
        bench.worker.ok("await_card")
        identity = bench.worker.ok("identify")
        assert (identity["blank"], identity["imsi_present"]) == (False, True)
        assert bench.worker.error("write", profile=PROFILE, expected_iccid=iccid) == ("not_blank", {})
        state = bench.card.control("state")
        assert (state["updates"], state["verifies"]) == (0, 0)


def test_sim_card_swapped_after_identification_is_card_changed() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["iccid"] == BLANK
        bench.card.control("swap", card="blank-usim-2")
        bench.worker.ok("await_card")
        assert bench.worker.error("write", **WRITE) == ("card_changed", {})
        state = bench.card.control("state")
        assert (state["updates"], state["verifies"]) == (0, 0)


def test_sim_card_swapped_unnoticed_is_card_changed() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("identify")
        bench.card.control("swap", card="blank-usim-2")
        assert bench.worker.error("write", **WRITE) == ("card_changed", {})


def test_sim_card_key_wrong_is_told_with_the_tries_left_and_sent_once() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        assert bench.worker.error("write", **WRONG_KEY) == ("key_wrong", {"left": 2})
        assert bench.card.control("state")["verifies"] == 1
        assert bench.worker.error("write", **WRONG_KEY) == ("key_wrong", {"left": 1})
        assert bench.worker.error("write", **WRITE) == ("key_blocked", {"left": 1})
        state = bench.card.control("state")
        assert (state["verifies"], state["updates"], state["tries"]["0A"]) == (2, 0, 1)


@pytest.mark.parametrize("sw", ["6983", "9840"])
def test_sim_card_key_blocked_is_told(sw: str) -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        for event in ("verify#1", "verify#3"):
            bench.fault(at=event, do="sw", sw=sw)
            assert bench.worker.error("write", **WRITE) == ("key_blocked", {"left": 0})


def test_sim_card_that_does_not_tell_its_tries_is_not_given_the_key() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="verify#1", do="sw", sw="6700")
        assert bench.worker.error("write", **WRITE) == ("unknown_card", {"sw": 0x6700})
        assert bench.card.control("state")["verifies"] == 0


@pytest.mark.parametrize(
    ("sw", "kind"), [("6581", "card_defective"), ("6400", "card_defective"), ("9240", "card_defective"), ("6982", "write_failed"),
                     ("6200", "write_failed"), ("6282", "write_failed"), ("9300", "write_failed"), ("6F00", "write_failed")],
)  # fmt: skip
def test_sim_card_update_refused_is_told_with_status_word_and_count(sw: str, kind: str) -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="update#4", do="sw", sw=sw, times=1)
        for busy_again in ("update#5", "update#6", "update#7"):
            bench.fault(at=busy_again, do="sw", sw=sw)
        assert bench.worker.error("write", **WRITE) == (kind, {"sw": int(sw, 16), "updates": 3})
        assert bench.worker.ok("identify")["blank"] is True


@pytest.mark.parametrize(("sw", "kind"), [("6581", "card_defective"), ("6A82", "unknown_card"), ("6E00", "unknown_card")])
def test_sim_card_refusing_before_the_first_update_loses_nothing(sw: str, kind: str) -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="select#1", do="sw", sw=sw)
        assert bench.worker.error("write", **WRITE) == (kind, {"sw": int(sw, 16)})
        assert bench.card.control("state")["updates"] == 0
        bench.worker.ok("write", **WRITE)


def test_sim_card_profile_that_does_not_fit_is_refused_before_the_key() -> None:
    unfit = {"FPLMN": profile(fplmn=["46001"] * 13), "SPN": profile(spn="a name beyond 16"[:15] + "中"), "adm_ref": profile(adm_ref=11)}
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        for item, wanted in unfit.items():
            assert bench.worker.error("write", profile=wanted, expected_iccid=BLANK) == ("profile_unfit", {"item": item})
        assert bench.worker.error("write", profile=profile(imsi="x"), expected_iccid=BLANK) == ("profile_unfit", {"item": "imsi"})
        assert bench.card.control("state")["verifies"] == 0


def test_sim_card_torn_update_leaves_a_card_that_is_never_equal() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="update#10", do="tear")
        assert bench.worker.error("write", **WRITE) == ("card_removed", {})
        bench.card.control("insert")
        bench.worker.ok("await_card")
        read = bench.worker.ok("read_back", profile=PROFILE)
        assert (read["equal"], read["mismatched"]) == (False, ["IMSI"])


def test_sim_card_contact_broken_for_a_moment_is_card_removed() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="update#2", do="hangup")
        assert bench.worker.error("write", **WRITE) == ("card_removed", {})
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["blank"] is True


def test_sim_card_reader_service_restarted_between_operations_is_found_again() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("identify")
        bench.pcscd.control("restart")
        bench.worker.ok("write", **WRITE)
        bench.pcscd.control("restart")
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True


def test_sim_card_reader_service_killed_in_a_command_is_link_closed() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="update#3", do="hold")
        bench.worker.begin("write", **WRITE)
        assert bench.card.control("wait_held")["held"] == "update"
        bench.pcscd.control("restart")
        bench.card.control("release")
        assert bench.worker.end()["error"] == "link_closed"
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["blank"] is True


def test_sim_card_reader_that_is_not_there_is_link_closed() -> None:
    with WriterBench() as bench:
        for config in ({**bench.config, "reader": "another reader 00 00"}, {**bench.config, "pcscd_socket": str(bench.folder / "none")}):
            worker = Worker(config)
            for op in ("await_card", "identify"):
                assert worker.error(op)[0] == "link_closed"
            worker.close()


def test_sim_card_that_never_answers_is_left_by_killing_the_worker() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="apdu#2", do="stall")
        bench.worker.begin("identify")
        assert bench.card.control("wait_stalled")["stalled"] is True
        bench.worker.close()
        bench.card.control("remove")
        bench.card.control("insert")
        bench.worker = Worker(bench.config)
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["iccid"] == BLANK
