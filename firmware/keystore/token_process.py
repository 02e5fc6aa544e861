# SPDX-License-Identifier: Apache-2.0
"""The token worker seen from its owner: start, ask under a deadline, kill what hangs, start again.

Rules
* A request has one deadline; a worker that must be started first has its own. What is not answered then, or whose worker ended, kills it
  and is a :class:`~firmware.keystore.errors.KeyUnavailable`; so is an answer that says the token is away or failed. Nothing is re-sent:
  the next request finds a new worker, and with it the token that was plugged in again.
* A refused PIN is remembered as long as its file is the same one: no request leads to a second try with it.
* After a fork the child starts a worker of its own; the parent's is never shared.

It loads no PKCS#11 module and sees no PIN. One object for each module and PIN; threads may share it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from firmware.keystore import errors
from firmware.keystore.errors import KeyUnavailable, PinLocked, PinRefused
from hal.deadline import Deadline

MAX_PACKET: Final = 16384
ANSWER_S: Final = 5.0
"""What a request may take, the token's log-in included."""
START_S: Final = 15.0
"""What a worker may take to be ready: a Python that starts on a slow and busy machine."""
KILL_S: Final = 0.5
ERRORS: Final = {name: getattr(errors, name) for name in ("KeyMissing", "KeyExists", "KeyUnsafe", "KeyUnfit", "PinRefused", "PinLocked")}
"""What a worker may answer, beside :class:`KeyUnavailable`."""


class TokenProcess:
    """One worker process, started by the first request."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._refused: tuple[type[PinRefused], str, tuple[int, ...]] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker while there is one."""
        return self._worker.process.pid if self._worker else None

    def ask(self, op: str, key: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Run one operation and return its answer; raises ``KeystoreError``."""
        if not self._lock.acquire(timeout=START_S + self._answer_s):
            raise KeyUnavailable("busy", "the token is busy with other requests")
        try:
            self._demand_another_pin(key)
            answer = self._exchange({"op": op, "key": key, **more})
            if "error" in answer:
                raise self._error(answer, key)
            found: dict[str, Any] = answer["ok"]
            return found
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send the request and return the answer, with ``ok`` or ``error`` in it; kills the worker when there is none."""
        try:
            channel = self._started().channel
            deadline = Deadline.after(self._answer_s)
            channel.settimeout(deadline.left())
            channel.send(json.dumps({**request, "timeout": deadline.left()}).encode())
            channel.settimeout(deadline.left() + 0.001)
            answer = _parse(channel.recv(MAX_PACKET))
        except TimeoutError:
            self._end()
            raise KeyUnavailable("hung", "the token did not answer in time") from None
        except (OSError, ValueError, RecursionError):  # an empty packet is the end of the worker
            self._end()
            raise KeyUnavailable("crashed", "the token's module ended while it was asked") from None
        except BaseException:  # interrupted between request and answer: the next one must not read this answer
            self._end()
            raise
        return answer

    def _demand_another_pin(self, key: dict[str, Any]) -> None:
        """Raise again what the token said of this PIN, unless somebody has changed the file since."""
        if self._refused and self._refused[2] == _identity(key["pin_file"]):
            kind, text, _ = self._refused
            raise kind(text)
        self._refused = None

    def _error(self, answer: dict[str, Any], key: dict[str, Any]) -> errors.KeystoreError:
        text, kind = str(answer.get("text", "")), ERRORS.get(str(answer["error"]))
        if kind is None:
            self._end()
            return KeyUnavailable(str(answer.get("why", "")) or "failed", text)
        error: errors.KeystoreError = kind(text)
        if isinstance(error, PinRefused):
            self._end()
            if not isinstance(error, PinLocked):  # a locked token is seen by its flags, without sending the PIN
                self._refused = type(error), text, _identity(key["pin_file"])
        return error

    def _started(self) -> _Worker:
        if self._worker is not None and self._worker.owner != os.getpid():
            self._worker.abandon()
            self._worker = None
        if self._worker is None:
            self._worker = _Worker()
            self._worker.channel.settimeout(START_S)
            _ready(self._worker.channel.recv(MAX_PACKET))
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


class _Worker:
    """A process and our end of its socket. It ends with this object."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", "firmware.keystore.token_worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENSSL_CONF": os.devnull},  # a module that uses OpenSSL must not find itself there as a provider
            )
        except BaseException:
            self.channel.close()
            raise
        finally:
            theirs.close()
        self.end = weakref.finalize(self, _end, self.owner, self.process, self.channel)

    def abandon(self) -> None:
        """Let go of another process's worker without harming it."""
        self.end.detach()
        self.channel.close()
        self.process.returncode = 0  # not our child: there is nothing to wait for


def _ready(packet: bytes) -> None:
    if packet != b"ready":
        raise ValueError("not ready")


def _parse(packet: bytes) -> dict[str, Any]:
    answer = json.loads(packet)
    if type(answer) is not dict or ("ok" in answer) == ("error" in answer):
        raise ValueError("no answer")
    return answer


def _identity(pin_file: str) -> tuple[int, ...]:
    """Return what tells one version of the file from another; nothing of its content."""
    try:
        found = Path(pin_file).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _end(owner: int, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    if owner != os.getpid():
        return
    process.kill()
    with suppress(subprocess.TimeoutExpired):  # stuck in the kernel: it ends when its device lets go, and is not waited for
        process.wait(KILL_S)
