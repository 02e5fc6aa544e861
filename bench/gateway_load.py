# SPDX-License-Identifier: Apache-2.0
"""The load of the gateway's figures: ``python -m bench.gateway_load URL FOLDER``, a process of its own.

FOLDER holds ``ca.pem`` and one folder per line with ``tls.pem``, ``tls-key.pem`` and ``requests`` (a pickled list of whole HTTP requests).
Each line is one kept connection with mutual TLS that sends its next request when the last answer is whole. It says ``ready`` when every
connection stands, begins at a line on standard input, and prints seconds, latencies in microseconds and how often each outcome came.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import ssl
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_OUTCOME = re.compile(rb'"(?:code|outcome)": ?"([^"]+)"')


class Line(asyncio.Protocol):
    """One connection; ``done`` is set when its requests are answered."""

    def __init__(self, requests: list[bytes], outcomes: Counter[str], latencies: list[int]) -> None:
        self._requests, self._outcomes, self._latencies = iter(requests), outcomes, latencies
        self._buffer, self._sent = b"", 0
        self._transport: Any = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport; nothing is sent before the start."""
        self._transport = transport

    def begin(self) -> None:
        """Send the next request."""
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent = time.perf_counter_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take the answer; when it is whole, go on."""
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head)
        if length is None or len(self._buffer) < head + 4 + int(length[1]):
            return
        self._latencies.append((time.perf_counter_ns() - self._sent) // 1000)
        found = [match.decode() for match in _OUTCOME.findall(self._buffer, head)]
        self._outcomes[found[-1] if found else self._buffer[:12].decode()] += 1
        self._buffer = b""
        self.begin()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the run when the server hangs up."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("hung up"))


async def run(url: str, folder: Path, places: list[Path]) -> None:
    """Connect, wait for the start, send everything, tell what came."""
    address, outcomes, latencies = urlsplit(url), Counter[str](), list[int]()
    loop, lines = asyncio.get_running_loop(), []
    for place in places:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        context.load_cert_chain(place / "tls.pem", place / "tls-key.pem")
        requests = pickle.loads((place / "requests").read_bytes())  # noqa: S301  # written by the benchmark that started this
        line = Line(requests, outcomes, latencies)
        await loop.create_connection(lambda line=line: line, "localhost", address.port or 443, ssl=context)  # type: ignore[misc]  # a default argument
        lines.append(line)
    print("ready", flush=True)  # noqa: T201  # the parent waits for it
    await asyncio.to_thread(sys.stdin.readline)
    begin = time.perf_counter()
    for line in lines:
        line.begin()
    await asyncio.gather(*(line.done for line in lines))
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "outcomes": outcomes, "latencies": latencies}), flush=True)  # noqa: T201  # the result


if __name__ == "__main__":
    load = Path(sys.argv[2])
    uvloop.run(run(sys.argv[1], load, sorted(path for path in load.iterdir() if path.is_dir())))
