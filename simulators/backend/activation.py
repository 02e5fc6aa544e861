# SPDX-License-Identifier: Apache-2.0
"""The operator's word on a record: approved with a number, or refused with one code.

Rules, in order
1. the same key and record get the stored answer; the same key with another record is an error of the caller
2. signature, type, shape and terminal, then the unit's chain (sequence number and previous digest): else R802, nothing stored
3. from here the record is part of the chain and its answer is stored: nonce new, items proved by their digests, else R802
4. deny-list, provenance, checks, number, validity, notice, liveness, blank card, quota: one code each
5. blank, its counters, number, quota, nonce and answer commit together; the approval leaves afterwards

A refusal undoes the whole work and is stored by a second one, which looks for an answer again before it stores its own.
A unit whose record never arrived is not locked out: its signed cancellation takes the record's place in the chain (``reports``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import approvals, issues
from simulators.backend.bodies import text
from simulators.backend.errors import ApiError, Refusal
from simulators.backend.quota import NATIONAL, QUOTA, take_quota
from simulators.backend.strict_cbor import Malformed
from simulators.backend.verification import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.authority import Authority
    from simulators.backend.clock import Clock
    from simulators.backend.pool import Pool
    from simulators.backend.shapes import Record
    from simulators.backend.store import Db, Store
    from simulators.backend.verification import Prepared, Verifiers

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """An enrolled terminal as its TLS certificate names it: serial, record key, protection level, the certificate's digest."""

    serial: str
    spki: bytes
    protection: str
    tls: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for an approval: who asks, for which session, with what, and a misbehaviour the fault plan orders."""

    unit: Unit
    session: bytes
    body: bytes
    variant: str | None = None


@dataclass(slots=True)
class Activations:
    """Decides records; ``refuse_next`` refuses the next one with that code, ``refuse_software`` each of a software key."""

    store: Store
    pool: Pool
    authority: Authority
    terms: approvals.Terms
    verifiers: Verifiers
    clock: Clock
    refuse_next: str | None = None
    refuse_software: bool = False

    async def decide(self, asked: Asked) -> Answer:
        """Return the answer for one request; raises :class:`ApiError` for a caller's mistake."""
        task = Task(asked.unit.spki, asked.body, self.clock.today())
        prepared = await self.verifiers.prepare(task)
        ordered = self.refuse_next
        try:
            return await self.store.ask(lambda db: self._approve(db, asked, prepared, ordered))
        except Refusal as refusal:
            code = refusal.code
        if ordered and code == ordered:
            self.refuse_next = None
        return await self.store.ask(lambda db: self._refuse(db, asked, prepared, code))

    async def status(self, serial: str, session: bytes) -> Answer:
        """Return the stored answer; raises :class:`ApiError` 404."""
        row = await self.store.ask(lambda db: db.one("activation.answer", session, serial))
        if row is None:
            raise ApiError(404, "NOT_FOUND", "no such activation")
        return dict(json.loads(row["answer"]))

    def _admit(self, db: Db, asked: Asked, prepared: Prepared) -> tuple[Record, Mapping[str, Any]] | Answer:
        """Return the authentic next record of the chain, now part of it, and its unit; or the answer there is. A break is remembered."""
        unit = db.one("terminal.heard", self.clock.now(), asked.unit.serial, asked.unit.tls)
        if unit is None:
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        known = db.all("activation.known", asked.session, asked.session)
        if known:
            return _stored(known, asked, prepared)
        record = prepared.record
        if record is None or bytes(unit["spki"]) != asked.unit.spki:
            return _refused("R802")
        if record.claims[1] != asked.unit.serial or record.claims[266] != unit["protection"]:
            return _refused("R802")
        if record.claims[271] != unit["sequence"] + 1 or record.claims[272] != bytes(unit["last"]):
            db.do("terminal.broke", asked.unit.serial, record.digest, record.claims[271])
            return _refused("R802")
        if record.session != asked.session:
            raise ApiError(400, "INVALID_ARGUMENT", "the key is not the record's session")
        db.do("terminal.chain", record.claims[271], record.digest, asked.unit.serial)
        return record, unit

    def _approve(self, db: Db, asked: Asked, prepared: Prepared, ordered: str | None) -> Answer:
        admitted = self._admit(db, asked, prepared)
        if isinstance(admitted, dict):
            return admitted
        record, unit = admitted
        self._judge(db, record, unit, prepared, ordered)
        answer, approval = self._issue(db, record, prepared.person, asked.variant) if record.iccid is not None else self._accept(record)
        db.do("activation.vault_keep", record.session, prepared.signed, prepared.sealed)
        return self._keep(db, record, answer, approval=approval, person=prepared.person or None)

    def _accept(self, record: Record) -> tuple[Answer, approvals.Approval]:
        """Approve what writes no card."""
        approval = approvals.accept(record, now=self.clock.now(), terms=self.terms, authority=self.authority)
        return {"outcome": "approved", "approval": text(approval.message)}, approval

    def _issue(self, db: Db, record: Record, person: bytes, variant: str | None) -> tuple[Answer, approvals.Approval]:
        """Reserve card, number and quota, and approve."""
        iccid = str(record.iccid)
        blank = self.pool.take(db, iccid)
        if not take_quota(db, person, NATIONAL, QUOTA):
            raise Refusal("R401")
        issue = issues.make(db, blank, _reserve_number(db, iccid, record.session), self.terms.house)
        known = variant if variant != approvals.REPLAY else None
        try:
            approval = approvals.build(record, issue, now=self.clock.now(), terms=self.terms, authority=self.authority, variant=known)
        except Malformed:
            raise Refusal("R802") from None
        issues.keep(db, record.session, iccid, issue)
        answer = {"outcome": "approved", "approval": text(approval.message), "profile": text(approval.sealed)}
        return _older_approval(db) if variant == approvals.REPLAY else answer, approval

    def _judge(self, db: Db, record: Record, unit: Mapping[str, Any], prepared: Prepared, ordered: str | None) -> None:
        """Raise the one code that stands against this record, if any does."""
        if db.run("activation.nonce", record.claims[10], record.session) == 0 or prepared.fault == "R802":
            raise Refusal("R802")
        if ordered:
            raise Refusal(ordered)
        if unit["revoked"] or (self.refuse_software and record.claims[266] == "software"):
            raise Refusal("R505")
        if prepared.fault:
            raise Refusal(prepared.fault)

    def _refuse(self, db: Db, asked: Asked, prepared: Prepared, code: str) -> Answer:
        admitted = self._admit(db, asked, prepared)
        return admitted if isinstance(admitted, dict) else self._keep(db, admitted[0], _refused(code))

    def _keep(
        self, db: Db, record: Record, answer: Answer, *, approval: approvals.Approval | None = None, person: bytes | None = None
    ) -> Answer:
        row = (record.session, record.claims[1], record.digest, answer["outcome"], answer.get("code", ""), json.dumps(answer))
        rest = (approval.approval_id, approval.data_digest, person) if approval else (None, None, None)
        db.do("activation.keep", *row, *rest, record.iccid, self.clock.now())
        return answer


def _stored(known: list[Mapping[str, Any]], asked: Asked, prepared: Prepared) -> Answer:
    row = next((row for row in known if row["kind"] == "answer"), None)
    if row is None:
        raise ApiError(409, "ABORTED", "this session was cancelled")
    if row["serial"] != asked.unit.serial or bytes(row["record"]) not in prepared.digests:
        raise ApiError(422, "IDEMPOTENCY_KEY_REUSED", "this key belongs to another request")
    return dict(json.loads(row["text"]))


def _reserve_number(db: Db, iccid: str, session: bytes) -> issues.Number:
    """Reserve the next number: an MSISDN of an unassigned range and an IMSI of network 460 00. A released number is not used again."""
    (row,) = db.all("number.reserve", iccid, session)
    number = issues.Number(imsi=f"46000{row['id']:010d}", msisdn=f"86120{row['id']:08d}")
    db.do("number.name", number.msisdn, number.imsi, row["id"])
    return number


def _older_approval(db: Db) -> Answer:
    row = db.one("activation.older")
    if row is None:
        raise ApiError(503, "UNAVAILABLE", "no older approval to replay")
    return dict(json.loads(row["answer"]))


def _refused(code: str) -> Answer:
    return {"outcome": "refused", "code": code, "message": "refused by the operator"}
