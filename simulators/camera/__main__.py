# SPDX-License-Identifier: Apache-2.0
"""Run a camera: ``python -m simulators.camera --socket PATH``.

Ready line: ``{"ready": "camera", "source": PATH}``. Control: ``persona {"persona": KEY}`` (who stands before it), ``cover``/``uncover``
(no picture), ``frames {}`` → ``{"count": n}``. Event: ``frame``. Faults: ``hold``, ``silence`` (says nothing until the other end
gives up), ``hang_up``, ``oversize``, ``truncated`` (``"bytes": n`` of the message sent, default half), ``garbage``, ``trailing``.
"""

from __future__ import annotations

import argparse
import random
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.camera.picture import take
from simulators.kit import add_common_arguments, from_arguments
from simulators.personas import PERSONAS

if TYPE_CHECKING:
    from simulators.kit import Fault, SimulatorProcess

OVERSIZE = 256 * 1024 + 1


class Camera:
    """Accepts connections one at a time and answers each with one picture."""

    def __init__(self, process: SimulatorProcess, path: Path, persona: str) -> None:
        self._process = process
        self._persona = persona
        take(persona, 0)  # drawn once, before anybody waits for it
        self._covered = False
        self._count = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(4)
        process.command("persona", lambda request: self._stand(str(request["persona"])))
        process.command("cover", lambda _: self._cover(covered=True))
        process.command("uncover", lambda _: self._cover(covered=False))
        process.command("frames", lambda _: {"count": self._count})
        threading.Thread(target=self._serve, daemon=True).start()

    def _stand(self, persona: str) -> None:
        take(persona, 0)
        self._persona = persona

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
        if self._covered:
            channel.sendall(bytes(4))
            return
        self._count += 1
        image = take(self._persona, self._count)
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
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("camera", arguments)
    Camera(process, arguments.socket, arguments.persona)
    process.ready(source=str(arguments.socket))
    process.run()


if __name__ == "__main__":
    main()
