# SPDX-License-Identifier: Apache-2.0
"""The driver against the simulator process, over a real pseudo-terminal, with every fault the simulator knows."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hal.errors import DeadlinePassed, HalError, LinkClosed, ProtocolError
from hal.id_reader.errors import BlockRefused, CardLifted, CardRejected, NoCard, ReaderFault, ReaderSilent, UnknownDocument
from hal.id_reader.reading import to_holder
from hal.worker import serve
from simulators.personas import PERSONAS
from tests.support.reader_bench import SAM_ID, assert_is, present, starter
from tests.support.reader_bench import SerialBench as Bench


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    yield from starter(Bench)


@pytest.fixture
def fresh(start: Callable[..., Bench]) -> Bench:
    """A simulator of its own, for tests that count from its start."""
    built = start("--no-pace")
    built.op("open")
    return built


@pytest.fixture
def bench(shared: Bench) -> Bench:
    """The shared simulator as it was at first, and a driver that knows nothing yet."""
    shared.service.close()
    shared.simulator.control("clear_faults")
    shared.simulator.control("remove")
    shared.simulator.control("sam", code=0)
    shared.simulator.control("tune", find_policy="once", fingers=None, address_slots=0)
    shared.simulator.control("plug")
    shared.op("open")
    return shared


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    """One bench for the long table of faults; each row clears what the row before left."""
    benches = starter(Bench)
    yield next(benches)("--no-pace")
    next(benches, None)


def test_ready_line_names_port_and_sam(bench: Bench) -> None:
    assert bench.simulator.endpoints == {"ready": "id_reader", "port": str(bench.link), "sam_id": SAM_ID}
    assert bench.op("open") == {"sam_id": SAM_ID, "status": "ok", "baud": 115200}


@pytest.mark.parametrize("key", ["zhang", "moved", "moved_often", "long_term", "residence_permit", "foreigner_2017", "foreigner_2023"])
def test_read_brings_the_card_that_lies_there(bench: Bench, key: str) -> None:
    bench.insert(key)
    bench.op("await_card")
    reading = bench.op("read")
    assert_is(reading, key)
    assert reading["frames"] == 8
    assert reading["bytes"] == 40 + 19 + 1295 + 11 + 70 * len(PERSONAS[key].appended) + 11
    holder, _ = to_holder(bytes.fromhex(reading["text"]), bytes.fromhex(reading["photo"]), bytes.fromhex(reading["appended"] or ""))
    assert holder.address == (PERSONAS[key].appended or (PERSONAS[key].address if holder.kind != "D10" else "",))[-1]


@pytest.mark.parametrize(("key", "error"), [("unknown_type", UnknownDocument), ("lone_surrogate", BlockRefused)])
def test_read_of_a_card_nobody_can_understand_is_refused_by_the_reading(bench: Bench, key: str, error: type[HalError]) -> None:
    bench.insert(key)
    reading = bench.op("read")
    with pytest.raises(error):
        to_holder(bytes.fromhex(reading["text"]), bytes.fromhex(reading["photo"]), None)


def test_await_card_without_a_card_ends_at_its_deadline(bench: Bench) -> None:
    with pytest.raises(DeadlinePassed):
        bench.op("await_card", 0.15)
    with pytest.raises(NoCard):
        bench.op("read")


def test_await_card_notices_a_card_laid_down_while_it_waits(bench: Bench) -> None:
    bench.fault("find#3", "hold")
    answers: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: answers.append(bench.op("await_card")))
    waiting.start()
    assert bench.simulator.control("wait_held")["held"] == "find"
    bench.insert()
    bench.simulator.control("release")
    waiting.join()
    assert answers == [{}]


@pytest.mark.parametrize("policy", ["once", "always", "alternate"])
def test_card_left_lying_is_one_presentation_whatever_the_firmware_finds(start: Callable[..., Bench], policy: str) -> None:
    bench = start("--no-pace", "--find-policy", policy, "--persona", "zhang")
    assert_is(present(bench), "zhang")
    for _ in range(3):
        with pytest.raises(DeadlinePassed) as passed:
            bench.op("await_card", 0.25)
        assert passed.value.data == {"left": True}
    finds = bench.counts()["find"]
    assert finds == 1  # the card that was read is watched, not found
    bench.simulator.control("remove")
    with pytest.raises(DeadlinePassed) as passed:
        bench.op("await_card", 0.25)
    assert passed.value.data == {}
    bench.insert("li")
    assert_is(present(bench), "li")


def test_card_swapped_between_two_looks_is_a_new_presentation(bench: Bench) -> None:
    bench.insert("zhang")
    present(bench)
    bench.insert("li")
    assert_is(present(bench), "li")


def test_card_gone_follows_the_card(bench: Bench) -> None:
    bench.insert()
    bench.op("await_card")
    bench.op("read")
    assert bench.op("card_gone") == {"gone": False}
    bench.simulator.control("remove")
    assert bench.op("card_gone") == {"gone": True}
    bench.insert("li")
    bench.op("await_card")
    assert_is(bench.op("read"), "li")


def test_iin_and_serial_number_may_be_anything(start: Callable[..., Bench]) -> None:
    bench = start("--no-pace", "--persona", "li", "--iin", "9f80aa96", "--sn", "aaaaaa9669000411")
    bench.op("await_card")
    assert_is(bench.op("read"), "li")


# ---- broken answers: one re-send, then the right card


@pytest.mark.parametrize("event", ["find", "select", "read", "append"])
@pytest.mark.parametrize(
    "fault",
    [
        {"do": "corrupt"},
        {"do": "corrupt", "byte": -1},
        {"do": "corrupt", "byte": 5, "bit": 6},
        {"do": "corrupt", "byte": 6, "bit": 1},
        {"do": "corrupt", "byte": 0},
        {"do": "lose"},
        {"do": "lose", "byte": 5},
        {"do": "split"},
        {"do": "junk", "n": 5},
        {"do": "junk", "hex": "aaaa96"},
        {"do": "junk", "n": 300},
        {"do": "stale"},
        {"do": "stale", "of": "read"},
        {"do": "stale", "of": "find"},
        {"do": "sw3", "code": 0x10},
        {"do": "sw3", "code": 0x11},
        {"do": "sw3", "code": 0x24},
        {"do": "sw3", "code": 0x47, "sw": 0x6985},
        {"do": "delay", "ms": 40},
        {"do": "headless"},
        {"do": "headless", "n": 3},
        {"do": "twice"},
        {"do": "extra"},
        {"do": "instead"},
        {"do": "interleave"},
        {"do": "babble", "ms": 100},
        {"do": "pseudo"},
        pytest.param({"do": "short"}, marks=pytest.mark.slow),
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_read_after_one_broken_answer_is_right(shared: Bench, event: str, fault: dict[str, Any]) -> None:
    shared.simulator.control("clear_faults")
    shared.insert("moved_often")
    present(shared)  # the stale answers that follow are another person's
    shared.insert("moved")
    shared.fault(event, **fault)
    assert_is(present(shared), "moved")


SEAMS = {"find": range(1, 15), "select": (1, 5, 7, 10, 18), "read": (1, 4, 5, 6, 7, 8, 10, 14, 270, 1293, 1294), "append": (1, 7, 10, 80)}
"""Event → the bytes before which its answer is split: all of a short one, those at the seams of a long one."""


@pytest.mark.parametrize("event", SEAMS)
def test_answer_split_at_any_byte_is_one_answer(shared: Bench, event: str) -> None:
    shared.simulator.control("clear_faults")
    for byte in SEAMS[event]:
        shared.insert("moved")
        shared.fault(event, "split", byte=byte, ms=3)
        reading = present(shared)
        assert_is(reading, "moved")
        assert reading["frames"] == 8  # nothing was asked twice


@pytest.mark.parametrize("event", ["status", "samid"])
@pytest.mark.parametrize("do", ["corrupt", "junk", "stale", "drop", "short"])
def test_open_after_one_broken_answer_is_right(start: Callable[..., Bench], event: str, do: str) -> None:
    bench = start("--no-pace", "--fault", json.dumps({"at": event, "do": do}))
    assert bench.op("open")["sam_id"] == SAM_ID


@pytest.mark.parametrize("event", ["find", "read"])
def test_answers_that_stay_broken_are_a_protocol_error(bench: Bench, event: str) -> None:
    bench.insert()
    bench.fault(event, "corrupt", times=2)
    with pytest.raises(ProtocolError):
        present(bench)
    assert_is(bench.op("read"), "zhang")  # the card still lies there


# ---- late answers, silence, lifting


@pytest.mark.parametrize(
    "fault", [{"do": "drop"}, {"do": "delay", "ms": 700}, {"do": "short", "bytes": 9}], ids=lambda fault: str(fault["do"])
)
def test_find_that_is_not_answered_in_time_is_asked_again(bench: Bench, fault: dict[str, Any]) -> None:
    bench.insert()
    bench.fault("find", **fault)
    bench.op("await_card")
    assert_is(bench.op("read"), "zhang")


@pytest.mark.slow
def test_find_never_answered_resets_the_sam_and_opens_the_port_anew(fresh: Bench) -> None:
    bench = fresh
    bench.insert()
    bench.op("open")
    opened = bench.counts()["status"]
    bench.fault("find", "drop", times=0)
    with pytest.raises(ReaderSilent):
        bench.op("await_card", 90)
    assert bench.counts()["reset"] == 1
    assert bench.counts()["status"] > opened


@pytest.mark.parametrize("event", ["select", "read", "append"])
@pytest.mark.parametrize(
    "fault",
    [
        {"do": "lifted"},
        {"do": "sw3", "code": 0x41, "sw": 0x6F00},
        pytest.param({"do": "lifted", "bytes": 6}, marks=pytest.mark.slow),
        pytest.param({"do": "drop"}, marks=pytest.mark.slow),
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_card_lifted_while_it_is_read_is_its_own_error(bench: Bench, event: str, fault: dict[str, Any]) -> None:
    bench.insert("moved")
    bench.op("await_card")
    bench.fault(event, **fault)
    with pytest.raises((CardLifted, NoCard) if event == "select" else CardLifted):
        bench.op("read")
    bench.insert("li")
    bench.op("await_card")
    assert_is(bench.op("read"), "li")


@pytest.mark.slow
def test_answer_that_comes_after_everybody_gave_up_is_never_believed(start: Callable[..., Bench]) -> None:
    bench = start("--pace")  # with the patience of a terminal
    bench.insert("moved")
    bench.op("await_card")
    bench.fault("read", "delay", ms=3300)
    with pytest.raises(CardLifted):
        bench.op("read")
    bench.insert("li")
    bench.op("await_card")
    assert_is(bench.op("read"), "li")


def test_deadline_shorter_than_the_answer_leaves_the_line_usable(start: Callable[..., Bench]) -> None:
    bench = start("--persona", "zhang")
    bench.op("await_card")
    with pytest.raises(DeadlinePassed):
        bench.op("read", 0.06)
    bench.insert("li")
    assert_is(bench.op("read"), "li")


def test_hold_in_the_middle_is_only_time(bench: Bench) -> None:
    bench.insert()
    bench.op("await_card")
    bench.fault("read", "hold")
    readings: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: readings.append(bench.op("read")))
    reader.start()
    assert bench.simulator.control("wait_held")["held"] == "read"
    bench.simulator.control("release")
    reader.join()
    assert_is(readings[0], "zhang")


# ---- the reader itself


@pytest.mark.parametrize("code", [0x60, 0x66])
def test_sam_out_of_order_is_a_reader_fault(bench: Bench, code: int) -> None:
    bench.insert()
    bench.simulator.control("sam", code=code)
    for op in ("open", "await_card", "read"):
        with pytest.raises(ReaderFault) as fault:
            bench.op(op)
        assert fault.value.data == {"code": code}
    bench.simulator.control("sam", code=0)
    bench.op("await_card")
    assert_is(bench.op("read"), "zhang")


def test_sam_that_fails_its_self_test_at_start_is_a_reader_fault(start: Callable[..., Bench]) -> None:
    with pytest.raises(ReaderFault):
        start("--no-pace", "--sam-failure", "60").op("open")


@pytest.mark.parametrize("code", [0x32, 0x33, 0x3F, 0x40])
def test_card_the_sam_refuses_is_rejected_with_its_code(bench: Bench, code: int) -> None:
    bench.insert()
    bench.op("await_card")
    bench.fault("read", "sw3", code=code, sw=0x6300)
    with pytest.raises(CardRejected) as rejected:
        bench.op("read")
    assert rejected.value.data == {"code": code}


def test_code_nobody_documented_is_a_protocol_error_with_its_number(bench: Bench) -> None:
    bench.insert()
    bench.op("await_card")
    bench.fault("read", "sw3", code=0x7E)
    with pytest.raises(ProtocolError) as strange:
        bench.op("read")
    assert strange.value.data == {"code": 0x7E}


def test_reader_that_is_powering_up_is_waited_for(start: Callable[..., Bench]) -> None:
    bench = start("--no-pace", "--power-up-ms", "600")
    with pytest.raises(DeadlinePassed):
        bench.op("open", 0.1)
    assert bench.op("open")["status"] == "ok"


@pytest.mark.parametrize("event", ["find", "read"])
def test_cable_pulled_is_link_closed_and_plugged_again_it_works(fresh: Bench, event: str) -> None:
    bench = fresh
    bench.insert()
    bench.fault(event, "hangup")
    with pytest.raises(LinkClosed):
        present(bench)
    with pytest.raises(LinkClosed):
        bench.op("open")
    bench.simulator.control("plug")
    assert bench.op("open")["sam_id"] == SAM_ID
    bench.op("await_card")
    assert_is(bench.op("read"), "zhang")


def test_reader_process_killed_is_link_closed(fresh: Bench) -> None:
    bench = fresh
    bench.simulator.kill()
    with pytest.raises(LinkClosed):
        bench.op("await_card")


@pytest.mark.clause("DS-04", "JX-44a")
def test_fingerprint_command_is_never_on_the_wire(fresh: Bench) -> None:
    bench = fresh
    bench.insert()
    bench.op("await_card")
    bench.op("read")
    bench.op("card_gone")
    assert "fingerprint" not in bench.counts()
    assert "unknown" not in bench.counts()


def test_worker_answers_for_the_reader_and_tells_the_links_time(bench: Bench) -> None:
    bench.insert()
    bench.service.close()
    ours, theirs = socket.socketpair()
    worker = threading.Thread(target=serve, args=(theirs, "id_reader"))
    worker.start()
    with ours, ours.makefile("rwb") as stream:

        def ask(message: dict[str, Any]) -> None:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()

        ask({"config": {"port": str(bench.link), "baud": 115200}})
        ask({"id": 1, "op": "read", "args": {}, "timeout": 5})
        answer = json.loads(stream.readline())
        assert_is(answer["ok"], "zhang")
        assert answer["link_us"] > 0
        bench.simulator.control("remove")
        ask({"id": 2, "op": "read", "args": {}, "timeout": 5})
        refused = json.loads(stream.readline())
        assert (refused["error"], refused["data"]) == ("no_card", {"code": 0x80})
    ours.close()
    worker.join()
    theirs.close()
