# SPDX-License-Identifier: Apache-2.0
"""The screen as the people see it: JSON lines over the terminal's Unix socket, connected again whenever the terminal comes back.

Keeps the newest view of the present connection; a view of a terminal that went away is forgotten with its connection.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.kit import Transcript

RECONNECT_S = 0.02
"""How often a terminal that is away is looked for."""
MAX_LINE = 1 << 20


class Kiosk:
    """A client that never gives up. ``changed`` is notified whenever something arrives or the terminal goes away."""

    def __init__(self, path: Path, transcript: Transcript) -> None:
        self._path = path
        self._transcript = transcript
        self._channel: socket.socket | None = None
        self._view: dict[str, Any] = {}
        self._answers: list[dict[str, Any]] = []
        self._connections = 0
        self.changed = threading.Condition()
        threading.Thread(target=self._stay_connected, daemon=True).start()

    def view(self) -> dict[str, Any]:
        """Return what is on the screen, with ``connection`` counting the terminal's lives; empty while it is away."""
        with self.changed:
            return dict(self._view)

    def is_current(self, view: dict[str, Any]) -> bool:
        """Return whether ``view`` is still what the screen shows."""
        return view == self.view()

    def post(self, intent: dict[str, Any], timeout: float = 10.0) -> dict[str, Any]:
        """Say something to the terminal and return its answer; ``{"ok": False, "reason": "gone"}`` when it went away."""
        with self.changed:
            channel, life = self._channel, self._connections
            if channel is None:
                return {"ok": False, "reason": "gone"}
            self._answers.clear()
        line = json.dumps(intent).encode() + b"\n"
        self._transcript.frame(">", line)
        try:
            channel.sendall(line)
        except OSError:
            return {"ok": False, "reason": "gone"}
        with self.changed:
            self.changed.wait_for(lambda: self._answers or life != self._connections or self._channel is None, timeout)
            return self._answers.pop(0) if self._answers else {"ok": False, "reason": "gone"}

    def _stay_connected(self) -> None:
        nothing = threading.Event()
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                try:
                    channel.connect(str(self._path))
                except OSError:
                    nothing.wait(RECONNECT_S)  # the terminal is away; there is nothing else to wait for
                    continue
                self._follow(channel)

    def _follow(self, channel: socket.socket) -> None:
        with self.changed:
            self._channel = channel
            self._connections += 1
        try:
            with channel.makefile("rb") as stream:
                for line in iter(lambda: stream.readline(MAX_LINE), b""):
                    self._take(line)
        except (OSError, ValueError) as error:
            self._transcript.note(f"connection lost: {type(error).__name__}")
        with self.changed:
            self._channel, self._view = None, {}
            self.changed.notify_all()

    def _take(self, line: bytes) -> None:
        self._transcript.frame("<", line)
        message = json.loads(line)
        with self.changed:
            if message["type"] == "view":
                self._view = {**message, "connection": self._connections}
            elif message["type"] == "intent":
                self._answers.append(message)
            self.changed.notify_all()
