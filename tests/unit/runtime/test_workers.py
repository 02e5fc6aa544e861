# SPDX-License-Identifier: Apache-2.0
"""Device workers: what hangs is killed at its deadline, and the next request finds a new process."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firmware.runtime.workers import DeviceFailed, DeviceWorker
from simulators.kit.launch import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def camera() -> Iterator[RunningSimulator]:
    with tempfile.TemporaryDirectory(prefix="rnt-w-") as name:
        folder = Path(name)
        with RunningSimulator("simulators.camera", "--socket", str(folder / "camera"), control=folder / "control") as simulator:
            yield simulator


async def capture(worker: DeviceWorker, timeout: float = 5.0) -> str:  # noqa: ASYNC109  # the driver's deadline
    return str((await worker.call("capture", timeout=timeout))["media_type"])


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
    assert failure.value.kind == "deadline"
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
