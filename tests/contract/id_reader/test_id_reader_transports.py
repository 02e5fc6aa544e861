# SPDX-License-Identifier: Apache-2.0
"""The same reader over every transport: the shipped worker process, below it a pseudo-terminal or libusb on a simulated bus."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hal.id_reader.usb_lines import SHAPES
from simulators.id_reader.usb import NO_READERS, VARIANTS
from tests.support.reader_bench import SAM_ID, TRANSPORTS, Refused, WorkerBench, assert_is, present, starter

USB = [name for name, usb in TRANSPORTS.items() if usb]


@pytest.fixture(scope="module", params=TRANSPORTS)
def bench(request: pytest.FixtureRequest) -> Iterator[WorkerBench]:
    """One reader for all tests of a transport; each test begins with an empty field and no faults."""
    benches = starter(WorkerBench)
    yield next(benches)(request.param)
    next(benches, None)


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> None:
    if "bench" in request.fixturenames:
        bench = request.getfixturevalue("bench")
        bench.simulator.control("clear_faults")
        bench.simulator.control("remove")
        bench.simulator.control("sam", code=0)
        bench.simulator.control("tune", find_policy="once", fingers=None, address_slots=0)
        if bench.usb:
            bench.simulator.control("tune", split=0, empty_end=False)


@pytest.fixture
def start() -> Iterator[Callable[..., WorkerBench]]:
    yield from starter(WorkerBench)


def refused(bench: WorkerBench, name: str, seconds: float = 9) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as error:
        bench.op(name, seconds)
    return error.value.kind, error.value.data


def test_every_transport_of_the_driver_and_of_the_simulator_has_a_row() -> None:
    shapes = {name.removesuffix("_control") for name in TRANSPORTS} - {"serial"}
    assert shapes == {name for name, _, _ in SHAPES}
    assert set(TRANSPORTS.values()) == {"", *VARIANTS} - NO_READERS
    links = {path.stem for path in Path("hal/link").glob("*.py")} - {"__init__", "pcsc", "ports"}
    opened = set(re.findall(r"hal\.(?:link\.)?(?:id_reader\.)?(serial|usb)", Path("hal/id_reader/opening.py").read_text()))
    assert links == opened


def test_open_tells_the_sam(bench: WorkerBench) -> None:
    assert bench.op("open") == {"sam_id": SAM_ID, "status": "ok", "baud": None if bench.usb else 115200}


@pytest.mark.parametrize("key", ["zhang", "moved_often", "foreigner_2017"])
def test_card_is_read_in_eight_frames(bench: WorkerBench, key: str) -> None:
    bench.insert(key)
    reading = present(bench)
    assert_is(reading, key)
    assert reading["frames"] == 8


@pytest.mark.parametrize("policy", ["once", "always", "alternate"])
def test_one_presentation_is_one_event_and_lifting_is_noticed(bench: WorkerBench, policy: str) -> None:
    bench.simulator.control("tune", find_policy=policy)
    bench.op("open")
    assert refused(bench, "await_card", 0.1) == ("deadline", {})
    bench.insert("li")
    assert_is(present(bench), "li")
    assert bench.op("card_gone") == {"gone": False}
    assert refused(bench, "await_card", 0.3) == ("deadline", {"left": True})
    bench.simulator.control("remove")
    assert bench.op("card_gone") == {"gone": True}
    assert refused(bench, "await_card", 0.1) == ("deadline", {})


@pytest.mark.parametrize("event", ["find", "read"])
@pytest.mark.parametrize(
    "fault",
    [
        {"do": "corrupt"},
        {"do": "headless"},
        {"do": "junk"},
        {"do": "extra"},
        {"do": "twice"},
        {"do": "stale"},
        {"do": "stale", "of": "read"},
        {"do": "instead"},
        {"do": "babble", "ms": 30},
        {"do": "pseudo"},
        {"do": "delay", "ms": 40},
        {"do": "sw3", "code": 0x10},
        {"do": "sw3", "code": 0x47, "sw": 0x6985},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_read_after_one_broken_answer_is_the_right_card(bench: WorkerBench, event: str, fault: dict[str, Any]) -> None:
    bench.insert("moved_often")
    present(bench)  # the stale answers that follow are another person's
    bench.insert("moved")
    bench.fault(event, **fault)
    assert_is(present(bench), "moved")


@pytest.mark.parametrize("event", ["find", "select", "read"])
def test_halted_pipe_is_cleared_and_asked_again(bench: WorkerBench, event: str) -> None:
    bench.insert("li")
    bench.fault(event, "stall" if bench.usb else "corrupt")
    assert_is(present(bench), "li")


@pytest.mark.parametrize("event", ["read", "append"])
def test_card_lifted_while_it_is_read_is_its_own_error(bench: WorkerBench, event: str) -> None:
    bench.insert("moved")
    bench.op("await_card")
    bench.fault(event, "lifted")
    assert refused(bench, "read") == ("card_lifted", {"code": 0x41})
    bench.insert("li")
    assert_is(present(bench), "li")


def test_fingerprints_added_unasked_are_dropped(bench: WorkerBench) -> None:
    bench.insert("moved")
    bench.simulator.control("tune", fingers=1024)
    assert_is(present(bench), "moved")


def test_sam_out_of_order_is_a_reader_fault(bench: WorkerBench) -> None:
    bench.simulator.control("sam", code=0x66)
    for name in ("open", "await_card", "read"):
        assert refused(bench, name) == ("reader_fault", {"code": 0x66})


def test_silent_sam_is_found_again(bench: WorkerBench) -> None:
    bench.insert("li")
    bench.op("open")
    bench.fault("find", "hang", requests=2)
    assert_is(present(bench), "li")


def test_reader_that_never_stops_talking_is_an_error_in_time(bench: WorkerBench) -> None:
    bench.insert("li")
    bench.op("await_card")
    bench.fault("select", "babble", ms=1200)
    with pytest.raises(Refused) as error:
        bench.op("read", 0.6)
    assert error.value.kind in {"deadline", "protocol", "link"}
    bench.op("open")
    assert_is(present(bench), "li")


def test_cable_pulled_while_waiting_is_link_closed_and_put_back_it_works(bench: WorkerBench) -> None:
    bench.op("open")
    bench.begin("await_card", 20)
    bench.simulator.control("hangup")
    with pytest.raises(Refused) as error:
        bench.end()
    assert error.value.kind == "link_closed"
    assert refused(bench, "open")[0] == "link_closed"
    bench.simulator.control("plug")
    eventually(bench, "open")
    bench.insert("li")
    assert_is(present(bench), "li")


def test_cable_pulled_in_the_middle_of_a_reading_is_link_closed(bench: WorkerBench) -> None:
    bench.insert("li")
    bench.op("await_card")
    bench.fault("read", "hangup")
    assert refused(bench, "read")[0] == "link_closed"
    bench.simulator.control("plug")
    eventually(bench, "open")


def eventually(bench: WorkerBench, name: str) -> None:
    """Repeat an operation until the plug event has made its way; the test's own time limit ends it."""
    while True:
        with contextlib.suppress(Refused):
            bench.op(name)
            return


@pytest.mark.parametrize("transport", ["four_pipes", "two_pipes"])
def test_answers_cut_into_transfers_of_any_size_are_read(start: Callable[..., WorkerBench], transport: str) -> None:
    bench = start(transport)
    for split in (40, 63, 64, 65, 128, 1000):
        bench.simulator.control("tune", split=split, empty_end=split % 2 == 0)
        bench.insert("li")
        assert_is(present(bench), "li")


@pytest.mark.parametrize(("variant", "classes"), [("disk", "08"), ("ccid", "0b"), ("keyboard", "03")])
def test_device_that_is_no_reader_of_the_protocol_is_refused(start: Callable[..., WorkerBench], variant: str, classes: str) -> None:
    TRANSPORTS[variant] = variant
    try:
        assert refused(start(variant), "open") == ("unknown_reader", {"classes": classes})
    finally:
        del TRANSPORTS[variant]


@pytest.mark.parametrize("transport", USB)
def test_start_up_of_two_seconds_is_waited_for(start: Callable[..., WorkerBench], transport: str) -> None:
    bench = start(transport, "--power-up-ms", "700")
    assert bench.op("open")["sam_id"] == SAM_ID
