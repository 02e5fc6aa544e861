# SPDX-License-Identifier: Apache-2.0
"""The screen's socket: newest view first, intents only when asked for, nobody else's socket, no client holds the session up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.kiosk import server
from firmware.kiosk.server import Kiosk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(path))


async def message(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(5):
        value: dict[str, Any] = json.loads(await reader.readline())
    return value


async def say(writer: asyncio.StreamWriter, intent: dict[str, Any]) -> None:
    writer.write(json.dumps(intent).encode() + b"\n")
    await writer.drain()


async def newest_view_is_sent_to_whoever_connects(kiosk: Kiosk, path: Path) -> None:
    kiosk.show(state="starting")
    kiosk.show(state="ready")
    reader, writer = await connect(path)
    assert (await message(reader))["state"] == "ready"
    writer.close()


async def intent_is_taken_only_when_waited_for(kiosk: Kiosk, path: Path) -> None:
    reader, writer = await connect(path)
    await say(writer, {"intent": "notice", "acknowledged": True})
    assert (await message(reader)) == {"type": "intent", "ok": False, "reason": "not expected now"}
    waiting = asyncio.ensure_future(kiosk.wait_for("notice"))
    await asyncio.sleep(0)
    await say(writer, {"intent": "start", "kind": "T01"})
    assert not (await message(reader))["ok"]
    await say(writer, {"intent": "notice", "acknowledged": True})
    assert (await message(reader))["ok"]
    assert await waiting == {"intent": "notice", "acknowledged": True}
    await say(writer, {"intent": "notice", "acknowledged": True})
    assert not (await message(reader))["ok"]
    writer.close()


async def client_that_does_not_read_is_dropped(kiosk: Kiosk, path: Path) -> None:
    reader, writer = await connect(path)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a Unix socket's transport can
    for _ in range(3 * server.MAX_BACKLOG // 1000):
        kiosk.tell("step", filler="x" * 1000)
        await asyncio.sleep(0)
    second, other = await connect(path)
    kiosk.show(state="ready")
    assert (await message(second))["state"] == "ready"
    assert len(kiosk._clients) == 1
    del reader
    writer.close()
    other.close()


async def client_that_asks_without_reading_is_not_heard_for_ever(kiosk: Kiosk, path: Path) -> None:
    _, writer = await connect(path)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a Unix socket's transport can
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            for _ in range(40_000):
                writer.write(b"{}\n" * 100)
                await writer.drain()
    (client,) = kiosk._clients
    assert client.transport.get_write_buffer_size() <= server.MAX_BACKLOG
    writer.transport.abort()


async def endless_line_ends_the_connection_only(kiosk: Kiosk, path: Path) -> None:
    reader, writer = await connect(path)
    writer.write(b"x" * 100_000)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    second, other = await connect(path)
    kiosk.show(state="ready")
    assert (await message(second))["state"] == "ready"
    writer.close()
    other.close()


async def socket_is_the_users_own_and_replaces_a_dead_one(kiosk: Kiosk, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # noqa: ASYNC240  # one look at a local socket
    await kiosk.close()
    again = Kiosk(path)
    await again.open()
    await again.close()


SCENARIOS: dict[str, Callable[[Kiosk, Path], Awaitable[None]]] = {
    "newest-view": newest_view_is_sent_to_whoever_connects,
    "intents": intent_is_taken_only_when_waited_for,
    "slow-client": client_that_does_not_read_is_dropped,
    "deaf-client": client_that_asks_without_reading_is_not_heard_for_ever,
    "endless-line": endless_line_ends_the_connection_only,
    "socket": socket_is_the_users_own_and_replaces_a_dead_one,
}


async def play(scenario: str, path: Path) -> None:
    kiosk = Kiosk(path)
    await kiosk.open()
    try:
        await SCENARIOS[scenario](kiosk, path)
    finally:
        await kiosk.close()


@pytest.mark.clause("AH-12")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_kiosk(scenario: str) -> None:
    with tempfile.TemporaryDirectory(prefix="rnt-k-") as name:
        asyncio.run(play(scenario, Path(name) / "kiosk.sock"))
