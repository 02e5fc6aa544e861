# SPDX-License-Identifier: Apache-2.0
"""The body of a device worker: one killable process for one device class.

Decides nothing. It reads one JSON line per request on a socket, runs the named operation of the device's service under the
deadline given, and answers with one line. Blocking device libraries live only here, so that the terminal can kill what hangs.

Request  ``{"id": n, "op": NAME, "args": {…}, "timeout": seconds}``
Answer   ``{"id": n, "ok": {…}, "link_us": t}`` or ``{"id": n, "error": KIND, "data": {…}, "link_us": t}``

The first line is ``{"config": {…}}``, the device's own table of the terminal's configuration. Bytes travel as hex. ``link_us``
is the time spent waiting for the device, which the terminal subtracts to know its own share.

It outlives the signals that ask a whole process group to stop (console, service manager): the terminal decides when a card that
is being written may be left alone. It ends when the terminal closes the socket, dies, or kills it.

Run: ``python -m hal.worker CLASS FD``.
"""

from __future__ import annotations

import importlib
import json
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hal.deadline import Deadline
from hal.errors import HalError

Operation = Callable[[dict[str, Any], Deadline], dict[str, Any]]

MAX_LINE = 1 << 20
"""Longest request or answer in bytes; a portrait frame of 256 KiB as hex fits."""


class Service(Protocol):
    """What a device package offers to the worker: named operations, and the time its link was waited for."""

    operations: Mapping[str, Operation]
    link_us: int
    """Microseconds spent inside link calls since the last time the worker reset it to 0."""

    def close(self) -> None:
        """Let go of the device."""


SERVICES: Mapping[str, str] = {
    "id_reader": "hal.id_reader.service:IdReaderService",
    "sim_card": "hal.sim_card.service:SimCardService",
    "controller": "hal.controller.service:ControllerService",
    "camera": "hal.camera.service:CameraService",
    "printer": "hal.printer.service:PrinterService",
}
"""Device class → service class, called with the device's configuration table."""


def serve(channel: socket.socket, service_name: str) -> None:
    """Answer requests on ``channel`` until the other end closes it."""
    stream = channel.makefile("rwb")
    first = stream.readline(MAX_LINE)
    if not first:
        return
    module, _, name = SERVICES[service_name].partition(":")
    service: Service = getattr(importlib.import_module(module), name)(json.loads(first)["config"])
    try:
        for line in iter(lambda: stream.readline(MAX_LINE), b""):
            stream.write(json.dumps(_answer(service, json.loads(line))).encode() + b"\n")
            stream.flush()
    finally:
        service.close()


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
