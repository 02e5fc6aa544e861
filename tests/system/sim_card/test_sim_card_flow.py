# SPDX-License-Identifier: Apache-2.0
"""The shipped SIM-card worker against a card at the wire, through a real PC/SC service: what goes right."""

from pathlib import Path

from hal.sim_card.planner import apdu_bound
from tests.system.sim_card.writer_bench import PROFILE, Worker, WriterBench, profile

BLANK, BLANK_2, FIXED = "89860099000000000011", "89860099000000000029", "89860099000000000045"
ITEMS = ["ICCID", "AD", "ACC", "HPLMNwAcT", "EHPLMN", "FPLMN", "LOCI", "SPN", "SMSP", "IMSI"]


def test_sim_card_blank_is_identified_written_and_read_back_near_the_bound() -> None:
    with WriterBench() as bench:
        assert bench.worker.ok("await_card") == {"atr": bench.card.endpoints["atr"]}
        identity = bench.worker.ok("identify")
        assert identity["iccid"] == BLANK
        assert (identity["card_type"], identity["blank"], identity["imsi_present"]) == ("rnt-usim-1", True, False)
        written = bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        assert (written["written"], written["skipped"]) == (ITEMS, [])
        read = bench.worker.ok("read_back", profile=PROFILE)
        assert (read["equal"], read["mismatched"], read["iccid"], read["imsi"]) == (True, [], PROFILE["iccid"], PROFILE["imsi"])
        assert bench.worker.ok("identify")["blank"] is False
        counted = bench.worker.ok("counters")
        state = bench.card.control("state")
        assert (counted["apdus"], state["updates"], state["verifies"]) == (state["apdus"], len(ITEMS), 1)


def test_sim_card_of_a_model_met_before_takes_two_commands_more_than_the_bound() -> None:
    with WriterBench("--empty") as bench:
        apdus = []
        for _ in range(2):
            iccid = bench.fresh_blank()
            bench.worker.ok("identify")
            written = bench.worker.ok("write", profile=PROFILE, expected_iccid=iccid)
            read = bench.worker.ok("read_back", profile=PROFILE)
            assert read["equal"] is True
            apdus.append(written["apdus"] + read["apdus"])
        assert apdus[0] <= apdu_bound(len(ITEMS), 2) + 25
        assert apdus[1] == apdu_bound(len(ITEMS), 2) + 2  # the ICCID read again, the key's counter


def test_sim_card_write_leaves_the_bytes_the_standard_asks_for() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        assert bench.file("MF/ICCID").hex() == "98681021436587092143"
        assert bench.file("ADF.USIM/IMSI").hex() == "084906001121223343"
        assert bench.file("ADF.USIM/AD").hex() == "00000002"
        assert bench.file("ADF.USIM/ACC").hex() == "0010"
        assert bench.file("ADF.USIM/SPN").hex() == "01804e2d56fd79fb52a8" + "ff" * 7
        assert bench.file("ADF.USIM/HPLMNwAcT").hex() == "64f000400064f0008000" + "ffffff0000" * 8
        assert bench.file("ADF.USIM/EHPLMN").hex() == "64f00064f020" + "ff" * 24
        assert bench.file("ADF.USIM/FPLMN").hex() == "64f010" + "ff" * 33
        assert bench.file("ADF.USIM/LOCI").hex() == "ffffffff64f0000000ff01"
        first, second = bench.file("ADF.USIM/SMSP")[:53], bench.file("ADF.USIM/SMSP")[53:]
        assert first.hex() == "ff" * 25 + "fd" + "ff" * 12 + "0891683108100005f0" + "ff" * 3 + "ff" * 3
        assert second == b"\xff" * 53


def test_sim_card_of_other_sizes_is_written_by_its_own_lengths() -> None:
    other = profile(adm="1829303132333435")
    with WriterBench("--card", "blank-usim-2") as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=other, expected_iccid=BLANK_2)
        assert bench.worker.ok("read_back", profile=other)["equal"] is True
        assert len(bench.file("ADF.USIM/SMSP")) == 80
        assert bench.file("ADF.USIM/AD").hex() == "0000000200"


def test_sim_card_read_back_by_another_worker_finds_the_lengths_itself() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        bench.worker.close()
        bench.worker = Worker(bench.config)
        read = bench.worker.ok("read_back", profile=PROFILE)
        assert (read["equal"], read["apdus"]) == (True, 26)
        different = bench.worker.ok("read_back", profile=profile(spn="Other", fplmn=[]))
        assert (different["equal"], different["mismatched"]) == (False, ["FPLMN", "SPN"])


def test_sim_card_with_fixed_iccid_keeps_it_and_is_written() -> None:
    same = profile(iccid=FIXED)
    with WriterBench("--card", "fixed-iccid") as bench:
        bench.worker.ok("await_card")
        assert bench.worker.error("write", profile=PROFILE, expected_iccid=FIXED) == ("profile_unfit", {"item": "ICCID"})
        assert bench.card.control("state")["updates"] == 0
        written = bench.worker.ok("write", profile=same, expected_iccid=FIXED)
        assert (written["skipped"], written["written"][-1]) == (["ICCID"], "IMSI")
        assert bench.worker.ok("read_back", profile=same)["equal"] is True


def test_sim_card_that_is_proactive_all_the_time_is_written() -> None:
    iccid = "89860099000000000078"
    with WriterBench("--card", "proactive") as bench:
        bench.worker.ok("await_card")
        assert bench.worker.ok("identify")["blank"] is True
        bench.worker.ok("write", profile=PROFILE, expected_iccid=iccid)
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True


def test_sim_card_busy_twice_and_internal_retries_are_carried_through() -> None:
    with WriterBench() as bench:
        bench.worker.ok("await_card")
        bench.fault(at="update", do="sw", sw="9300", times=2)
        bench.fault(at="update#5", do="sw", sw="63C2", executed=True)
        bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True


def test_sim_card_memory_survives_a_killed_card_process(tmp_path: Path) -> None:
    memory = ("--nvm", str(tmp_path / "nvm.json"))
    with WriterBench(*memory) as bench:
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        bench.card.kill()
        bench.card = bench.new_card(*memory, control="c2.sock")
        bench.worker.ok("await_card")
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True


def test_sim_card_in_the_second_slot_is_never_touched() -> None:
    with WriterBench("--empty") as bench, bench.new_card("--slot", "1", control="second.sock") as second:
        assert bench.worker.error("await_card", timeout=1.2)[0] == "deadline"
        assert bench.worker.error("identify")[0] == "no_card"
        bench.card.control("insert")
        bench.worker.ok("await_card")
        bench.worker.ok("write", profile=PROFILE, expected_iccid=BLANK)
        assert bench.worker.ok("read_back", profile=PROFILE)["equal"] is True
        assert second.control("state")["apdus"] == 0


def test_sim_card_model_learned_before_a_restart_costs_one_read_after_it(tmp_path: Path) -> None:
    with WriterBench() as bench:
        bench.config["layouts"] = str(tmp_path / "layouts.json")

        def spent() -> int:
            return int(bench.worker.ok("counters")["apdus"])

        def restart() -> None:
            bench.worker.close()
            bench.worker = Worker(bench.config)

        def issue(kind: str = "blank-usim", adm: str = PROFILE["adm"]) -> int:
            iccid = bench.fresh_blank(kind)
            before = spent()
            bench.worker.ok("identify")
            bench.worker.ok("write", profile=profile(adm=adm), expected_iccid=iccid)
            return spent() - before

        restart()
        first, second = issue(), issue()
        restart()
        assert issue() == second < first
        restart()
        other = issue("blank-usim-2", bench.card.control("insert", card="blank-usim-2")["adm"])
        assert bench.worker.ok("read_back", profile=profile())["equal"] is True
        (tmp_path / "layouts.json").write_bytes(b'{"version": 1, "models": {}}')
        restart()
        assert issue() == first <= other
