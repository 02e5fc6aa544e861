# SPDX-License-Identifier: Apache-2.0
"""Connections: HTTP/1.1 by uvicorn's httptools protocol over TLS, with what a gateway needs to know of each and to do to it.

Rules
* the digest of the TLS client certificate is in the request's scope; a certificate nobody trusts ends in the handshake, and the client is
  told why before the connection goes
* what is no HTTP at all is answered in the API's own error form
* a connection that says nothing for ``idle_s`` while nothing is being answered is closed: silent, half-sent or slow requests end there
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import socket

    from simulators.kit import Transcript

CLIENT = "rnt.client"
CONNECTION = "rnt.connection"
SWEEPS = 4
"""How often an idle time is looked at."""


class TellingObject(ssl.SSLObject):
    """A TLS end whose failed handshake first lets its alert go out: asyncio drops what is unsent when a handshake fails."""

    _failed: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Shake hands; a failure is raised when the peer has answered or gone."""
        if self._failed is not None:
            raise self._failed
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            raise
        except ssl.SSLError as error:
            self._failed = error
            raise ssl.SSLWantReadError from None


class Wire:
    """What all connections have in common."""

    def __init__(self, transcript: Transcript, idle_s: float) -> None:
        self.transcript, self.idle_s = transcript, idle_s
        self.accepted = 0


class Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, wire: Wire, **settings: Any) -> None:
        super().__init__(**settings)
        self._wire = wire
        self._client: bytes | None = None
        self.heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base class has it
        """Take the certificate's digest."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls else None
        self._client = hashlib.sha256(der).digest() if der else None
        self._wire.accepted += 1
        self.heard = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Note the time and go on."""
        self.heard = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Add who asks to the request's scope."""
        super().on_message_begin()
        self.scope[CLIENT] = self._client  # type: ignore[literal-required]  # a scope takes more than its type says
        self.scope[CONNECTION] = self  # type: ignore[literal-required]  # as above

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # the base class names it
        """Answer what is no HTTP, and close."""
        body = json.dumps({"status": 400, "code": "INVALID_ARGUMENT", "message": "not HTTP"}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    @property
    def answering(self) -> bool:
        """Whether a whole request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body  # type: ignore[redundant-expr]  # None before the first request


class Server(uvicorn.Server):
    """uvicorn on one listening socket, with its connections in reach. ``listens``: the socket is served."""

    def __init__(self, app: Any, context: ssl.SSLContext, listening: socket.socket, wire: Wire) -> None:
        context.sslobject_class = TellingObject
        config = uvicorn.Config(
            app,
            http=functools.partial(Connection, wire),  # type: ignore[arg-type]  # called like the class it stands for
            ws="none",
            lifespan="off",
            loop="uvloop",
            interface="asgi3",
            ssl_context_factory=lambda _config, _default: context,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=max(1, round(wire.idle_s)),
        )
        super().__init__(config)
        self._listening, self.wire = listening, wire
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.listens = threading.Event()

    def serve_forever(self) -> None:
        """Serve in this thread until the process ends."""
        self.run(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._sweeping = asyncio.create_task(self._sweep())
        self.listens.set()

    def drop_connections(self) -> int:
        """Close every open connection, as an impatient gateway does; returns how many. From any other thread."""
        if self._loop is None:
            return 0
        return asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result()

    async def _drop(self) -> int:
        connections = list(self.server_state.connections)
        for connection in connections:
            connection.transport.abort()
        return len(connections)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.wire.idle_s / SWEEPS)
            since = asyncio.get_running_loop().time() - self.wire.idle_s
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection) and connection.heard < since and not connection.answering:
                    self.wire.transcript.note("idle connection closed")
                    connection.transport.close()
