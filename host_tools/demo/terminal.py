# SPDX-License-Identifier: Apache-2.0
"""The terminal as the demonstration handles it: provision it, switch it on, cut its power, watch its screen.

A power cut kills the terminal's whole process group at once, device workers included: nothing of it runs on.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from host_tools.demo.errors import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOK_S = 0.002
"""How often a terminal that is being switched on is looked for: its first words after a cut should not be missed."""
MAX_LINE = 1 << 20


def provision_arguments(config: Path, rig: Mapping[str, Any]) -> list[str]:
    """Return the arguments of ``rnt`` that provision the terminal of this rig."""
    operator = ["--operator", rig["url"], "--operator-ca", rig["ca"], "--work-order", rig["work_order"]]
    return ["provision", "--terminal", f"local:{config}", *operator, "--yes"]


def provision(config: Path, rig: Mapping[str, Any]) -> dict[str, Any]:
    """Run ``rnt provision`` and return its result; raises :class:`DemoFailed` with its message and hint."""
    command = [sys.executable, "-m", "host_tools.rnt", *provision_arguments(config, rig), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own module
    lines = done.stdout.splitlines()
    try:
        result: dict[str, Any] = json.loads(lines[-1])
        if result["type"] != "result" or result["code"] != 0:
            raise DemoFailed(f"rnt provision: {result.get('message')} next: {result.get('hint')}")
    except (IndexError, ValueError, KeyError) as error:
        raise DemoFailed(f"rnt provision ended with code {done.returncode} and no result: {done.stderr[-500:]}") from error
    data: dict[str, Any] = result["data"]
    return data


class Terminal:
    """One terminal that may be switched on more than once."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def switch_on(self) -> None:
        """Start the terminal's process; it is ready when its screen says so."""
        command = [sys.executable, "-m", "firmware.runtime", "--config", str(self._config)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  # our own module

    def ended(self) -> int | None:
        """Return the exit code of a terminal that is not running any more."""
        return self._process.poll() if self._process else None

    def cut_power(self) -> None:
        """Kill everything the terminal is, at once."""
        process, self._process = self._process, None
        if process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def switch_off(self) -> None:
        """Ask the terminal to stop, and kill it when it does not within 10 s."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Screen:
    """Follows the kiosk's socket in a thread of its own, across restarts. ``messages`` holds what it showed, in order.

    Beside the terminal's own messages: ``{"type": "gone"}`` when the connection ended.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._over = threading.Event()
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look away."""
        self._over.set()

    def _follow(self) -> None:
        while not self._over.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                try:
                    channel.connect(self._path)
                except OSError:
                    self._over.wait(LOOK_S)
                    continue
                self._read(channel)
            self.messages.put({"type": "gone"})

    def _read(self, channel: socket.socket) -> None:
        try:
            with channel.makefile("rb") as stream:
                for line in iter(lambda: stream.readline(MAX_LINE), b""):
                    self.messages.put(json.loads(line))
        except (OSError, ValueError):
            return  # a killed terminal may leave half a line; the next connection tells the whole state again
