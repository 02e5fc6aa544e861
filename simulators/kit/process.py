# SPDX-License-Identifier: Apache-2.0
"""The life of a simulator process: arguments, ready line, end."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.kit.control import ControlServer, Handler
from simulators.kit.faults import Fault, FaultPlan
from simulators.kit.transcript import Transcript

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--control``, ``--fault``, ``--transcript`` and ``--watch-stdin``, which every simulator takes."""
    parser.add_argument("--control", type=Path, help="Unix socket to serve the control protocol on")
    parser.add_argument("--fault", type=json.loads, action="append", default=[], help="one planned fault as a JSON object")
    parser.add_argument("--transcript", type=Path, help="file to append every frame to, as JSON lines")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when standard input closes")


class SimulatorProcess:
    """Holds the common parts; a simulator's ``main`` builds one, says ``ready`` and waits in ``run``."""

    def __init__(self, name: str, *, control: Path | None, faults: list[Fault], transcript: Path | None, watch_stdin: bool) -> None:
        self.name = name
        self.faults = FaultPlan(faults)
        self.transcript = Transcript(transcript)
        self._stop = threading.Event()
        self._control = ControlServer(control, self.faults, self._stop.set) if control else None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if watch_stdin:
            threading.Thread(target=self._stop_at_stdin_end, daemon=True).start()

    @property
    def stopping(self) -> bool:
        """Whether the process was asked to end, perhaps before it was ready."""
        return self._stop.is_set()

    def command(self, name: str, handler: Handler) -> None:
        """Add a control command."""
        if self._control:
            self._control.add(name, handler)

    def ready(self, **endpoints: str | int) -> None:
        """Print the ready line: ``{"ready": NAME, …endpoints}``. From now on the device answers."""
        sys.stdout.write(json.dumps({"ready": self.name, **endpoints}) + "\n")
        sys.stdout.flush()

    def run(self, cleanup: Callable[[], None] | None = None) -> None:
        """Wait for the end, then clean up and leave at once, whatever other threads are doing."""
        self._stop.wait()
        if cleanup:
            cleanup()
        sys.stdout.flush()
        os._exit(0)

    def _stop_at_stdin_end(self) -> None:
        while os.read(0, 4096):
            pass
        self._stop.set()


def from_arguments(name: str, arguments: argparse.Namespace) -> SimulatorProcess:
    """Build the process from what ``add_common_arguments`` parsed."""
    faults = [Fault.from_json(value) for value in arguments.fault]
    return SimulatorProcess(
        name, control=arguments.control, faults=faults, transcript=arguments.transcript, watch_stdin=arguments.watch_stdin
    )
