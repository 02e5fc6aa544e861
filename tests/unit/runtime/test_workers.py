# SPDX-License-Identifier: Apache-2.0
"""Device workers: what hangs is killed at its deadline, and the next request finds a new process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.runtime.workers import HANGS, DeviceFailed, DeviceWorker
from simulators.kit.launch import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator


MARK = {"operator": "MOBILE", "purpose": "T01", "date": "2026-11-30", "session": "AB" * 16}


@pytest.fixture
def camera() -> Iterator[RunningSimulator]:
    with tempfile.TemporaryDirectory(prefix="rnt-w-") as name:
        folder = Path(name)
        with RunningSimulator("simulators.camera", "--socket", str(folder / "camera"), control=folder / "control") as simulator:
            yield simulator


async def capture(worker: DeviceWorker, timeout: float = 5.0) -> str:  # noqa: ASYNC109  # the driver's deadline
    return str((await worker.call("capture", timeout=timeout, mark=MARK))["media_type"])


def run(camera: RunningSimulator, scenario: str) -> None:
    asyncio.run(SCENARIOS[scenario](DeviceWorker("camera", {"source": camera.endpoints["source"]}), camera))


async def answers(worker: DeviceWorker, _: RunningSimulator) -> None:
    assert await capture(worker) == "image/x-portable-graymap"
    assert worker.waited_us > 0
    await worker.stop()
    assert worker.pid is None


async def stopped_process_is_killed(worker: DeviceWorker, _: RunningSimulator) -> None:
    await capture(worker)
    pid = worker.pid
    if pid is None:
        raise AssertionError("no worker runs")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DeviceFailed) as failure:
        await capture(worker, 0.1)
    assert failure.value.kind == HANGS
    assert not Path(f"/proc/{pid}").exists()  # noqa: ASYNC240  # procfs does not block
    assert await capture(worker)
    assert worker.restarts == 1
    await worker.stop()


async def killed_process_is_replaced(worker: DeviceWorker, _: RunningSimulator) -> None:
    await capture(worker)
    if worker.pid is None:
        raise AssertionError("no worker runs")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(DeviceFailed) as failure:
        await capture(worker)
    assert failure.value.kind == "worker_ended"
    assert await capture(worker)
    await worker.stop()


async def silent_device_keeps_its_worker(worker: DeviceWorker, camera: RunningSimulator) -> None:
    await capture(worker)
    pid = worker.pid
    camera.control("fault", fault={"at": "frame", "do": "silence"})
    with pytest.raises(DeviceFailed) as failure:
        await capture(worker, 0.3)
    assert failure.value.kind == "deadline"
    assert worker.pid == pid
    await worker.stop()


SCENARIOS = {
    "answers": answers,
    "stopped": stopped_process_is_killed,
    "killed": killed_process_is_replaced,
    "silent": silent_device_keeps_its_worker,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_worker(camera: RunningSimulator, scenario: str) -> None:
    run(camera, scenario)


class ScriptedWorker(DeviceWorker):
    """A worker whose process is this test: it answers every request with one line."""

    def __init__(self, line: bytes) -> None:
        super().__init__("camera", {})
        self._line = line

    async def start(self) -> None:
        if self._reader is None:
            ours, theirs = socket.socketpair()
            theirs.sendall(self._line)
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
            self._theirs = theirs

    async def stop(self) -> None:
        await super().stop()
        self._theirs.close()


async def ask(worker: DeviceWorker, **options: Any) -> dict[str, Any]:
    try:
        return await worker.call("capture", **{"timeout": 1, **options})
    finally:
        await worker.stop()


MALFORMED = (
    b"[]",
    b"1",
    b"null",
    b"{}",
    b"not JSON",
    b"\xff",
    b"[" * 50_000,
    b'{"id": 2, "ok": {}, "link_us": 0}',
    b'{"id": 1, "link_us": 0}',
    b'{"id": 1, "ok": {}}',
    b'{"id": 1, "ok": [], "link_us": 0}',
    b'{"id": 1, "ok": {}, "link_us": "0"}',
    b'{"id": 1, "error": 1, "data": {}, "link_us": 0}',
    b'{"id": 1, "error": "x", "data": [], "link_us": 0}',
    b'{"id": 1, "error": "x", "data": {}, "ok": {}, "link_us": 0}',
    b'{"id": 1, "error": "x", "data": {}, "link_us": 0, "octets": ["image", 1]}',
    b'{"id": 1, "ok": {}, "link_us": 0, "octets": 3}',
    b'{"id": 1, "ok": {}, "link_us": 0, "octets": ["image"]}',
    b'{"id": 1, "ok": {}, "link_us": 0, "octets": ["image", -1]}',
    b'{"id": 1, "ok": {}, "link_us": 0, "octets": ["image", true]}',
    b'{"id": 1, "ok": {}, "link_us": 0, "octets": ["image", 1048577]}',
    b'{"id": 1, "ok": {"image": ""}, "link_us": 0, "octets": ["image", 1]}',
)


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: line[:60].decode("latin-1"))
def test_worker_malformed_answer_is_a_device_failure(line: bytes) -> None:
    worker = ScriptedWorker(line + b"\n")
    with pytest.raises(DeviceFailed) as failure:
        asyncio.run(ask(worker))
    assert (failure.value.kind, worker.restarts) == ("worker_ended", 1)


def test_worker_octets_behind_the_line_are_the_value_they_are_named_for() -> None:
    octets = bytes(range(256)) * 4
    worker = ScriptedWorker(b'{"id": 1, "ok": {"media_type": "x"}, "link_us": 0, "octets": ["image", 1024]}\n' + octets)
    assert asyncio.run(ask(worker)) == {"media_type": "x", "image": octets}


def test_worker_octets_that_stay_away_are_a_hanging_device() -> None:
    worker = ScriptedWorker(b'{"id": 1, "ok": {}, "link_us": 0, "octets": ["image", 4]}\nabc')
    with pytest.raises(DeviceFailed) as failure:
        asyncio.run(ask(worker, timeout=0.1))
    assert (failure.value.kind, worker.restarts) == (HANGS, 1)


@pytest.mark.parametrize(("aside", "counted"), [(False, 70), (True, 0)])
def test_worker_waiting_counts_only_where_somebody_waits(aside: bool, counted: int) -> None:  # noqa: FBT001  # a parameter of the test
    worker = ScriptedWorker(b'{"id": 1, "ok": {}, "link_us": 70}\n')
    asyncio.run(ask(worker, aside=aside))
    assert worker.waited_us == counted
