# SPDX-License-Identifier: Apache-2.0
"""Device workers seen from the terminal: start, ask under a deadline, kill what hangs, start again.

Rules
* One process per device class; it holds the blocking library, never a decision.
* A request that is not answered ``GRACE_S`` after its deadline (the first one of a process: ``START_S`` later) means the process hangs: it
  is killed, and the next request starts a new one. Nothing is re-sent: whether to ask again is the session's business.
* Errors arrive as :class:`DeviceFailed` with the driver's error kind and plain data. Two kinds are made here: :data:`HANGS`, the device's
  link was silent and its process had to be ended, which is never the subscriber's doing; and :data:`ENDED`, the process was gone, or
  spoke nonsense. ``deadline`` is the driver's own word: it waited, and nothing came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import Any, Final

from hal.worker import STALLED

HANGS: Final = "hangs"
ENDED: Final = "worker_ended"

GRACE_S = 0.5
"""What a worker gets on top of the request's own deadline before it is killed, in seconds."""
START_S = 5.0
"""What a new process gets besides, for its first answer: loading its libraries is no silence of the device."""

MAX_LINE = 1 << 20


class DeviceFailed(Exception):
    """A device operation ended in an error. ``kind`` is the driver's error kind, ``data`` its plain numbers and codes."""

    def __init__(self, device: str, kind: str, data: dict[str, Any]) -> None:
        super().__init__(f"{device}: {kind}")
        self.device = device
        self.kind = kind
        self.data = data


class DeviceWorker:
    """One device class. ``waited_us`` counts the microseconds spent waiting for the device itself."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self.waited_us = 0
        self.restarts = 0
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._lock = asyncio.Lock()
        self._next = 0
        self._new = True
        """The process has not answered yet."""

    @property
    def pid(self) -> int | None:
        """Process id of the worker while it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process if it does not run; the device itself is opened by the first request."""
        if self._process is not None and self._process.returncode is not None:
            self.restarts += 1
            await self.stop()
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hal.worker", self.name, str(theirs.fileno()), pass_fds=(theirs.fileno(),)
            )
        finally:
            theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        self._writer.write(json.dumps({"config": self._config}).encode() + b"\n")

    async def call(self, op: str, *, timeout: float, aside: bool = False, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109  # the deadline travels to the driver
        """Run one operation; raises :class:`DeviceFailed`. ``timeout`` in seconds is the driver's deadline.

        ``aside``: nobody waits for it, so its waiting is not counted: a session's own time would look shorter than it was.
        """
        async with self._lock:
            try:
                answer = await self._exchange({"op": op, "args": arguments, "timeout": timeout}, timeout + GRACE_S)
                self._new = False
            except TimeoutError:
                await self.stop()
                self.restarts += 1
                raise DeviceFailed(self.name, HANGS, {}) from None
            except (OSError, ValueError, RecursionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                gave_up = isinstance(error, asyncio.IncompleteReadError) and await self._gave_up()
                await self.stop()
                self.restarts += 1
                raise DeviceFailed(self.name, HANGS if gave_up else ENDED, {}) from None
            except asyncio.CancelledError:
                await self.stop()
                raise
        self.waited_us += 0 if aside else answer["link_us"]
        if "error" in answer:
            raise DeviceFailed(self.name, answer["error"], answer["data"])
        result: dict[str, Any] = answer["ok"]
        return result

    async def _exchange(self, request: dict[str, Any], limit: float) -> dict[str, Any]:
        await self.start()
        if self._reader is None or self._writer is None:
            raise OSError(self.name)
        self._next += 1
        request["id"] = self._next
        self._writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(limit + START_S if self._new else limit):
            await self._writer.drain()
            line = await self._reader.readuntil(b"\n")
            found: dict[str, Any] = json.loads(line)
            if not _well_formed(found, self._next):
                raise ValueError(self.name)
            if "octets" in found:
                name, length = found.pop("octets")
                found["ok"][name] = await self._reader.readexactly(length)
        return found

    async def _gave_up(self) -> bool:
        """Return whether the process that closed its socket ended itself because its device's link was silent."""
        if self._process is None:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                return await self._process.wait() == STALLED
        return False

    async def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        process, self._process, self._new = self._process, None, True
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):  # stuck in the kernel: it ends when its device lets go, and is not waited for
                async with asyncio.timeout(GRACE_S):
                    await process.wait()


def _well_formed(answer: Any, number: int) -> bool:
    """Return whether ``answer`` is one to request ``number`` as :mod:`hal.worker` describes it; a worker that says else is replaced."""
    if type(answer) is not dict or answer.get("id") != number or type(answer.get("link_us")) is not int:
        return False
    if "error" in answer:
        return not {"ok", "octets"} & answer.keys() and type(answer["error"]) is str and type(answer.get("data")) is dict
    return type(answer.get("ok")) is dict and _few_octets(answer.get("octets", ["", 0]), answer["ok"])


def _few_octets(told: Any, beside: dict[str, Any]) -> bool:
    """Return whether ``told`` names a value that is not there yet, and how many bytes of it follow: no more than a line has."""
    if type(told) is not list or [type(part) for part in told] != [str, int]:
        return False
    name, length = told
    return name not in beside and 0 <= length <= MAX_LINE
