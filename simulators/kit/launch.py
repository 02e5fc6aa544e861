# SPDX-License-Identifier: Apache-2.0
"""Start a simulator as its own process, wait for its ready line, talk to its control socket, end it."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class SimulatorFailed(Exception):
    """A simulator ended or stayed silent before its ready line; the message holds its standard error."""


class RunningSimulator:
    """A simulator process; a context manager that ends it."""

    def __init__(self, module: str, *arguments: str, control: Path | None = None, deadline_s: float = 20.0) -> None:
        command = [sys.executable, "-m", module, "--watch-stdin", *arguments]
        if control:
            command += ["--control", str(control)]
        self.control_path = control
        # A group of its own: Ctrl-C is for whoever started the simulators, and its end ends them (--watch-stdin).
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)  # noqa: S603  # our own module
        try:
            self.endpoints = self._wait_ready(module, deadline_s)
        except BaseException:
            self.stop()
            raise

    def _wait_ready(self, module: str, deadline_s: float) -> dict[str, Any]:
        output = self.process.stdout
        if output is None:
            raise SimulatorFailed(module)
        end = time.monotonic() + deadline_s
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(max(0.0, end - time.monotonic())):
                raise SimulatorFailed(f"{module} said nothing for {deadline_s} s")
        line = output.readline()
        if not line:
            raise SimulatorFailed(f"{module} ended with code {self.process.wait(5)} before it was ready")
        ready: dict[str, Any] = json.loads(line)
        return ready

    def control(self, cmd: str, *, timeout: float = 15.0, **arguments: Any) -> dict[str, Any]:
        """Send one control command and return its answer; raises ``RuntimeError`` when the simulator refuses it."""
        if self.control_path is None:
            raise RuntimeError("started without a control socket")
        return control_request(self.control_path, {"cmd": cmd, **arguments}, timeout=timeout)

    def kill(self) -> None:
        """SIGKILL: the cable is pulled, the power is gone."""
        self.process.kill()
        self.stop()

    def stop(self) -> None:
        """End the process: close its standard input, then kill what does not leave within 5 s."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        """Return itself, already started."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process."""
        self.stop()


def control_request(path: Path, request: dict[str, Any], *, timeout: float = 15.0) -> dict[str, Any]:
    """Send one request to the control socket at ``path``; raises ``RuntimeError`` when it is refused."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        channel.connect(str(path))
        channel.sendall(json.dumps(request).encode() + b"\n")
        with channel.makefile("rb") as stream:
            answer: dict[str, Any] = json.loads(stream.readline())
    if not answer.pop("ok"):
        raise RuntimeError(f"{request['cmd']}: {answer.get('error')}")
    return answer
