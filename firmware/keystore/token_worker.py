# SPDX-License-Identifier: Apache-2.0
"""The body of a token worker: the one process that loads a PKCS#11 module, so that a module that hangs or crashes can be killed.

One JSON object per packet on a ``SOCK_SEQPACKET`` socket, bytes as hex; the first packet is ``ready``. Every request names its key in
full: the worker holds nothing that its successor would lack.

Request  ``{"op": NAME, "timeout": seconds, "key": {module, pin_file, token, serial, object, id}, …}``
Answer   ``{"ok": {…}}`` or ``{"error": NAME OF THE ERROR, "text": …, "why": …}``

| op | more | answer |
|---|---|---|
| ``create`` | | ``{"spki"}`` |
| ``public`` | | ``{"spki"}`` |
| ``sign`` | ``digest``, ``kid`` | ``{"signature"}`` |
| ``retire`` | ``keep`` | ``{"destroyed"}`` |

Rules
* It kills itself (SIGALRM, default action) soon after the deadline of a request it cannot finish: nobody else may be left to do it.
* The PIN is read here, from its file, and stays here; core files are off, standard error goes nowhere.
* Signals that end a whole process group pass it by: the terminal decides when it may go, by closing the socket.

Run: ``python -m firmware.keystore.token_worker FD``.
"""

from __future__ import annotations

import functools
import json
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

from pkcs11 import exceptions

from firmware.core.keyring import key_id
from firmware.keystore.errors import KeystoreError, KeyUnavailable, KeyUnfit
from firmware.keystore.token_module import AWAY, Selector, TokenModule
from hal.deadline import Deadline

MAX_PACKET: Final = 16384
GRACE_S: Final = 0.25
"""What a hanging request gets on top of its deadline."""


def serve(channel: socket.socket) -> None:
    """Answer requests until the other end closes."""
    module = TokenModule()
    channel.send(b"ready")
    for packet in iter(lambda: channel.recv(MAX_PACKET), b""):
        request = json.loads(packet)
        signal.setitimer(signal.ITIMER_REAL, request["timeout"] + GRACE_S)
        answer = _answer(module, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(json.dumps(answer).encode())


def _answer(module: TokenModule, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": OPERATIONS[request["op"]](module, request, Deadline.after(request["timeout"]))}
    except KeystoreError as error:
        return {"error": type(error).__name__, "text": str(error), "why": getattr(error, "why", "")}
    except AWAY:
        return _unavailable("absent", "the token is not there")
    except exceptions.PKCS11Error as error:
        return _unavailable("failed", f"the token failed ({type(error).__name__})")


def _unavailable(why: str, text: str) -> dict[str, Any]:
    return {"error": KeyUnavailable.__name__, "text": text, "why": why}


def _selector(key: dict[str, Any]) -> Selector:
    return _named(**key)


@functools.lru_cache(maxsize=16)
def _named(*, module: str, pin_file: str, token: str, serial: str | None, object: str, id: str) -> Selector:  # noqa: A002  # the packet's words
    return Selector(Path(module), Path(pin_file), token, serial, object, bytes.fromhex(id))


def _create(module: TokenModule, request: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    return {"spki": module.create(_selector(request["key"]), deadline).hex()}


def _public(module: TokenModule, request: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    return {"spki": module.public(_selector(request["key"]), deadline).hex()}


def _sign(module: TokenModule, request: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    key = _selector(request["key"])
    if _kid(module.public(key, deadline)) != request["kid"]:
        raise KeyUnfit("another key than before answers on this token")
    return {"signature": module.sign(key, bytes.fromhex(request["digest"]), deadline).hex()}


@functools.lru_cache(maxsize=16)
def _kid(spki: bytes) -> str:
    return key_id(spki).hex()


def _retire(module: TokenModule, request: dict[str, Any], _: Deadline) -> dict[str, Any]:
    return {"destroyed": module.retire(_selector(request["key"]), [bytes.fromhex(kept) for kept in request["keep"]])}


OPERATIONS: Final = {"create": _create, "public": _public, "sign": _sign, "retire": _retire}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
