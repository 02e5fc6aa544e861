# SPDX-License-Identifier: Apache-2.0
"""The terminal's client of the operator's API (HTTPS, TLS 1.3, mutual authentication, JSON).

Rules
* one connection, kept open between requests, used by one thread at a time
* a kept connection that turns out dead before any byte of the answer came is replaced once; every operation is idempotent by its
  key. Nothing else is ever repeated here: whether to ask again is the caller's decision.
* a request has one deadline for everything it does
* a session travels as its key in hex; nothing personal is in a path, a header or an error

It does not verify signatures and keeps nothing on disk.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Self, TypeVar

from firmware.backend import answers
from firmware.backend.answers import Approved, Enrolled, Held, LoggedOn, Refused, RelayRound, octets_text
from firmware.backend.channel import Answer, Channel
from firmware.backend.errors import BackendAnswerInvalid, BackendRefusedRequest, BackendUnreachable, Why
from hal.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")
OK, NOT_FOUND, FIRST_REDIRECT = frozenset({200, 202}), 404, 300
HTTPS_PORT = 443
SESSION_BYTES = 16


class BackendClient:
    """The operator at ``url`` (``https://host[:port]``), trusted through the CA file ``ca``.

    ``cert`` and ``key`` are the terminal's TLS certificate and key as PEM files (the key file may hold a token's key URI); both
    ``None`` only for an enrolment. ``timeout`` is the deadline in seconds of a request that is given none.
    ``waited_us`` counts the microseconds spent on the network since the caller last set it to 0.
    Raises ``OSError`` or ``ssl.SSLError`` when a file cannot be used, ``ValueError`` for a URL that is not https.
    """

    def __init__(self, url: str, ca: Path, cert: Path | None, key: Path | None, timeout: float) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
            raise ValueError("the backend's URL is https://host[:port]")
        self._host, self._port, self._timeout = parts.hostname, parts.port or HTTPS_PORT, timeout
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_verify_locations(ca)
        if cert:
            self._context.load_cert_chain(cert, key)
        self._channel: Channel | None = None
        self._lock = threading.Lock()
        self.waited_us = 0

    def submit(self, session: bytes, record: bytes, items: bytes, *, deadline: Deadline | None = None) -> Approved | Held | Refused:
        """Ask for the approval of a signed ``record`` with its sealed ``items``; the 16-byte ``session`` is the key."""
        body = {"record": octets_text(record), "items": octets_text(items)}
        headers = {"Idempotency-Key": _key(session)}
        return self._call("POST", "/v1/activations", answers.activation, body=body, headers=headers, deadline=deadline)

    def status(self, session: bytes, *, deadline: Deadline | None = None) -> Approved | Held | Refused | None:
        """Return the stored answer of a session, or ``None`` when the operator knows no such session."""
        try:
            return self._call("GET", f"/v1/activations/{_key(session)}", answers.activation, deadline=deadline)
        except BackendRefusedRequest as refused:
            if refused.status == NOT_FOUND and refused.code == "NOT_FOUND":
                return None
            raise

    def report(self, session: bytes, result: bytes, *, deadline: Deadline | None = None) -> bytes:
        """Report a signed ``result``; returns the operator's signed acknowledgement. May be repeated with the same bytes."""
        path = f"/v1/activations/{_key(session)}/result"
        return self._call("POST", path, answers.acknowledgement, body={"result": octets_text(result)}, deadline=deadline)

    def evidence(self, session: bytes, digest: bytes, sealed: bytes, *, deadline: Deadline | None = None) -> None:
        """Bring a piece of evidence that the session's record names by ``digest``, ``sealed`` to the vault; durable there on return.

        May be repeated, sealed anew too: the same piece is one object.
        """
        body = {"digest": digest.hex(), "content": octets_text(sealed)}
        path = f"/v1/activations/{_key(session)}/evidence"
        if self._call("POST", path, answers.evidence, body=body, deadline=deadline) != digest:
            raise BackendAnswerInvalid("another piece")

    def unlock(self, session: bytes, approval: bytes, challenge: bytes, *, deadline: Deadline | None = None) -> bytes:
        """Return the operator's 8 to 16-byte answer to a card's ``challenge``; the same challenge again gets the same answer."""
        body = {"approval": octets_text(approval), "challenge": octets_text(challenge)}
        return self._call("POST", f"/v1/activations/{_key(session)}/unlock", answers.authorisation, body=body, deadline=deadline)

    def relay(
        self, session: bytes, approval: bytes, sequence: int, said: Sequence[bytes], *, deadline: Deadline | None = None
    ) -> RelayRound:
        """Ask for the commands of round ``sequence`` (from 0) of a relay; ``said`` are the card's answers to the round before.

        The same round asked again with the same answers is the same.
        """
        answered = [octets_text(answer) for answer in said]
        body: dict[str, str | list[str]] = {"approval": octets_text(approval), "sequence": str(sequence), "answers": answered}
        return self._call("POST", f"/v1/activations/{_key(session)}/relay", answers.relay_round, body=body, deadline=deadline)

    def log_on(self, staff: str, pin: str, *, deadline: Deadline | None = None) -> LoggedOn | Refused:
        """Ask whether a member of staff with this PIN may work at this terminal."""
        return self._call("POST", "/v1/logon", answers.log_on, body={"staff": staff, "pin": pin}, deadline=deadline)

    def time(self, *, deadline: Deadline | None = None) -> int:
        """Return the operator's time in Unix seconds."""
        return self._call("GET", "/v1/time", answers.now, deadline=deadline)

    def heartbeat(self, serial: str, *, deadline: Deadline | None = None) -> int:
        """Tell the operator that this terminal is alive; returns the operator's time in Unix seconds."""
        return self._call("POST", "/v1/heartbeat", answers.now, body={"serial": serial}, deadline=deadline)

    def known_log(self, *, deadline: Deadline | None = None) -> int:
        """Return how many leaves of this terminal's audit log the operator has seen; 0 when none."""
        return self._call("GET", "/v1/checkpoints", answers.log_size, deadline=deadline)

    def checkpoint(self, message: bytes, old_size: int, proof: Sequence[bytes], *, deadline: Deadline | None = None) -> bytes:
        """Show a signed checkpoint with the proof that its log begins with the ``old_size`` leaves known; returns the countersignature.

        May be repeated. :class:`BackendRefusedRequest` with ``LOG_FORKED`` or ``LOG_TRUNCATED`` means: this is not the log I know.
        """
        body = {"checkpoint": octets_text(message), "old_size": old_size, "proof": [octets_text(node) for node in proof]}
        return self._call("POST", "/v1/checkpoints", answers.countersignature, body=body, deadline=deadline)

    def enrol(self, order: str, serial: str, record_csr: bytes, tls_csr: bytes, *, deadline: Deadline | None = None) -> Enrolled:
        """Redeem a work ``order`` with two DER certificate requests. The same request may be repeated after a lost answer."""
        body = {"serial": serial, "record_csr": octets_text(record_csr), "tls_csr": octets_text(tls_csr)}
        headers = {"Authorization": f"Bearer {order}"}
        return self._call("POST", "/v1/enrolments", answers.enrolment, body=body, headers=headers, deadline=deadline)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._lock:
            self._drop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connection."""
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        parse: Callable[[bytes], T],
        *,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> T:
        head = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {}), **(headers or {})}
        data = json.dumps(body).encode("ascii") if body else b""
        answer = self._exchange(method, path, head, data, deadline or Deadline.after(self._timeout))
        if answer.status >= FIRST_REDIRECT:
            raise answers.refused_request(answer.status, answer.body)
        if answer.status not in OK or answer.media_type != "application/json":
            raise BackendAnswerInvalid("status or media type")
        return parse(answer.body)

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        if not self._lock.acquire(timeout=deadline.left()):
            raise BackendUnreachable(Why.DEADLINE)
        start = time.perf_counter_ns()
        try:
            kept = self._channel
            if kept and not kept.reusable():
                self._drop()
            elif kept:
                try:
                    return kept.exchange(method, path, headers, body, deadline)
                except BackendUnreachable as error:
                    if kept.answered or error.why is not Why.CLOSED:
                        raise
                    self._drop()
            self._channel = Channel(self._host, self._port, self._context, deadline)
            return self._channel.exchange(method, path, headers, body, deadline)
        finally:
            if self._channel and not self._channel.reusable():
                self._drop()
            self.waited_us += (time.perf_counter_ns() - start) // 1000
            self._lock.release()

    def _drop(self) -> None:
        if self._channel:
            self._channel.close()
            self._channel = None


def _key(session: bytes) -> str:
    if len(session) != SESSION_BYTES:
        raise ValueError("a session is 16 bytes")
    return session.hex()
