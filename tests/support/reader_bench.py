# SPDX-License-Identifier: Apache-2.0
"""One simulated ID-card reader and the shipped driver on it, over any transport.

``SerialBench`` has the driver in the test's process. ``WorkerBench`` has it in the terminal's own worker process, which for USB sees the
simulated bus.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.deadline import Deadline
from hal.id_reader.sam import SamReader
from hal.id_reader.service import IdReaderService
from simulators.kit.launch import RunningSimulator
from simulators.personas import PERSONAS, appended_block, photo_block, text_block

SAM_ID = "0500010009b8320105be1200adc5b111"
TRANSPORTS = {"serial": "", "four_pipes": "four", "two_pipes": "two", "reports": "hid", "reports_control": "hid_control"}
"""Transport → the simulator's ``--usb``, nothing for the pseudo-terminal. A meta-test asks for a row for each."""


@dataclass(frozen=True)
class FamilyRow:
    """The simulator of one family, the file of its vectors, and a bench with both ends."""

    simulator: str
    vectors: str
    bench: "Callable[[Path], ServiceBench]"
    appends: bool = True
    """Whether its readers tell appended addresses."""
    in_the_middle: str = "read"
    """The simulator's event in the middle of a reading; it knows the faults ``lifted`` and ``short`` there."""


class Refused(Exception):
    """The worker answered with an error: its kind and data."""

    def __init__(self, kind: str, data: dict[str, Any]) -> None:
        super().__init__(kind)
        self.kind, self.data = kind, data


class ReaderControl:
    """What a test does to the simulated reader."""

    simulator: RunningSimulator

    def fault(self, at: str, do: str, **options: Any) -> None:
        self.simulator.control("fault", fault={"at": at, "do": do, **options})

    def insert(self, persona: str = "zhang") -> None:
        self.simulator.control("insert", persona=persona)

    def counts(self) -> dict[str, int]:
        return dict(self.simulator.control("counts")["counts"])


class ServiceBench(ReaderControl):
    """One simulator and one service."""

    service: IdReaderService
    table: dict[str, Any]
    """What ``[id_reader]`` says of it."""

    def unplug(self) -> None:
        self.simulator.control("hangup")

    def plug(self) -> None:
        self.simulator.control("plug")

    def op(self, name: str, seconds: float = 9, **arguments: Any) -> dict[str, Any]:
        return self.service.operations[name](arguments, Deadline.after(seconds))

    def close(self) -> None:
        self.service.close()
        self.simulator.stop()


class SerialBench(ServiceBench):
    """A SAM reader on a pseudo-terminal."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.link = directory / "reader"
        self.simulator = RunningSimulator("simulators.id_reader", "--link", str(self.link), *arguments, control=directory / "control")
        self.table = {"port": str(self.link), "baud": 115200} | ({"patience": 0.2} if "--no-pace" in arguments else {})
        self.service = IdReaderService(self.table)

    def reader(self) -> SamReader:
        """The driver behind the service, for what the worker does not offer."""
        reader = self.service._started(Deadline.after(5))
        assert isinstance(reader, SamReader)
        return reader


class BlockBench(ServiceBench):
    """A reader of numbered blocks behind a PC/SC service of its own."""

    def __init__(self, directory: Path) -> None:
        self._run_dir = str(directory / "p")
        self.plug()
        slot = str(self.pcscd.endpoints["slot_socket"])
        self.simulator = RunningSimulator("simulators.block_reader", "--slot-socket", slot, control=directory / "control")
        self.table = {"pcsc": self.pcscd.endpoints["reader"], "pcscd_socket": self.pcscd.endpoints["pcscd_socket"]}
        self.service = IdReaderService(self.table)

    def unplug(self) -> None:
        self.pcscd.kill()

    def plug(self) -> None:
        self.pcscd = RunningSimulator("simulators.pcscd", "--run-dir", self._run_dir, "--name", "rnt ID reader")

    def close(self) -> None:
        super().close()
        self.pcscd.stop()


class WorkerBench(ReaderControl):
    """One simulator, the bus it hangs on if it is USB, and the worker process."""

    def __init__(self, directory: Path, transport: str, *arguments: str) -> None:
        self.usb = TRANSPORTS[transport]
        where = ["--usb", self.usb, "--socket", str(directory / "usb")] if self.usb else ["--link", str(directory / "reader"), "--no-pace"]
        self.simulator = RunningSimulator("simulators.id_reader", *where, *arguments, control=directory / "control")
        self.bus = RunningSimulator("simulators.usb", "--device", str(directory / "usb")) if self.usb else None
        told = self.simulator.endpoints
        self.config = {"usb": told["usb"]} if self.usb else {"port": told["port"], "baud": 115200}
        environment = dict(os.environ)
        if self.bus:
            environment |= {"LD_PRELOAD": str(self.bus.endpoints["preload"]), "UMOCKDEV_DIR": str(self.bus.endpoints["root"])}
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-m", "hal.worker", "id_reader", str(theirs.fileno())]
        self.worker = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        self._stream = self._channel.makefile("rwb")
        self._say({"config": self.config})

    def begin(self, name: str, seconds: float = 9, **arguments: Any) -> None:
        """Ask, and leave the answer for :meth:`end`."""
        self._say({"id": 1, "op": name, "args": arguments, "timeout": seconds})

    def end(self) -> dict[str, Any]:
        """Return the worker's whole answer; raises :class:`Refused`."""
        answer: dict[str, Any] = json.loads(self._stream.readline())
        if "error" in answer:
            raise Refused(answer["error"], answer["data"])
        return answer

    def op(self, name: str, seconds: float = 9, **arguments: Any) -> dict[str, Any]:
        self.begin(name, seconds, **arguments)
        result: dict[str, Any] = self.end()["ok"]
        return result

    def _say(self, message: dict[str, Any]) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()
        self._channel.close()
        try:
            self.worker.wait(5)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            raise
        finally:
            self._stop()

    def _stop(self) -> None:
        if self.bus:
            self.bus.stop()
        self.simulator.stop()


FAMILIES = {
    "sam": FamilyRow("simulators.id_reader", "frames.json", lambda directory: SerialBench(directory, "--no-pace")),
    "blocks": FamilyRow("simulators.block_reader", "blocks.json", BlockBench, appends=False, in_the_middle="block3"),
}
"""Family of readers → what stands for it in the tests. A meta-test asks for a row for each."""


def starter(make: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield a function that builds ``make(directory, …)`` and see to the end of all it built: the body of a fixture."""
    directories: list[Path] = []
    benches: list[Any] = []

    def build(*arguments: str) -> Any:
        directories.append(Path(tempfile.mkdtemp(prefix="rnt-")))
        benches.append(make(directories[-1], *arguments))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()
    for directory in directories:
        shutil.rmtree(directory)


def present(bench: Any) -> dict[str, Any]:
    """Find and read the card that lies there."""
    bench.op("await_card")
    reading: dict[str, Any] = bench.op("read")
    return reading


def assert_is(reading: dict[str, Any], key: str) -> None:
    """Check a reading against the persona's card."""
    persona = PERSONAS[key]
    appended = appended_block(persona)
    assert reading["text"] == text_block(persona).hex()
    assert reading["photo"] == photo_block(persona).hex()
    assert reading["appended"] == (appended.hex() or None)
