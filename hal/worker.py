# SPDX-License-Identifier: Apache-2.0
"""The body of a device worker: one killable process for one device class.

Decides nothing. It reads one JSON line per request on a socket, runs the named operation of the device's service under the
deadline given, and answers with one line. Blocking device libraries live only here, so that the terminal can kill what hangs.

Request  ``{"id": n, "op": NAME, "args": {…}, "timeout": seconds}``
Answer   ``{"id": n, "ok": {…}, "link_us": t}`` or ``{"id": n, "error": KIND, "data": {…}, "link_us": t}``

The first line is ``{"config": {…}}``, the device's own table of the terminal's configuration. Bytes travel as hex, but for a
picture: one value of what an operation returns may be ``bytes``. The answer then has ``"octets": [NAME, length]``, and they follow its
line as they are. ``link_us`` is the time spent waiting for the device, which the terminal subtracts to know its own share.

A service that can tell that a single link call is overdue (:class:`Stallable`) is watched while it works: a blocked call cannot be
interrupted, so the process then ends itself with :data:`STALLED`, long before the operation's own deadline.

It outlives the signals that ask a whole process group to stop (console, service manager): the terminal decides when a card that
is being written may be left alone. It ends when the terminal closes the socket, dies, or kills it.

Run: ``python -m hal.worker CLASS FD``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

from hal.deadline import Deadline
from hal.errors import HalError

if TYPE_CHECKING:
    from types import TracebackType

STALLED: Final = 75
"""Exit code of a worker whose link did not come back."""
LOOK_S: Final = 0.1
"""How often a working service is asked whether its link is overdue, in seconds."""

Operation = Callable[[dict[str, Any], Deadline], dict[str, Any]]

MAX_LINE = 1 << 20
"""Longest request or answer in bytes; a portrait frame of 256 KiB as hex fits."""
RECEIVE_BYTES: Final = 64 * 1024


class Service(Protocol):
    """What a device package offers to the worker: named operations, and the time its link was waited for."""

    operations: Mapping[str, Operation]
    link_us: int
    """Microseconds spent inside link calls since the last time the worker reset it to 0."""

    def close(self) -> None:
        """Let go of the device."""


@runtime_checkable
class Stallable(Protocol):
    """A service that knows how long its link may take for one call."""

    def stalled(self) -> bool:
        """Return whether a link call that was begun is overdue. Called from another thread."""


class Watch:
    """Ends this process when ``service`` stalls inside the ``with`` block."""

    def __init__(self, service: Stallable) -> None:
        self._service = service
        self._working = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        never = threading.Event()
        while self._working.wait():
            if self._service.stalled():
                os._exit(STALLED)
            never.wait(LOOK_S)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._working.set()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop looking."""
        self._working.clear()


class Requests:
    """The lines that come over ``channel``. Unlike a buffered file it keeps nothing of a line once it was taken."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._heard = bytearray()

    def next_line(self) -> bytes:
        """Wait for the next line and return it; empty when the other end closed, or says more than :data:`MAX_LINE` without an end."""
        while (end := self._heard.find(b"\n")) < 0:
            part = self.channel.recv(RECEIVE_BYTES)
            if not part or len(self._heard) + len(part) > MAX_LINE:
                return b""
            self._heard += part
        line = bytes(self._heard[: end + 1])
        del self._heard[: end + 1]
        return line


SERVICES: Mapping[str, str] = {
    "id_reader": "hal.id_reader.service:IdReaderService",
    "sim_card": "hal.sim_card.service:SimCardService",
    "controller": "hal.controller.service:ControllerService",
    "camera": "hal.camera.service:CameraService",
    "printer": "hal.printer.service:PrinterService",
    "portrait": "hal.portrait.service:PortraitService",
}
"""Device class → service class, called with the device's configuration table."""


def serve(channel: socket.socket, service_name: str) -> None:
    """Answer requests on ``channel`` until the other end closes it."""
    requests = Requests(channel)
    first = requests.next_line()
    if not first:
        return
    module, _, name = SERVICES[service_name].partition(":")
    service: Service = getattr(importlib.import_module(module), name)(json.loads(first)["config"])
    watch = Watch(service) if isinstance(service, Stallable) else contextlib.nullcontext()
    try:
        while _serve_one(requests, service, watch):
            pass
    finally:
        service.close()


def _serve_one(requests: Requests, service: Service, watch: contextlib.AbstractContextManager[object]) -> bool:
    """Answer the next request; ``False`` when there is none. Nothing of a request or an answer is held while the next is waited for."""
    line = requests.next_line()
    if not line:
        return False
    with watch:
        answer = _answer(service, json.loads(line))
    octets = _set_apart(answer)
    requests.channel.sendall(json.dumps(answer).encode() + b"\n")
    if octets:
        requests.channel.sendall(octets)
    return True


def _set_apart(answer: dict[str, Any]) -> bytes:
    """Take the value that is ``bytes`` out of an answer, which says then what follows its line; empty where there is none."""
    result = answer.get("ok", {})
    name = next((name for name, value in result.items() if isinstance(value, bytes)), None)
    if name is None:
        return b""
    octets: bytes = result.pop(name)
    answer["octets"] = [name, len(octets)]
    return octets


def _answer(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    service.link_us = 0
    try:
        result = service.operations[request["op"]](request["args"], Deadline.after(request["timeout"]))
    except HalError as error:
        return {"id": request["id"], "error": error.kind, "data": error.data, "link_us": service.link_us}
    return {"id": request["id"], "ok": result, "link_us": service.link_us}


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[2])), sys.argv[1])
