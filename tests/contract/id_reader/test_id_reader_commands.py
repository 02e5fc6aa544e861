# SPDX-License-Identifier: Apache-2.0
"""The driver against the simulator process, at every rate, with every command, down every step of the ladder."""

import json
from collections.abc import Callable, Iterator

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, LinkClosed
from hal.id_reader.errors import ReaderSilent
from hal.id_reader.reading import to_holder
from simulators.personas import PERSONAS
from tests.support.reader_bench import SAM_ID, assert_is, present, starter
from tests.support.reader_bench import SerialBench as Bench


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    yield from starter(Bench)


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    built = start("--no-pace")
    built.op("open")
    return built


# ---- rates


@pytest.mark.parametrize("baud", [57600, 38400, 19200, 9600])
def test_reader_at_another_rate_is_found_and_moved_for_good(start: Callable[..., Bench], baud: int) -> None:
    bench = start("--baud", str(baud), "--persona", "moved")
    assert bench.op("open") == {"sam_id": SAM_ID, "status": "ok", "baud": 115200}
    assert bench.simulator.control("baud") == {"baud": 115200}
    assert_is(present(bench), "moved")
    bench.simulator.control("hangup")
    with pytest.raises(LinkClosed):
        bench.op("open")
    bench.simulator.control("plug")
    assert bench.op("open")["baud"] == 115200
    assert bench.counts()["baud"] == 1


@pytest.mark.parametrize("baud", [57600, 38400, 19200, 9600])
def test_rate_ordered_by_hand_is_answered_at_the_old_one_and_kept(start: Callable[..., Bench], baud: int) -> None:
    bench = start("--persona", "li")
    bench.op("set_baud", baud=baud)
    assert bench.simulator.control("baud") == {"baud": baud}
    assert bench.op("open")["baud"] == baud
    assert_is(present(bench), "li")


@pytest.mark.parametrize("do", ["drop", "corrupt", "short", "twice", "stale"])
def test_rate_change_whose_answer_is_lost_ends_at_a_rate_that_works(start: Callable[..., Bench], do: str) -> None:
    bench = start("--no-pace", "--persona", "li", "--fault", json.dumps({"at": "baud", "do": do}))
    bench.op("open")
    bench.op("set_baud", baud=38400)
    assert bench.op("open")["baud"] == bench.simulator.control("baud")["baud"] == 38400
    assert_is(present(bench), "li")


def test_reader_that_refuses_another_rate_is_used_at_its_own(start: Callable[..., Bench]) -> None:
    bench = start("--no-pace", "--baud", "57600", "--persona", "li", "--fixed-baud")
    assert bench.op("open")["baud"] == 57600
    assert_is(present(bench), "li")


@pytest.mark.parametrize("baud", [1200, 256000])
def test_rate_readers_do_not_have_is_a_callers_mistake(bench: Bench, baud: int) -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        bench.op("set_baud", baud=baud)


# ---- every command the driver has


def test_commands_of_the_sheet_are_each_answered(bench: Bench) -> None:
    bench.insert("li")
    bench.op("set_max_rf", size=80)
    bench.op("reset")
    reader = bench.reader()
    reader.await_card(Deadline.after(5))
    assert reader.management_number(Deadline.after(5)) == bytes(28)
    assert_is(bench.op("read"), "li")
    assert {"rf", "reset", "manage", "find", "select", "read", "append", "status", "samid"} <= set(bench.counts())


@pytest.mark.parametrize("length", [24, 28])
def test_management_number_has_either_of_the_published_lengths(bench: Bench, length: int) -> None:
    bench.simulator.control("tune", management_bytes=length)
    bench.insert("li")
    reader = bench.reader()
    reader.await_card(Deadline.after(5))
    assert reader.management_number(Deadline.after(5)) == bytes(length)
    assert_is(bench.op("read"), "li")


@pytest.mark.parametrize("policy", ["once", "always", "alternate"])
def test_sam_that_tolerates_any_order_changes_nothing(start: Callable[..., Bench], policy: str) -> None:
    bench = start("--no-pace", "--find-policy", policy)
    bench.simulator.control("tune", any_order=True)
    for persona in ("moved", "li"):
        bench.insert(persona)
        assert_is(present(bench), persona)
        with pytest.raises(DeadlinePassed) as lying:
            bench.op("await_card", 0.25)
        assert lying.value.data == {"left": True}
        bench.simulator.control("remove")
        assert bench.op("card_gone") == {"gone": True}
    assert bench.counts()["read"] == 2


def test_reset_makes_a_card_that_lies_there_a_new_one(bench: Bench) -> None:
    bench.insert("li")
    present(bench)
    bench.op("reset")
    assert_is(present(bench), "li")


@pytest.mark.clause("DS-04")
@pytest.mark.parametrize("fingers", [0, 512, 1024])
def test_fingerprints_a_reader_adds_unasked_never_leave_the_driver(start: Callable[..., Bench], fingers: int) -> None:
    bench = start("--no-pace", "--persona", "moved", "--fingers", str(fingers))
    reading = present(bench)
    assert_is(reading, "moved")
    assert b"\x5a" * 8 not in bytes.fromhex(reading["text"] + reading["photo"] + reading["appended"])
    assert reading["bytes"] == 40 + 19 + 1297 + fingers + 11 + 70 + 11


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_appended_address_of_any_number_of_slots_is_read(start: Callable[..., Bench], slots: int) -> None:
    bench = start("--no-pace", "--persona", "moved", "--address-slots", str(slots))
    reading = present(bench)
    assert len(reading["appended"]) == 2 * 70 * slots
    holder, _ = to_holder(bytes.fromhex(reading["text"]), bytes.fromhex(reading["photo"]), bytes.fromhex(reading["appended"]))
    assert holder.address == PERSONAS["moved"].appended[-1]


# ---- the ladder: find again, reset the SAM, open the port anew, ask for the power


@pytest.mark.slow
@pytest.mark.parametrize(("requests", "resets"), [(1, 0), (2, 1), (3, 1), (6, 1)])
def test_sam_that_hangs_for_some_requests_is_brought_back(bench: Bench, requests: int, resets: int) -> None:
    bench.insert()
    bench.op("open")
    bench.fault("find", "hang", requests=requests)
    assert_is(present(bench), "zhang")
    assert bench.counts().get("reset", 0) == resets


@pytest.mark.slow
def test_sam_that_hangs_for_good_asks_for_its_power_and_works_again_with_it(bench: Bench) -> None:
    bench.insert()
    bench.fault("find", "hang")
    with pytest.raises(ReaderSilent) as silent:
        bench.op("await_card", 90)
    assert silent.value.data == {"remedy": "power_cycle", "find": 1, "reset": 1, "reopen": 1}
    bench.simulator.control("hangup")
    bench.simulator.control("plug")
    assert_is(present(bench), "zhang")


@pytest.mark.slow
def test_sam_that_dies_over_a_card_asks_for_its_power(bench: Bench) -> None:
    bench.insert()
    bench.op("await_card")
    bench.fault("read", "hang")
    with pytest.raises(ReaderSilent):
        bench.op("read", 30)
