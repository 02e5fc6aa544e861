# SPDX-License-Identifier: Apache-2.0
"""The bare framework: ``python -m bench.gateway_bare STATE``, the gateway's own server with nothing behind it.

The same uvicorn, the same TLS with client certificates, one Starlette route that reads the request's JSON and answers as many bytes as an
approval has. It decides, verifies and keeps nothing.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from simulators.backend.authority import Authority
from simulators.backend.wire import Server, Wire
from simulators.kit.transcript import Transcript

if TYPE_CHECKING:
    from starlette.requests import Request

ANSWER = {"outcome": "approved", "approval": "A" * 480, "profile": "A" * 340}


async def approve(request: Request) -> JSONResponse:
    """Read the body, answer."""
    body = await request.json()
    return JSONResponse(ANSWER if "record" in body else {})


def main(state: Path) -> None:
    """Serve until standard input ends."""
    context = Authority(state, tls_days=30, record_days=90).server_context(state, "good", tls="1.3")
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    app = Starlette(routes=[Route("/v1/activations", approve, methods=["POST"])])
    server = Server(app, context, listening, Wire(Transcript(None), 120))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.listens.wait()
    print(json.dumps({"ready": "bare", "url": f"https://localhost:{listening.getsockname()[1]}"}), flush=True)  # noqa: T201  # the ready line
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
