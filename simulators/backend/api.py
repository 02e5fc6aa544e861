# SPDX-License-Identifier: Apache-2.0
"""The operator's HTTP operations without HTTP: method, path, headers and body in, status and JSON out.

Decides which request is well formed and who may ask: every path but enrolment wants the TLS certificate of an enrolled terminal.
Unknown members, other types, padding in base64url and duplicate JSON names are errors of the caller (400).
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.activation import Activations
    from simulators.backend.audit import Witness
    from simulators.backend.enrolment import Enrolments
    from simulators.backend.remote import Remote
    from simulators.backend.reports import Reports
    from simulators.backend.store import Store
    from simulators.backend.vault import Vault

_KEY = re.compile(r"[0-9a-f]{32}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,3}")
APPROVAL_BYTES, CHALLENGE_BYTES = 16, 8
ANSWERS_MAX, ANSWER_BYTES = 256, 258
"""Of one round of a relay: answers, and bytes of each with its status word."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; ``client`` is the SHA-256 of the TLS client certificate, ``variant`` a misbehaviour ordered by the fault plan."""

    method: str
    path: str
    key: str
    bearer: str
    body: bytes
    client: bytes | None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its pattern, its event name in the fault plan, and who carries it out."""

    method: str
    path: re.Pattern[str]
    event: str
    act: Callable[[Request, str, bytes], dict[str, Any]]


_OF_A_SESSION = frozenset({"approve", "status", "result", "unlock", "relay"})


class Api:
    """All operations of the operator."""

    def __init__(
        self,
        store: Store,
        activations: Activations,
        reports: Reports,
        enrolments: Enrolments,
        remote: Remote,
        witness: Witness,
        vault: Vault,
    ) -> None:
        self._store, self._activations, self._reports = store, activations, reports
        self._enrolments, self._remote, self._vault = enrolments, remote, vault
        key = r"/v1/activations/(?P<key>[^/]*)"
        self._routes = (
            Route("POST", re.compile(r"/v1/activations"), "approve", self._approve),
            Route("GET", re.compile(key), "status", lambda _, serial, session: activations.status(serial, session)),
            Route("POST", re.compile(key + r"/result"), "result", self._result),
            Route("POST", re.compile(key + r"/unlock"), "unlock", self._unlock),
            Route("POST", re.compile(key + r"/relay"), "relay", self._relay),
            Route("GET", re.compile(r"/v1/time"), "time", lambda *_: {"now": int(time.time())}),
            Route("POST", re.compile(r"/v1/heartbeat"), "heartbeat", self._heartbeat),
            Route("GET", re.compile(r"/v1/checkpoints"), "log", lambda _, serial, __: witness.known(serial)),
            Route("POST", re.compile(r"/v1/checkpoints"), "checkpoint", lambda request, serial, _: witness.take(serial, request.body)),
        )
        self._enrol_path = re.compile(r"/v1/enrolments")

    def event(self, method: str, path: str) -> str:
        """Return the name a request has in the fault plan; ``unknown`` when no operation matches."""
        if method == "POST" and self._enrol_path.fullmatch(path):
            return "enrol"
        return next((route.event for route in self._routes if route.method == method and route.path.fullmatch(path)), "unknown")

    def answer(self, request: Request) -> dict[str, Any]:
        """Carry the request out and return the answer's JSON object; raises :class:`ApiError`."""
        if request.method == "POST" and self._enrol_path.fullmatch(request.path):
            return self._enrol(request)
        serial = self._terminal(request.client)
        for route in self._routes:
            match = route.path.fullmatch(request.path)
            if match and route.method == request.method:
                text = match.groupdict().get("key", request.key)
                return route.act(request, serial, _session(text) if route.event in _OF_A_SESSION else b"")
        raise ApiError(404, "NOT_FOUND", "no such operation")

    def _terminal(self, client: bytes | None) -> str:
        if client is None:
            raise ApiError(401, "UNAUTHENTICATED", "a client certificate is needed")
        with self._store.transaction() as db:
            row = db.execute("SELECT serial FROM terminal WHERE tls = ?", (client,)).fetchone()
        if row is None:
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        return str(row["serial"])

    def _approve(self, request: Request, serial: str, session: bytes) -> dict[str, Any]:
        body = _members(request.body, "record", "items")
        record, items = _octets(body["record"]), _octets(body["items"])
        answer = self._activations.decide(serial, session, record, items, request.variant)
        if answer["outcome"] == "approved":
            self._vault.keep(session, record, items)
        return answer

    def _result(self, request: Request, serial: str, session: bytes) -> dict[str, Any]:
        ack = self._reports.take(serial, session, _octets(_members(request.body, "result")["result"]))
        return {"ack": _text(ack)}

    def _unlock(self, request: Request, serial: str, session: bytes) -> dict[str, Any]:
        body = _members(request.body, "approval", "challenge")
        approval, challenge = _octets(body["approval"], APPROVAL_BYTES), _octets(body["challenge"], CHALLENGE_BYTES)
        return {"auth_code": _text(self._remote.unlock(serial, session, approval, challenge))}

    def _relay(self, request: Request, serial: str, session: bytes) -> dict[str, Any]:
        approval, sequence, answers = relay_round(request.body)
        commands, done = self._remote.relay(serial, session, approval, sequence, answers)
        return {"commands": [_text(command) for command in commands], "done": done}

    @staticmethod
    def _heartbeat(request: Request, serial: str, _: bytes) -> dict[str, Any]:
        if _members(request.body, "serial")["serial"] != serial:
            raise ApiError(403, "PERMISSION_DENIED", "another terminal's serial")
        return {"now": int(time.time())}

    def _enrol(self, request: Request) -> dict[str, Any]:
        if not request.bearer:
            raise ApiError(401, "UNAUTHENTICATED", "a work order is needed")
        body = _members(request.body, "serial", "record_csr", "tls_csr")
        return self._enrolments.enrol(request.bearer, body["serial"], _octets(body["record_csr"]), _octets(body["tls_csr"]))


def _session(text: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise ApiError(400, "INVALID_ARGUMENT", "the key is 32 lower-case hex digits")
    return bytes.fromhex(text)


def _members(body: bytes, *names: str) -> Mapping[str, str]:
    """Return the body's members, which are exactly ``names``, all non-empty strings."""
    value = _object(body, *names)
    if not all(isinstance(entry, str) and entry for entry in value.values()):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    return value


def relay_round(body: bytes) -> tuple[bytes, int, list[bytes]]:
    """Return approval id, sequence and answers of one round; raises :class:`ApiError` 400."""
    value = _object(body, "approval", "sequence", "answers")
    approval, sequence, answers = value["approval"], value["sequence"], value["answers"]
    if not isinstance(approval, str) or not isinstance(sequence, str) or not _DECIMAL.fullmatch(sequence):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    if not isinstance(answers, list) or len(answers) > ANSWERS_MAX or not all(isinstance(answer, str) for answer in answers):
        raise ApiError(400, "INVALID_ARGUMENT", "answers")
    octets = [_octets(answer) for answer in answers]
    if any(len(answer) > ANSWER_BYTES for answer in octets):
        raise ApiError(400, "INVALID_ARGUMENT", "answers")
    return _octets(approval, APPROVAL_BYTES), int(sequence), octets


def _object(body: bytes, *names: str) -> dict[str, Any]:
    """Return the body's JSON object, whose members are exactly ``names``."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise ApiError(400, "INVALID_ARGUMENT", "not JSON") from None
    if not isinstance(value, dict) or set(value) != set(names):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("duplicate name")
    return dict(pairs)


def _octets(text: str, size: int | None = None) -> bytes:
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ApiError(400, "INVALID_ARGUMENT", "base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text or (size is not None and len(data) != size):
        raise ApiError(400, "INVALID_ARGUMENT", "base64url")
    return data


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
