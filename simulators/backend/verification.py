# SPDX-License-Identifier: Apache-2.0
"""What can be said of a record without the database: authentic, of the right shape, its items proved, its holder judged.

This is most of what an approval costs, so it happens before the store is asked and beside it: in a thread of the gateway, or with
``workers`` in processes of their own, each on a socket pair and gone with the gateway. Nothing personal comes back but pseudonyms.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import pickle
import socket
import struct
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from simulators.backend import gm, shapes, signatures
from simulators.backend.bodies import members, octets
from simulators.backend.errors import ApiError, Refusal
from simulators.backend.identity import check_identity
from simulators.backend.shapes import Record
from simulators.backend.signatures import NotAuthentic
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")
LENGTH = struct.Struct(">I")
THREADS = 2
SERVICE_NUMBER, FIRST_PAGE = 9, 22
UNUSED = frozenset({260, 261})
"""Claims that are judged here and not needed afterwards."""


@dataclass(frozen=True, slots=True)
class Task:
    """A request's body as it came, the key of the unit it is said to be from, and the day it is judged on."""

    spki: bytes
    body: bytes
    today: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found.

    ``record``: ``None`` when not authentic; ``fault``: R802 for items that prove nothing, else the first code of the identity's rules, else
    nothing; ``person``: the pseudonym numbers are counted under; ``others``: role and pseudonym of other parties; ``number``: the
    service number the business is about; ``digests``: SHA-256 and SM3 of the signed bytes; ``pages``: name and digest of the pictures of
    documents' pages.
    """

    record: Record | None
    signed: bytes
    sealed: bytes
    digests: tuple[bytes, bytes]
    fault: str = ""
    person: bytes = b""
    others: tuple[tuple[str, bytes], ...] = ()
    number: str = ""
    pages: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """Judges records with the operator's vault key; ``pepper`` makes pseudonyms."""

    vault_private: bytes
    pepper: bytes

    def person(self, kind: str, number: str) -> bytes:
        """Return the pseudonym a person's numbers are counted under."""
        return hmac.digest(self.pepper, f"{kind}|{number}".encode(), hashlib.sha256)

    def prepare(self, task: Task) -> Prepared:
        """Return what can be said of a record; raises :class:`ApiError` 400 for a body that is none."""
        body = members(task.body, "record", "items")
        signed, sealed = octets(body["record"]), octets(body["items"])
        digests = hashlib.sha256(signed).digest(), gm.digest(signed)
        try:
            payload = signatures.verify(signed, typ="rnt-record", keys={signatures.key_id(task.spki): task.spki})
            record = shapes.record(payload, signed)
        except (NotAuthentic, Malformed):
            return Prepared(None, signed, sealed, digests)
        claims = {number: value for number, value in record.claims.items() if number not in UNUSED}
        authentic = Prepared(Record(claims, record.digest, record.like), signed, sealed, digests)
        return replace(authentic, **self._judge(record, sealed, task.today))

    def _judge(self, record: Record, sealed: bytes, today: str) -> dict[str, Any]:
        """Return what the items say, by the names of :class:`Prepared`."""
        try:
            plain = signatures.unseal(sealed, private_key=self.vault_private, info=b"rnt/items/1" + record.session)
            values = shapes.items(plain, record.claims[260], record.like)
        except (NotAuthentic, Malformed):
            return {"fault": "R802"}
        person = self.person(str(record.claims.get(258)), str(values[2])) if 2 in values else b""
        others = tuple(
            (party[1], self.person(party[2], str(values[shapes.PARTY_STEP * at + 2])))
            for at, party in enumerate(record.claims[277], 1)
            if shapes.PARTY_STEP * at + 2 in values
        )
        found = {"person": person, "others": others, "number": str(values.get(SERVICE_NUMBER, "")), "pages": _pages(record, values)}
        try:
            check_identity(record, values, today=today)
        except Refusal as refusal:
            return {**found, "fault": refusal.code}
        return found


def _pages(record: Record, values: dict[int, Any]) -> tuple[tuple[str, bytes], ...]:
    """Return name and digest of the pictures of documents' pages, whosoever they are."""
    roles = ["", *(f"{party[1]}/" for party in record.claims[277])]
    return tuple(
        (f"{roles[number // shapes.PARTY_STEP]}page-{number % shapes.PARTY_STEP - FIRST_PAGE + 1}", value)
        for number, value in sorted(values.items())
        if number % shapes.PARTY_STEP >= FIRST_PAGE and type(value) is bytes and number // shapes.PARTY_STEP < len(roles)
    )


class Verifiers:
    """Where verifications run: threads here, or ``workers`` processes."""

    def __init__(self, verification: Verification, workers: int = 0) -> None:
        self._verification = verification
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="verify")
        self._lines = [_Line(verification) for _ in range(workers)]
        self._next = 0

    async def prepare(self, task: Task) -> Prepared:
        """Return what can be said of a record."""
        if not self._lines:
            return await self.aside(lambda: self._verification.prepare(task))
        self._next = (self._next + 1) % len(self._lines)
        return await self._lines[self._next].ask(task)

    async def aside(self, work: Callable[[], T]) -> T:
        """Run other slow work beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Line:
    """One process and the line to it: questions and answers in order."""

    def __init__(self, verification: Verification) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "simulators.backend.verifier", str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603  # our own module
        theirs.close()
        ours.sendall(framed(pickle.dumps((verification.vault_private, verification.pepper))))
        ours.setblocking(False)
        self._socket = ours
        self._opened: asyncio.Task[_Answers] | None = None

    async def ask(self, task: Task) -> Prepared:
        if self._opened is None:
            self._opened = asyncio.create_task(self._open())
        line = self._opened.result() if self._opened.done() else await self._opened
        return await line.ask(framed(pickle.dumps((task.spki, task.body, task.today))))

    async def _open(self) -> _Answers:
        _, line = await asyncio.get_running_loop().create_connection(_Answers, sock=self._socket)
        return line


class _Answers(asyncio.Protocol):
    """Our end of a line: answers come in the order of the questions."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[Prepared]] = deque()
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, question: bytes) -> asyncio.Future[Prepared]:
        if self._transport.is_closing():
            raise ConnectionError("verifier")
        future = self._loop.create_future()
        self._waiting.append(future)
        self._transport.write(question)
        return future

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while len(self._buffer) >= at + LENGTH.size:
            end = at + LENGTH.size + LENGTH.unpack_from(self._buffer, at)[0]
            if len(self._buffer) < end:
                break
            answer, future = pickle.loads(self._buffer[at + LENGTH.size : end]), self._waiting.popleft()  # noqa: S301  # from our own process
            at = end
            if not future.cancelled():
                (future.set_exception if isinstance(answer, ApiError) else future.set_result)(answer)
        self._buffer = self._buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the base class names it
        """Tell who waits that the process is gone."""
        for future in self._waiting:
            if not future.done():
                future.set_exception(ConnectionError("verifier"))


def framed(data: bytes) -> bytes:
    """Return ``data`` behind its length, as it goes over a line."""
    return LENGTH.pack(len(data)) + data
