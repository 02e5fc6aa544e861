# SPDX-License-Identifier: Apache-2.0
"""The control socket: JSON lines over a Unix socket, one answer for each request.

``{"cmd": NAME, …}`` → ``{"ok": true, …}`` or ``{"ok": false, "error": "…"}``. Every simulator knows ``ping``, ``fault``
(``{"fault": {…}}``), ``clear_faults``, ``wait_held`` (``{"timeout": s}``), ``release`` and ``stop``; a device adds its own
(``insert``, ``remove``, ``persona`` …).
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulators.kit.faults import Fault, FaultPlan

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Takes the request object, returns what to add to ``{"ok": true}``; raises ``ValueError``/``KeyError`` for a bad request."""

MAX_LINE = 64 * 1024


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 16


class ControlServer:
    """Serves the control socket at ``path`` in a thread of its own."""

    def __init__(self, path: Path, faults: FaultPlan, stop: Callable[[], None]) -> None:
        self._commands: dict[str, Handler] = {
            "ping": lambda _: None,
            "fault": lambda r: faults.add(Fault.from_json(r["fault"])),
            "clear_faults": lambda _: faults.clear(),
            "wait_held": lambda r: {"held": faults.wait_held(float(r.get("timeout", 10)))},
            "release": lambda _: faults.release(),
            "stop": lambda _: stop(),
        }
        commands = self._commands

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in iter(lambda: self.rfile.readline(MAX_LINE), b""):
                    answer = _answer(commands, line)
                    try:
                        self.wfile.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                    except (BrokenPipeError, ConnectionResetError):
                        return

        self._server = _Server(str(path), Connection)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def add(self, name: str, handler: Handler) -> None:
        """Add a command of the device's own."""
        self._commands[name] = handler

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _answer(commands: dict[str, Handler], line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        name = request["cmd"]
    except (ValueError, KeyError, TypeError) as error:
        return {"ok": False, "error": f"bad request: {error!r}"}
    handler = commands.get(name) if isinstance(name, str) else None
    if handler is None:
        return {"ok": False, "error": f"bad request: no command {name!r}; there are {', '.join(sorted(commands))}"}
    try:
        return {"ok": True, **(handler(request) or {})}
    except (ValueError, KeyError, TypeError, OSError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
