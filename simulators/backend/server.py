# SPDX-License-Identifier: Apache-2.0
"""The operator on the wire: HTTP/1.1 with keep-alive over TLS, and everything that can go wrong there.

A request is one event of the fault plan (``any`` first, then its own name: approve, status, result, unlock, relay, time, heartbeat, enrol),
and a second one, ``NAME_done``, after its work was committed and before the answer leaves. Kinds of fault:

===============  ===================================================================================================
``delay``        wait ``ms`` (1000)
``hangup``       close without an answer
``status``       answer HTTP ``status`` (503) with ``code`` (UNAVAILABLE)
``garbage``      answer 200 with ``text`` or 200 random bytes as the body
``oversized``    answer 200 with a JSON body of ``bytes`` (1 MiB)
``drip``         send the answer one byte every ``ms`` (50)
``double``       send the answer twice
``cut``          send half of the answer, then close
``bad_approval`` answer with the approval wrong in the way ``variant`` names (event approve)
===============  ===================================================================================================

``delay``, ``hangup`` and ``status`` strike before the work is done, unless ``"after": true`` (or at ``NAME_done``); the others
after it. What a request means is not decided here.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from simulators.backend.api import Api, Request
from simulators.backend.approvals import REPLAY, VARIANTS
from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from simulators.kit import Fault, FaultPlan, Transcript

MAX_BODY = 512 * 1024
BEFORE = frozenset({"delay", "hangup", "status"})
Answer = tuple[int, dict[str, Any]]


class Server(ThreadingHTTPServer):
    """Listens on loopback; one thread for each connection, the handshake included."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, context: ssl.SSLContext, api: Api, faults: FaultPlan, transcript: Transcript, idle_s: float) -> None:
        self.context, self.api, self.faults, self.transcript, self.idle_s = context, api, faults, transcript, idle_s
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its handshake happens in its own thread."""
        plain, address = super().get_request()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        plain.settimeout(self.idle_s)
        connection = self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open.add(connection)
            self.accepted += 1
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> int:
        """Close every open connection, as an impatient gateway does; returns how many."""
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                self.transcript.note("a connection was already gone")
        return len(connections)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # the base class names them
        """Note a broken connection; a client that leaves is no event worth a traceback."""
        self.transcript.note("connection broken")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def handle(self) -> None:
        """Shake hands, then answer requests until the connection ends."""
        try:
            self.connection.do_handshake()
            der = self.connection.getpeercert(binary_form=True)
            self._client = hashlib.sha256(der).digest() if der else None
            super().handle()
        except (OSError, ssl.SSLError) as error:
            self.server.transcript.note(f"connection ended: {type(error).__name__}")
            self.close_connection = True
            self._linger()

    def _linger(self) -> None:
        """Read what the client still sends, so that closing does not reset the connection before it has seen the alert."""
        try:
            socket.socket.shutdown(self.connection, socket.SHUT_WR)
            self.connection.settimeout(1)
            while socket.socket.recv(self.connection, 65536):
                pass
        except OSError:
            self.server.transcript.note("the client is gone")

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve(b"")

    def do_POST(self) -> None:
        """Answer a POST."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(_error(ApiError(413, "INVALID_ARGUMENT", "length")), None)
            return
        body = self.rfile.read(int(length))
        if len(body) == int(length):
            self._serve(body)

    def _serve(self, body: bytes) -> None:
        self.server.transcript.frame(">", body, f"{self.command} {self.path}")
        event = self.server.api.event(self.command, self.path)
        fault = self.server.faults.next("any") or self.server.faults.next(event)
        early = fault is not None and fault.do in BEFORE and not fault.options.get("after")
        if fault and early and not self._strike(fault):
            return
        answer = self._answer(body, fault)
        later = self.server.faults.next(f"{event}_done") or (None if early else fault)
        self._send(answer, later)

    def _answer(self, body: bytes, fault: Fault | None) -> Answer:
        variant = fault.options.get("variant") if fault and fault.do == "bad_approval" else None
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        bearer = token if scheme == "Bearer" else ""
        key = self.headers.get("Idempotency-Key", "")
        if variant is not None and variant != REPLAY and variant not in VARIANTS:
            return _error(ApiError(503, "UNAVAILABLE", "no such variant in the fault plan"))
        try:
            return 200, self.server.api.answer(Request(self.command, self.path, key, bearer, body, self._client, variant))
        except ApiError as error:
            return _error(error)

    def _strike(self, fault: Fault) -> bool:
        """Carry out a fault that needs no answer; returns whether the request goes on."""
        self.server.transcript.note(f"fault {fault.do}")
        if fault.do == "delay":
            time.sleep(float(fault.options.get("ms", 1000)) / 1000)
            return True
        if fault.do == "hangup":
            self.close_connection = True
            return False
        code = str(fault.options.get("code", "UNAVAILABLE"))
        self._send(_error(ApiError(int(fault.options.get("status", 503)), code, "fault plan")), None)
        return False

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        if fault and fault.do in BEFORE and not self._strike(fault):
            return
        status, value = answer
        body = json.dumps(value).encode()
        if fault and fault.do == "garbage":
            text = fault.options.get("text")
            status, body = 200, str(text).encode() if text is not None else os.urandom(200)
        if fault and fault.do == "oversized":
            status, body = 200, b'{"filler":"' + b"x" * int(fault.options.get("bytes", 1 << 20)) + b'"}'
        self.server.transcript.frame("<", body[:4096], str(status))
        closing = self.close_connection or (fault is not None and fault.do in {"drip", "cut"})
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        whole = (head + ("Connection: close\r\n" if closing else "") + "\r\n").encode() + body
        if fault and fault.do in {"drip", "cut"}:
            self._dribble(whole, float(fault.options.get("ms", 50)) / 1000 if fault.do == "drip" else None)
            return
        self.wfile.write(whole * 2 if fault and fault.do == "double" else whole)
        self.wfile.flush()

    def _dribble(self, data: bytes, pause_s: float | None) -> None:
        """Send byte by byte with a pause, or (without one) only the first half; then close."""
        self.close_connection = True
        if pause_s is None:
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            return
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            self.wfile.flush()
            time.sleep(pause_s)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it
        """Keep standard error quiet; the transcript has the frames."""


def _error(error: ApiError) -> Answer:
    return error.status, {"status": error.status, "code": error.code, "message": error.message}
