# SPDX-License-Identifier: Apache-2.0
"""Run a camera: ``python -m simulators.camera --socket PATH``, or with ``--table`` the one that looks down on documents.

Ready line: ``{"ready": "camera", "source": PATH}``. Control: ``persona {"persona": KEY}`` (who stands before it), ``cover``/``uncover``
(no picture), ``frames {}`` → ``{"count": n}``. On the table, instead of ``persona``: ``lay {"document": "D02", "persona": KEY, "page": 1}``
and ``lift {}``; nothing lies there at the start, and nothing is no picture. Event: ``frame``. Faults: ``hold``, ``silence`` (says nothing
until the other end gives up), ``hang_up``, ``oversize``, ``truncated`` (``"bytes": n`` of the message sent, default half), ``garbage``,
``trailing``.
"""

from __future__ import annotations

import argparse
import random
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.camera.picture import take, take_page
from simulators.kit import add_common_arguments, from_arguments
from simulators.personas import PERSONAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.kit import Fault, SimulatorProcess

    View = Callable[[int], bytes]
    """Frame number → what the camera sees."""

OVERSIZE = 256 * 1024 + 1


class Camera:
    """Accepts connections one at a time and answers each with one picture."""

    def __init__(self, process: SimulatorProcess, path: Path, persona: str | None) -> None:
        """``persona`` stands before the camera; with ``None`` it looks down on a table."""
        self._process = process
        self._view: View | None = None
        if persona is None:
            process.command("lay", lambda request: self._lay(request["document"], request["persona"], request.get("page", 1)))
            process.command("lift", lambda _: self._lift())
        else:
            self._stand(persona)
            process.command("persona", lambda request: self._stand(str(request["persona"])))
        self._covered = False
        self._count = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(4)
        process.command("cover", lambda _: self._cover(covered=True))
        process.command("uncover", lambda _: self._cover(covered=False))
        process.command("frames", lambda _: {"count": self._count})
        threading.Thread(target=self._serve, daemon=True).start()

    def _stand(self, persona: str) -> None:
        self._see(lambda number: take(persona, number))

    def _lay(self, document: str, persona: str, page: int) -> None:
        try:
            self._see(lambda number: take_page(document, persona, page, number))
        except IndexError as error:
            raise ValueError(f"{document} has no page {page}") from error
        self._process.transcript.note(f"lay {document} page {page} of {persona}")

    def _lift(self) -> None:
        self._view = None
        self._process.transcript.note("lift")

    def _see(self, view: View) -> None:
        view(0)  # drawn once, before anybody waits for it
        self._view = view

    def _cover(self, *, covered: bool) -> None:
        self._covered = covered

    def _serve(self) -> None:
        while True:
            channel, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(channel,), daemon=True).start()

    def _answer(self, channel: socket.socket) -> None:
        with channel:
            try:
                self._send(channel)
            except OSError as error:
                self._process.transcript.note(f"the other end left: {type(error).__name__}")

    def _send(self, channel: socket.socket) -> None:
        fault = self._process.faults.next("frame")
        view = self._view
        if self._covered or view is None:
            channel.sendall(bytes(4))
            return
        self._count += 1
        image = view(self._count)
        message = len(image).to_bytes(4, "big") + image
        if fault:
            self._process.transcript.note(f"fault {fault.do}")
            if fault.do == "silence":
                channel.recv(1)  # returns when the other end closes
                return
            message = _spoil(message, fault)
        channel.sendall(message)
        self._process.transcript.note(f"frame {self._count}: {len(message)} bytes")


def _spoil(message: bytes, fault: Fault) -> bytes:
    match fault.do:
        case "hang_up":
            return b""
        case "oversize":
            return OVERSIZE.to_bytes(4, "big") + bytes(OVERSIZE)
        case "truncated":
            return message[: int(fault.options.get("bytes", len(message) // 2))]
        case "garbage":
            return message[:4] + random.Random(len(message)).randbytes(len(message) - 4)
        case "trailing":
            return message + b"\x00"
        case _:
            return message


def main() -> None:
    """Run the simulator."""
    parser = argparse.ArgumentParser(prog="python -m simulators.camera", description="A counter camera.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to serve pictures on")
    parser.add_argument("--persona", choices=sorted(PERSONAS), default="zhang", help="who stands before the camera")
    parser.add_argument("--table", action="store_true", help="look down on a table where documents are laid")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("camera", arguments)
    Camera(process, arguments.socket, None if arguments.table else arguments.persona)
    process.ready(source=str(arguments.socket))
    process.run()


if __name__ == "__main__":
    main()
