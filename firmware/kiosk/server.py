# SPDX-License-Identifier: Apache-2.0
"""The door to the screen: whole views out, intents in, as JSON lines over a Unix socket only this user can open.

Rules
* The terminal owns the state; a client renders views and posts intents. The newest view is sent to whoever connects.
* An intent is taken only when the session waits for that very intent; anything else is answered with a reason and forgotten.
* A client that does not read is dropped; it never holds the session up.
* What is said in one go of the event loop is sent in one piece.

It decides nothing about sessions and keeps no personal data: masked values pass through it, and the last view is replaced by the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from firmware.kiosk import intents

if TYPE_CHECKING:
    from pathlib import Path

MAX_BACKLOG = 256 * 1024
"""Bytes a client may leave unread before it is dropped."""
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Kiosk:
    """Serves one socket. All methods belong to the event loop's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._view: dict[str, Any] = {}
        self._unsent: list[bytes] = []
        self._seq = 0
        self._wanted: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def open(self) -> None:
        """Begin to listen; a socket left by a killed process is replaced."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._client, str(self._path), limit=intents.MAX_BYTES)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening, drop all clients and see their connections end."""
        if self._server:
            self._server.close()
        self.send()
        for client in list(self._clients):
            client.transport.abort()
        await asyncio.gather(*self._serving)

    def show(self, **view: Any) -> None:
        """Replace what the screen shows."""
        self._seq += 1
        self._view = {"type": "view", "seq": self._seq, **view}
        self._broadcast(self._view)

    def tell(self, kind: str, **fields: Any) -> None:
        """Send a passing message: the progress of a step, a result."""
        self._broadcast({"type": kind, **fields})

    async def wait_for(self, *names: str) -> dict[str, Any]:
        """Wait for the next of the named intents and return it."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        for name in names:
            self._wanted[name] = future
        try:
            return await future
        finally:
            for name in names:
                if self._wanted.get(name) is future:
                    del self._wanted[name]

    def _broadcast(self, message: dict[str, Any]) -> None:
        self._unsent.append(_line(message))
        if len(self._unsent) == 1:
            asyncio.get_running_loop().call_soon(self.send)

    def send(self) -> None:
        """Send everybody now what was said since the last time, in one piece: a step's end, the next one's beginning and its view."""
        data = b"".join(self._unsent)
        self._unsent.clear()
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > MAX_BACKLOG:
                self._clients.discard(client)
                client.transport.abort()
            else:
                client.write(data)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.send()  # what was said before is not for this one, who gets the newest view
        self._clients.add(writer)
        task = asyncio.current_task()
        if task:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        if self._view:
            writer.write(_line(self._view))
        try:
            while line := await reader.readline():
                writer.write(_line(self._take(line)))
                await writer.drain()  # whoever asks without reading the answers is not heard any further
        except (OSError, ValueError):
            pass  # the client left, or sent a line without an end: it may connect again
        finally:
            self._clients.discard(writer)
            writer.close()

    def _take(self, line: bytes) -> dict[str, Any]:
        try:
            intent = intents.parse(line)
        except intents.BadIntent as error:
            return {"type": "intent", "ok": False, "reason": str(error)}
        future = self._wanted.get(intent["intent"])
        if future is None or future.done():
            return {"type": "intent", "ok": False, "reason": "not expected now"}
        future.set_result(intent)
        return {"type": "intent", "ok": True, "reason": ""}


def _line(message: dict[str, Any]) -> bytes:
    return _ENCODER.encode(message).encode() + b"\n"
