# SPDX-License-Identifier: Apache-2.0
"""The operator's operations without HTTP: path, headers and body in, a JSON object out.

Decides which request is well formed and who may ask: every path but enrolment wants the TLS certificate of an enrolled terminal.
Unknown members, other types, padding in base64url and duplicate JSON names are errors of the caller (400). ``openapi.yaml`` is the
contract; ``OPERATIONS`` below has one row for each of its operations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.backend.activation import Asked, Unit
from simulators.backend.bodies import APPROVAL_BYTES, CHALLENGE_BYTES, members, octets, relay_round, text
from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulators.backend.activation import Activations
    from simulators.backend.audit import Witness
    from simulators.backend.clock import Clock
    from simulators.backend.enrolment import Enrolments
    from simulators.backend.evidence import Uploads
    from simulators.backend.logon import LogOn
    from simulators.backend.numbers import Reservations
    from simulators.backend.remote import Remote
    from simulators.backend.reports import Reports
    from simulators.backend.store import Store

_KEY, _DIGEST = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
MAX_BODY, MAX_PIECE = 512 * 1024, 12 * 1024 * 1024
"""Bytes of a request's body, and of one that brings a picture."""
UNITS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``key``: of the path, else the Idempotency-Key; ``client``: SHA-256 of the TLS client certificate; ``variant``: a misbehaviour
    ordered by the fault plan.
    """

    key: str
    bearer: str
    body: bytes
    client: bytes | None
    variant: str | None = None


Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: method, path, its event name in the fault plan, the method of :class:`Api` that carries it out; most bytes of its body."""

    method: str
    path: str
    event: str
    act: Callable[[Api, Request], Awaitable[Answer]]
    most: int = MAX_BODY


@dataclass(slots=True)
class Api:
    """All operations of the operator."""

    store: Store
    activations: Activations
    reports: Reports
    enrolments: Enrolments
    remote: Remote
    witness: Witness
    reservations: Reservations
    staff: LogOn
    uploads: Uploads
    clock: Clock
    _units: dict[bytes, Unit] = field(default_factory=dict)

    async def unit(self, request: Request) -> Unit:
        """Return the terminal whose current certificate this is; raises :class:`ApiError` 401 or 403.

        What was found once is kept; whoever writes checks in its transaction that it still holds.
        """
        if request.client is None:
            raise ApiError(401, "UNAUTHENTICATED", "a client certificate is needed")
        found = self._units.get(request.client)
        return found if found is not None else await self._find(request.client)

    async def current(self, request: Request) -> Unit:
        """Return the terminal whose certificate is current now, for operations that only read."""
        unit = await self.unit(request)
        return await self._find(unit.tls)

    async def _find(self, client: bytes) -> Unit:
        row = await self.store.ask(lambda db: db.one("terminal.by_certificate", client))
        if row is None:
            self._units.pop(client, None)
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        if len(self._units) >= UNITS_KEPT:
            self._units.clear()
        found = self._units[client] = Unit(str(row["serial"]), bytes(row["spki"]), str(row["protection"]), client)
        return found

    async def approve(self, request: Request) -> Answer:
        """Decide a record."""
        unit, session = await self.unit(request), _session(request.key)
        try:
            return await self.activations.decide(Asked(unit, session, request.body, request.variant))
        except ApiError as error:
            if error.status == 403:
                self._units.pop(unit.tls, None)
            raise

    async def status(self, request: Request) -> Answer:
        """Return the stored answer of a session."""
        unit = await self.current(request)
        return await self.activations.status(unit, _session(request.key))

    async def result(self, request: Request) -> Answer:
        """Take a result."""
        unit, session = await self.current(request), _session(request.key)
        ack = await self.reports.take(unit, session, octets(members(request.body, "result")["result"]))
        return {"ack": text(ack)}

    async def evidence(self, request: Request) -> Answer:
        """Keep one piece of evidence that the record names."""
        unit, session = await self.current(request), _session(request.key)
        body = members(request.body, "digest", "content")
        if not _DIGEST.fullmatch(body["digest"]):
            raise ApiError(400, "INVALID_ARGUMENT", "the digest is 64 lower-case hex digits")
        return await self.uploads.take(unit, session, bytes.fromhex(body["digest"]), octets(body["content"]))

    async def unlock(self, request: Request) -> Answer:
        """Answer a card's challenge."""
        unit, session = await self.current(request), _session(request.key)
        body = members(request.body, "approval", "challenge")
        approval, challenge = octets(body["approval"], APPROVAL_BYTES), octets(body["challenge"], CHALLENGE_BYTES)
        return {"auth_code": text(await self.remote.unlock(unit.serial, session, approval, challenge))}

    async def relay(self, request: Request) -> Answer:
        """Carry a secure channel on by one round."""
        unit, session = await self.current(request), _session(request.key)
        approval, sequence, answers = relay_round(request.body)
        commands, done = await self.remote.relay(unit.serial, session, approval, sequence, answers)
        return {"commands": [text(command) for command in commands], "done": done}

    async def reserve(self, request: Request) -> Answer:
        """Reserve a number for a session."""
        await self.current(request)
        return await self.reservations.reserve(_session(request.key), members(request.body, "tariff")["tariff"])

    async def time(self, request: Request) -> Answer:
        """Tell the time."""
        await self.current(request)
        return {"now": self.clock.now()}

    async def heartbeat(self, request: Request) -> Answer:
        """Hear that a terminal is alive."""
        unit = await self.current(request)
        if members(request.body, "serial")["serial"] != unit.serial:
            raise ApiError(403, "PERMISSION_DENIED", "another terminal's serial")
        return {"now": self.clock.now()}

    async def log_on(self, request: Request) -> Answer:
        """Let a member of staff work at a terminal, or not."""
        unit, body = await self.current(request), members(request.body, "staff", "pin")
        return await self.staff.answer(unit.serial, body["staff"], body["pin"])

    async def log(self, request: Request) -> Answer:
        """Tell how much of the unit's audit log was seen."""
        return await self.witness.known((await self.current(request)).serial)

    async def checkpoint(self, request: Request) -> Answer:
        """Witness a checkpoint."""
        return await self.witness.take(await self.current(request), request.body)

    async def nothing(self, request: Request) -> Answer:
        """Answer what no operation matches, to a terminal alone."""
        await self.current(request)
        raise ApiError(404, "NOT_FOUND", "no such operation")

    async def enrol(self, request: Request) -> Answer:
        """Redeem a work order."""
        if not request.bearer:
            raise ApiError(401, "UNAUTHENTICATED", "a work order is needed")
        body = members(request.body, "serial", "record_csr", "tls_csr")
        return await self.enrolments.enrol(request.bearer, body["serial"], octets(body["record_csr"]), octets(body["tls_csr"]))


OPERATIONS = (
    Operation("POST", "/v1/activations", "approve", Api.approve),
    Operation("GET", "/v1/activations/{key}", "status", Api.status),
    Operation("POST", "/v1/activations/{key}/result", "result", Api.result),
    Operation("POST", "/v1/activations/{key}/evidence", "evidence", Api.evidence, MAX_PIECE),
    Operation("POST", "/v1/activations/{key}/unlock", "unlock", Api.unlock),
    Operation("POST", "/v1/activations/{key}/relay", "relay", Api.relay),
    Operation("POST", "/v1/reservations", "reserve", Api.reserve),
    Operation("POST", "/v1/logon", "logon", Api.log_on),
    Operation("GET", "/v1/time", "time", Api.time),
    Operation("POST", "/v1/heartbeat", "heartbeat", Api.heartbeat),
    Operation("GET", "/v1/checkpoints", "log", Api.log),
    Operation("POST", "/v1/checkpoints", "checkpoint", Api.checkpoint),
    Operation("POST", "/v1/enrolments", "enrol", Api.enrol),
)
"""Every operation; what is not here is 404."""


def _session(text: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise ApiError(400, "INVALID_ARGUMENT", "the key is 32 lower-case hex digits")
    return bytes.fromhex(text)
