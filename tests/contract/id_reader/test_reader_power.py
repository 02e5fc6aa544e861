# SPDX-License-Identifier: Apache-2.0
"""The power of the reader's port: the reader comes back on every transport; the terminal's worker has the controller switch it."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from firmware.runtime.reader_power import ReaderWorker
from firmware.runtime.workers import DeviceFailed, DeviceWorker
from hal.errors import DeadlinePassed, LinkClosed
from simulators.kit.launch import RunningSimulator
from tests.support.reader_bench import SAM_ID, SerialBench, WorkerBench, assert_is, present, starter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path


@pytest.fixture
def serial() -> Iterator[Callable[..., SerialBench]]:
    yield from starter(SerialBench)


@pytest.fixture
def worker() -> Iterator[Callable[..., WorkerBench]]:
    yield from starter(WorkerBench)


def test_port_without_power_is_gone_and_is_waited_for(serial: Callable[..., SerialBench]) -> None:
    bench = serial("--no-pace", "--restart-ms", "100", "--persona", "zhang")
    bench.op("open")
    bench.simulator.control("power", on=False)
    with pytest.raises(LinkClosed):
        bench.op("open")
    with pytest.raises(DeadlinePassed):
        bench.op("await_reader", 0.2)
    back = threading.Timer(0.2, lambda: bench.simulator.control("power", on=True))
    back.start()
    assert bench.op("await_reader", 20) == {"sam_id": SAM_ID}
    back.join()
    assert_is(present(bench), "zhang")


@pytest.mark.slow
def test_sam_that_was_without_power_takes_its_two_seconds(serial: Callable[..., SerialBench]) -> None:
    bench = serial("--no-pace")
    bench.op("open")
    for on in (False, True):
        bench.simulator.control("power", on=on)
    with pytest.raises(DeadlinePassed):
        bench.op("await_reader", 0.3)  # the port is there, the SAM is not
    assert bench.op("await_reader", 20) == {"sam_id": SAM_ID}


def test_cable_that_is_out_stays_out_when_the_power_returns(serial: Callable[..., SerialBench]) -> None:
    bench = serial("--no-pace", "--restart-ms", "0")
    bench.op("open")
    bench.unplug()
    for on in (False, True):
        bench.simulator.control("power", on=on)
    with pytest.raises(LinkClosed):
        bench.op("open")
    bench.plug()
    assert bench.op("open")["sam_id"] == SAM_ID


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["four_pipes", "two_pipes", "reports"])
def test_usb_reader_leaves_the_bus_with_its_power_and_is_found_again(worker: Callable[..., WorkerBench], transport: str) -> None:
    bench = worker(transport, "--restart-ms", "100", "--persona", "zhang")
    bench.op("open")
    bench.simulator.control("power", on=False)
    bench.begin("await_reader", 30)
    bench.simulator.control("power", on=True)
    assert bench.end()["ok"] == {"sam_id": SAM_ID}
    assert_is(present(bench), "zhang")


class Switched:
    """A reader on the port that a controller switches, both simulated, and the terminal's two workers."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        control = directory / "reader.sock"
        self.reader = RunningSimulator(
            "simulators.id_reader", "--link", str(directory / "reader"), "--no-pace", "--restart-ms", "100", *arguments, control=control
        )
        self.board = RunningSimulator("simulators.controller", "--reader-control", str(control), control=directory / "board.sock")
        self.controller = DeviceWorker("controller", {"port": self.board.endpoints["port"]})
        self.worker = ReaderWorker(
            {"port": self.reader.endpoints["port"], "baud": 115200, "patience": 0.2}, self.controller, directory / "ledger"
        )
        self.ledger = directory / "ledger"

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            try:
                await work()
            finally:
                await self.worker.stop()
                await self.controller.stop()

        asyncio.run(whole())

    def switched(self) -> int:
        return len(self.board.control("light")["reader_off_ms"])

    def close(self) -> None:
        self.board.stop()
        self.reader.stop()


@pytest.fixture
def switched() -> Iterator[Callable[..., Switched]]:
    yield from starter(Switched)


@pytest.mark.slow
def test_sam_that_hangs_over_a_card_reads_it_after_its_power_came_back(switched: Callable[..., Switched]) -> None:
    bench = switched("--persona", "zhang")
    bench.reader.control("fault", fault={"at": "read", "do": "hang"})

    async def work() -> None:
        await bench.worker.call("await_card", timeout=20)
        assert_is(await bench.worker.call("read", timeout=30), "zhang")
        bench.reader.control("insert", persona="li")
        await bench.worker.call("await_card", timeout=20)
        assert_is(await bench.worker.call("read", timeout=30), "li")

    bench.run(work)
    assert (bench.worker.power_cycles, bench.worker.power_helped, bench.switched()) == (1, 1, 1)
    assert json.loads(bench.ledger.read_text()) == {"switched": 1, "helped": 1}


def test_reader_whose_cable_is_out_gets_no_power(switched: Callable[..., Switched]) -> None:
    bench = switched()

    async def work() -> None:
        await bench.worker.call("open", timeout=20)
        bench.reader.control("hangup")
        bench.reader.control("power", on=False)  # answered once the port is closed
        with pytest.raises(DeviceFailed, match="link_closed"):
            await bench.worker.call("open", timeout=5)

    bench.run(work)
    assert (bench.worker.power_cycles, bench.switched(), bench.ledger.exists()) == (0, 0, False)


@pytest.mark.slow
def test_controller_that_cannot_switch_leaves_the_readers_own_failure(switched: Callable[..., Switched]) -> None:
    bench = switched("--fault", '{"at": "status", "do": "drop", "times": 0}')
    bench.board.control("tamper", open=True)

    async def work() -> None:
        with pytest.raises(DeviceFailed) as failed:
            await bench.worker.call("open", timeout=1)
        assert (failed.value.device, failed.value.kind) == ("id_reader", "deadline")

    bench.run(work)
    assert (bench.worker.power_cycles, bench.worker.power_helped, bench.switched()) == (1, 0, 0)
