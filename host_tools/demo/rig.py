# SPDX-License-Identifier: Apache-2.0
"""The rig of simulators, as a process at the other end of a pipe and a control socket."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from host_tools.demo.errors import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

READY_S = 60.0
ANSWER_S = 20.0
ENDED_S = 5.0
USAGE = 2
"""Exit code of a rig that was asked for a persona or a card it does not know."""


class Rig:
    """A running rig; a context manager that ends it and everything on it."""

    def __init__(self, arguments: Sequence[str]) -> None:
        command = [sys.executable, "-m", "simulators.rig", "--watch-stdin", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603  # our own module
        try:
            ready = self._ready()
            self.terminal = Path(ready["terminal"])
            self.list: dict[str, Any] = json.loads(Path(ready["rig"]).read_text(encoding="utf-8"))
        except BaseException:
            self.close()
            raise

    def _ready(self) -> dict[str, Any]:
        output = self._process.stdout
        if output is None:
            raise DemoFailed("the rig has no output")
        end = time.monotonic() + READY_S
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            spoke = selector.select(max(0.0, end - time.monotonic()))
        line = output.readline() if spoke else b""
        if not line:
            raise DemoFailed(f"the simulators did not start; their reason stands above. Try: {self._remedy()}")
        ready: dict[str, Any] = json.loads(line)
        return ready

    def _remedy(self) -> str:
        try:
            return "./run demo --help" if self._process.wait(ENDED_S) == USAGE else "./run rig"
        except subprocess.TimeoutExpired:
            return "./run rig"

    def device(self, name: str, cmd: str, **arguments: Any) -> dict[str, Any]:
        """Send one request to the control socket of the simulator ``name`` and return its answer; raises :class:`DemoFailed`."""
        request = {"cmd": "device", "device": name, "request": {"cmd": cmd, **arguments}}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.settimeout(ANSWER_S)
                channel.connect(self.list["control"])
                channel.sendall(json.dumps(request).encode() + b"\n")
                with channel.makefile("rb") as stream:
                    answer: dict[str, Any] = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            raise DemoFailed(f"the rig does not answer ({type(error).__name__})") from error
        if not answer["ok"]:
            raise DemoFailed(f"the rig refused: {answer['error'].rpartition('Error: ')[2]}. Try: ./run demo --help")
        found: dict[str, Any] = answer["answer"]
        return found

    def close(self) -> None:
        """End the rig: close its input, then kill what does not leave."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        """Return itself, already started."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the rig."""
        self.close()
