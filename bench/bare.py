# SPDX-License-Identifier: Apache-2.0
"""The exchanges of an activation done bare: the same bytes through the plain libraries, with nothing decided, checked or kept.

What a session exchanged is taken from the simulators' transcripts; the operator's two requests are made anew, because a record is
answered once. Every function returns milliseconds.
"""

from __future__ import annotations

import base64
import functools
import http.client
import json
import os
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import serial
from smartcard import scard

from firmware.keystore import tls_key_file
from hal.controller import frames as frames_of_link
from hal.controller import messages

if TYPE_CHECKING:
    from pathlib import Path

    from bench.requests import RequestMaker
    from tests.support.station import Station

HEADERS = {scard.SCARD_PROTOCOL_T0: scard.SCARD_PCI_T0, scard.SCARD_PROTOCOL_T1: scard.SCARD_PCI_T1}
PREAMBLE = bytes.fromhex("aaaaaa9669")
HEADER = 7
SHARED, ANY_PROTOCOL, RESET = scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1, scard.SCARD_RESET_CARD


def frames(log: Path, offset: int) -> list[tuple[str, bytes]]:
    """Return direction and bytes of each frame in a transcript after ``offset`` bytes."""
    lines = log.read_bytes()[offset:].splitlines()
    return [(entry["dir"], bytes.fromhex(entry["hex"])) for entry in map(json.loads, lines) if "dir" in entry]


def milliseconds(work: Any) -> float:
    """Return how long ``work`` takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def id_reader(port: str, exchanged: list[tuple[str, bytes]]) -> float:
    """Send each command of the reading and take its answer by length."""
    requests = [_request(data) for direction, data in exchanged if direction == ">"]
    with serial.Serial(port, 115200, timeout=5) as line:

        def run() -> None:
            for request in requests:
                line.write(request)
                head = line.read(HEADER)
                line.read(struct.unpack(">H", head[5:7])[0])

        return milliseconds(run)


def _request(data: bytes) -> bytes:
    body = struct.pack(">H", len(data) + 1) + data
    return PREAMBLE + body + bytes([functools.reduce(lambda a, b: a ^ b, body)])


class Writer:
    """The card slot through pyscard's plain calls; the process's first use decides which service it talks to."""

    def __init__(self, reader: str, pcscd_socket: str) -> None:
        os.environ["PCSCLITE_CSOCK_NAME"] = pcscd_socket
        self._reader = reader
        self._context = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))

    def exchange(self, exchanged: list[tuple[str, bytes]]) -> float:
        """Connect twice, as the session does, and transmit each command."""
        commands = [list(data) for direction, data in exchanged if direction == ">"]

        def run() -> None:
            for part in (commands[:3], commands[3:]):
                card, protocol = _done(scard.SCardConnect(self._context, self._reader, SHARED, ANY_PROTOCOL))
                for command in part:
                    _done(scard.SCardTransmit(card, HEADERS[protocol], command))
                _done(scard.SCardDisconnect(card, RESET))

        return milliseconds(run)

    def close(self) -> None:
        """Let go of the service."""
        scard.SCardReleaseContext(self._context)


def _done(answer: Any) -> Any:
    """Return what a PC/SC call answered beside its code; ``RuntimeError`` when the code is not success."""
    code, *rest = answer if isinstance(answer, list | tuple) else (answer,)
    if code != scard.SCARD_S_SUCCESS:
        raise RuntimeError(scard.SCardGetErrorMessage(code))
    return rest[0] if len(rest) == 1 else rest


def camera(source: str) -> float:
    """Fetch one picture."""

    def run() -> None:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(source)
            with channel.makefile("rb") as stream:
                stream.read(struct.unpack(">I", stream.read(4))[0])

    return milliseconds(run)


CONFIRMATION = ((messages.Command.ARM, messages.arm_payload(bytes(16), 60)), (messages.Command.STATE, b""), (messages.Command.DISARM, b""))


def controller(port: str) -> float:
    """Arm the button, look at it once, disarm it."""
    wires = [frames_of_link.build(frames_of_link.Frame(200 + number, *asked)) for number, asked in enumerate(CONFIRMATION)]
    with serial.Serial(port, 115200, timeout=5) as line:

        def run() -> None:
            for wire in wires:
                line.write(wire)
                line.read_until(frames_of_link.DELIMITER)
                line.read_until(frames_of_link.DELIMITER)

        return milliseconds(run)


def printer(port: str, exchanged: list[tuple[str, bytes]]) -> float:
    """Write what was printed, and read as many status bytes as were answered."""
    with serial.Serial(port, 115200, timeout=5) as line:

        def run() -> None:
            for direction, data in exchanged:
                if direction == ">":
                    line.write(data)
                else:
                    line.read(len(data))

        return milliseconds(run)


class Operator:
    """The operator over one kept HTTPS connection, with requests made beforehand."""

    def __init__(self, station: Station, maker: RequestMaker) -> None:
        trust = station.state_dir / "trust"
        context = ssl.create_default_context(cafile=str(trust / "operator-ca.pem"))
        with tls_key_file("file:keys/tls.pem", station.state_dir, station.seal()) as key:
            context.load_cert_chain(str(trust / "tls-cert.pem"), str(key))
        address = urlsplit(station.facts["url"])
        self._line = http.client.HTTPSConnection(str(address.hostname), address.port, context=context)
        self._maker = maker
        self._post("/v1/heartbeat", {"serial": maker.serial}, "0" * 32)

    def activation(self, iccid: str) -> float:
        """Ask for an approval, bring the agreement and report the card as cancelled; only the three requests are timed."""
        request = self._maker.request(iccid)
        answers: list[dict[str, Any]] = []
        key = request.session.hex()
        asked = milliseconds(lambda: answers.append(self._post("/v1/activations", request.body, key)))
        approval = base64.urlsafe_b64decode(answers[0]["approval"] + "==")
        result = self._maker.result(request, approval)
        asked += milliseconds(lambda: answers.append(self._post(f"/v1/activations/{key}/evidence", request.evidence, key)))
        if answers[1].get("digest") != request.evidence["digest"]:
            raise RuntimeError("the agreement was not taken")
        return asked + milliseconds(lambda: self._post(f"/v1/activations/{key}/result", result, key))

    def _post(self, path: str, body: dict[str, str], key: str) -> dict[str, Any]:
        self._line.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Idempotency-Key": key})
        answer: dict[str, Any] = json.loads(self._line.getresponse().read())
        return answer

    def close(self) -> None:
        """Hang up."""
        self._line.close()
