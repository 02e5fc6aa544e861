# SPDX-License-Identifier: Apache-2.0
"""An identity card's reading through the shipped driver: beside its bytes' time on the wire, over USB, while waiting, when cables move."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from hal.deadline import Deadline
from hal.id_reader.reading import to_holder
from hal.id_reader.service import IdReaderService
from simulators.kit.launch import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = {115200: 15, 9600: 3}
WIRE_TARGET = 1.15
COMMANDS, ANSWERS = 5, 5
"""Of one presentation: find, select, read, appended address, status. Each more is redundant."""
REQUEST, FIND_ANSWER = 10, 15
"""Bytes of their frames."""
CPU_WINDOW_S = 2.0
CPU_TARGET = 0.02
USB_ROUNDS = 15
BITS_PER_BYTE = 10
DEADLINE_S = 20.0


def measure() -> dict[str, Figure]:
    """Return the reader's figures; see ``bench/README.md`` for what each is taken against."""
    with tempfile.TemporaryDirectory(prefix="rnt-b-") as name:
        fast = _wire(Path(name) / "1", 115200)
        slow = _wire(Path(name) / "2", 9600)
        return {
            "id_reader.read_vs_wire": fast["vs_wire"],
            "id_reader.read_vs_wire_9600": slow["vs_wire"],
            "id_reader.redundant_commands": fast["redundant"],
            "id_reader.presented_to_holder_ms": fast["presented"],
            "id_reader.waiting_cpu": _waiting(Path(name) / "3"),
            **_usb(Path(name) / "4"),
        }


# ---- serial


def _wire(folder: Path, baud: int) -> dict[str, Figure]:
    folder.mkdir()
    arguments = ("--link", str(folder / "reader"), "--baud", str(baud))
    with RunningSimulator("simulators.id_reader", *arguments, control=folder / "control") as simulator:
        service = IdReaderService({"port": str(folder / "reader"), "baud": baud})
        try:
            service.operations["open"]({}, Deadline.after(DEADLINE_S))
            rounds = [_round(service, simulator, baud) for _ in range(ROUNDS[baud])]
            presented = [_presented(service, simulator) for _ in range(ROUNDS[baud])]
        finally:
            service.close()
    wire = statistics.median(wire for _, wire, _ in rounds)
    return {
        "vs_wire": Figure(statistics.median(taken / bare for taken, bare, _ in rounds), "ratio", WIRE_TARGET, wire),
        "redundant": Figure(max(frames for _, _, frames in rounds) - COMMANDS - ANSWERS, "count", 0, None),
        "presented": Figure(statistics.median(presented) * 1000, "ms", None, wire * 1000),
    }


def _round(service: IdReaderService, simulator: RunningSimulator, baud: int) -> tuple[float, float, int]:
    """Return seconds taken by find and read, seconds of their bytes on the wire, frames."""
    simulator.control("insert", persona="zhang")
    service.operations["card_gone"]({}, Deadline.after(DEADLINE_S))  # the card before is forgotten here, not in the measured time
    begin = time.perf_counter()
    service.operations["await_card"]({}, Deadline.after(DEADLINE_S))
    reading = service.operations["read"]({}, Deadline.after(DEADLINE_S))
    taken = time.perf_counter() - begin
    answers = FIND_ANSWER + reading["bytes"] - (COMMANDS - 1) * REQUEST  # a pseudo-terminal carries requests in no time
    return taken, answers * BITS_PER_BYTE / baud, reading["frames"] + 2


def _presented(service: IdReaderService, simulator: RunningSimulator) -> float:
    """Return the seconds from a card laid down in front of a waiting reader to its holder."""
    simulator.control("remove")
    service.operations["card_gone"]({}, Deadline.after(DEADLINE_S))
    ready: list[float] = []

    def wait() -> None:
        service.operations["await_card"]({}, Deadline.after(DEADLINE_S))
        block = service.operations["read"]({}, Deadline.after(DEADLINE_S))
        to_holder(bytes.fromhex(block["text"]), bytes.fromhex(block["photo"]), None)
        ready.append(time.perf_counter())

    finds = simulator.control("counts")["counts"].get("find", 0)
    waiting = threading.Thread(target=wait)
    waiting.start()
    while simulator.control("counts")["counts"].get("find", 0) < finds + 2:
        pass
    begin = time.perf_counter()
    simulator.control("insert", persona="zhang")
    waiting.join()
    return ready[0] - begin


# ---- the worker process


class _Worker:
    """The terminal's own worker process, asked as the terminal asks it."""

    def __init__(self, config: dict[str, Any], environment: dict[str, str]) -> None:
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-m", "hal.worker", "id_reader", str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **environment})  # noqa: S603  # our own program
        theirs.close()
        self._stream = self._channel.makefile("rwb")
        self.say({"config": config})

    def say(self, message: dict[str, Any]) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()

    def begin(self, name: str, seconds: float = DEADLINE_S) -> None:
        self.say({"id": 1, "op": name, "args": {}, "timeout": seconds})

    def hear(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._stream.readline())
        return answer

    def ask(self, name: str, seconds: float = DEADLINE_S) -> dict[str, Any]:
        self.begin(name, seconds)
        return self.hear()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._stream.close()
        self._channel.close()
        self.process.wait()


def _waiting(folder: Path) -> Figure:
    """Return the share of one core the worker takes while it waits for a card on a serial reader."""
    folder.mkdir()
    with RunningSimulator("simulators.id_reader", "--link", str(folder / "reader"), control=folder / "control"):
        worker = _Worker({"port": str(folder / "reader"), "baud": 115200}, {})
        try:
            worker.ask("open")
            before = worker.cpu_s()
            worker.ask("await_card", CPU_WINDOW_S)
            return Figure((worker.cpu_s() - before) / CPU_WINDOW_S, "share", CPU_TARGET, None)
        finally:
            worker.close()


# ---- USB


@contextmanager
def _on_the_bus(folder: Path) -> Iterator[tuple[RunningSimulator, _Worker]]:
    """Yield a four-pipe reader on the simulated bus and a worker that sees it."""
    folder.mkdir()
    with RunningSimulator("simulators.id_reader", "--usb", "four", "--socket", str(folder / "usb"), control=folder / "control") as reader:  # noqa: SIM117  # the second needs the first's socket
        with RunningSimulator("simulators.usb", "--device", str(folder / "usb")) as bus:
            environment = {"LD_PRELOAD": str(bus.endpoints["preload"]), "UMOCKDEV_DIR": str(bus.endpoints["root"])}
            worker = _Worker({"usb": str(reader.endpoints["usb"])}, environment)
            try:
                worker.ask("open")
                yield reader, worker
            finally:
                worker.close()


def _usb(folder: Path) -> dict[str, Figure]:
    own, whole, noticed, usable = [], [], [], []
    with _on_the_bus(folder) as (reader, worker):
        for _ in range(USB_ROUNDS):
            reader.control("insert", persona="zhang")
            worker.ask("card_gone")
            begin = time.perf_counter()
            link_us = sum(int(worker.ask(name)["link_us"]) for name in ("await_card", "read"))
            whole.append((time.perf_counter() - begin) * 1000)
            own.append(whole[-1] - link_us / 1000)
        for _ in range(USB_ROUNDS // 3):
            reader.control("remove")
            worker.ask("card_gone")
            worker.begin("await_card")
            begin = time.perf_counter()
            reader.control("hangup")
            worker.hear()
            noticed.append((time.perf_counter() - begin) * 1000)
            begin = time.perf_counter()
            reader.control("plug")
            while "ok" not in worker.ask("open"):
                pass
            usable.append((time.perf_counter() - begin) * 1000)
    return {
        "id_reader.usb.own_ms": Figure(statistics.median(own), "ms", None, statistics.median(whole)),
        "id_reader.usb.cable_out_ms": Figure(statistics.median(noticed), "ms", None, None),
        "id_reader.usb.cable_in_ms": Figure(statistics.median(usable), "ms", None, None),
    }
