# SPDX-License-Identifier: Apache-2.0
"""The operator's HTTP application (Starlette), and everything that can go wrong with an answer.

A request is one event of the fault plan (``any`` first, then its own name: approve, status, result, evidence, unlock, relay, time,
heartbeat, log, checkpoint, enrol), and a second one, ``NAME_done``, after its work was committed and before the answer leaves. Kinds of
fault:

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

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from simulators.backend.api import MAX_BODY, OPERATIONS, Api, Request
from simulators.backend.approvals import REPLAY, VARIANTS
from simulators.backend.errors import ApiError
from simulators.backend.store import StoreFailed
from simulators.backend.wire import CLIENT, CONNECTION

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from simulators.backend.api import Operation
    from simulators.kit import Fault, FaultPlan, Transcript

SHOWN = 64 * 1024
"""Bytes of a request's body that the transcript shows."""
BEFORE = frozenset({"delay", "hangup", "status"})
_CORRELATOR = re.compile(r"[A-Za-z0-9._:;/<>{}-]{1,256}")


class _Segment(Convertor[str]):
    """One segment of a path, even an empty one: a key that is none is the caller's error, not another path."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("segment", _Segment())


@dataclass(slots=True)
class Answer:
    """Status, body and what the connection does afterwards."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    closing: bool = False


def application(api: Api, faults: FaultPlan, transcript: Transcript) -> Starlette:
    """Return the application that answers with ``api``."""
    rows = [Route(row.path.replace("}", ":segment}"), _Endpoint(api, faults, transcript, row), methods=[row.method]) for row in OPERATIONS]
    app = Starlette(routes=rows)
    app.router.default = _Endpoint(api, faults, transcript, None)
    app.router.redirect_slashes = False
    return app


class _Endpoint:
    """One operation as an ASGI application; ``None`` is what no operation matches."""

    def __init__(self, api: Api, faults: FaultPlan, transcript: Transcript, operation: Operation | None) -> None:
        self._api, self._faults, self._transcript, self._operation = api, faults, transcript, operation
        self._event = operation.event if operation else "unknown"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or do what the fault plan says instead."""
        if self._operation and scope["method"] != self._operation.method:
            await _Endpoint(self._api, self._faults, self._transcript, None)(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._transcript)
        try:
            body = await exchange.body(self._operation.most if self._operation else MAX_BODY)
        except ApiError as error:
            await exchange.answer(_refusal(error, closing=True), None)
            return
        if body is None:
            return
        self._transcript.frame(">", body[:SHOWN], f"{scope['method']} {scope['path']}")
        fault = await self._due("any") or await self._due(self._event)
        early = fault is not None and fault.do in BEFORE and not fault.options.get("after")
        if fault and early and not await exchange.strike(fault):
            return
        answer = await self._carry_out(exchange, body, fault)
        later = await self._due(f"{self._event}_done") or (None if early else fault)
        await exchange.answer(answer, later)

    async def _due(self, event: str) -> Fault | None:
        """Return the fault due at ``event``; one that holds must not hold the loop."""
        return self._faults.next(event) if self._faults.quiet else await asyncio.to_thread(self._faults.next, event)

    async def _carry_out(self, exchange: _Exchange, body: bytes, fault: Fault | None) -> Answer:
        variant = fault.options.get("variant") if fault and fault.do == "bad_approval" else None
        try:
            act = self._operation.act if self._operation else Api.nothing
            value = await act(self._api, exchange.request(body, variant))
        except ApiError as error:
            return _refusal(error)
        except (StoreFailed, ConnectionError):
            return _refusal(ApiError(503, "UNAVAILABLE", "nothing was stored"))
        except Exception as error:  # noqa: BLE001  # our own mistake: the caller gets the API's form, the transcript its kind
            self._transcript.note(f"internal error: {type(error).__name__}")
            sys.excepthook(type(error), error, error.__traceback__)
            return _refusal(ApiError(500, "INTERNAL", "the operator made a mistake"))
        return Answer(202 if value.get("outcome") == "held" else 200, json.dumps(value).encode())


class _Exchange:
    """One request and its answer on their connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, transcript: Transcript) -> None:
        self._scope, self._receive, self._send, self._transcript = scope, receive, send, transcript
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._correlator = self._headers.get(b"x-correlator", b"").decode("latin-1")

    async def body(self, most: int) -> bytes | None:
        """Return the request's body, ``None`` when the client is gone; raises :class:`ApiError` 413 for more than ``most`` bytes."""
        length = self._headers.get(b"content-length", b"0" if self._scope["method"] == "GET" else b"")
        if not length.isdigit() or int(length) > most:
            raise ApiError(413, "INVALID_ARGUMENT", "length")
        parts, more = [], True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(parts)

    def request(self, body: bytes, variant: str | None) -> Request:
        """Return what the operation is told; raises :class:`ApiError` 400 for a correlator that is none."""
        if variant is not None and variant != REPLAY and variant not in VARIANTS:
            raise ApiError(503, "UNAVAILABLE", "no such variant in the fault plan")
        if b"x-correlator" in self._headers and not _CORRELATOR.fullmatch(self._correlator):
            raise ApiError(400, "INVALID_ARGUMENT", "x-correlator")
        scheme, _, token = self._headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        key = self._scope.get("path_params", {}).get("key", self._headers.get(b"idempotency-key", b"").decode("latin-1"))
        return Request(key, token if scheme == "Bearer" else "", body, self._scope.get(CLIENT), variant)

    async def strike(self, fault: Fault) -> bool:
        """Carry out a fault that needs no answer; returns whether the request goes on."""
        self._transcript.note(f"fault {fault.do}")
        if fault.do == "delay":
            await asyncio.sleep(float(fault.options.get("ms", 1000)) / 1000)
            return True
        if fault.do == "hangup":
            await self._close()
            return False
        code = str(fault.options.get("code", "UNAVAILABLE"))
        await self.answer(_refusal(ApiError(int(fault.options.get("status", 503)), code, "fault plan")), None)
        return False

    async def answer(self, answer: Answer, fault: Fault | None) -> None:
        """Send the answer, or what ``fault`` makes of it."""
        if fault and fault.do in BEFORE and not await self.strike(fault):
            return
        if fault and fault.do == "garbage":
            text = fault.options.get("text")
            answer = Answer(200, str(text).encode() if text is not None else os.urandom(200))
        if fault and fault.do == "oversized":
            answer = Answer(200, b'{"filler":"' + b"x" * int(fault.options.get("bytes", 1 << 20)) + b'"}')
        self._transcript.frame("<", answer.body[:4096], str(answer.status))
        if fault and fault.do in {"drip", "cut"}:
            await self._dribble(_whole(answer, closing=True), float(fault.options.get("ms", 50)) / 1000 if fault.do == "drip" else None)
            return
        await self._send_answer(answer)
        if fault and fault.do == "double":
            self._scope[CONNECTION].transport.write(_whole(answer, closing=False))

    async def _send_answer(self, answer: Answer) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer.body)).encode()), *answer.headers]
        if _CORRELATOR.fullmatch(self._correlator):
            headers.append((b"x-correlator", self._correlator.encode()))
        if answer.closing:
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    async def _dribble(self, data: bytes, pause_s: float | None) -> None:
        """Send byte by byte with a pause, or (without one) only the first half; then close."""
        transport = self._scope[CONNECTION].transport
        if pause_s is None:
            transport.write(data[: len(data) // 2])
        else:
            for position in range(len(data)):
                if transport.is_closing():
                    break
                transport.write(data[position : position + 1])
                await asyncio.sleep(pause_s)
        await self._close()

    async def _close(self) -> None:
        """Close the connection and wait until the server has noticed, so that it does not answer in our place."""
        self._scope[CONNECTION].transport.close()
        while (await self._receive())["type"] != "http.disconnect":
            continue


def _whole(answer: Answer, *, closing: bool) -> bytes:
    head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(answer.body)}\r\n" + ("Connection: close\r\n" if closing else "") + "\r\n"
    return head.encode() + answer.body


def _refusal(error: ApiError, *, closing: bool = False) -> Answer:
    value: dict[str, Any] = {"status": error.status, "code": error.code, "message": error.message}
    return Answer(error.status, json.dumps(value).encode(), closing=closing)
