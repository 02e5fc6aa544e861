# SPDX-License-Identifier: Apache-2.0
"""The operator's word on a record: approved with a number, or refused with one code.

Rules, in order
1. the same key and record get the stored answer; the same key with another record is an error of the caller
2. signature, type, shape and terminal, then the unit's chain (sequence number and previous digest): else R802, nothing stored
3. from here the record is part of the chain and its answer is stored: nonce new, items proved by their digests, else R802
4. deny-list, provenance, checks, number, validity, notice, liveness, blank card, quota: one code each
5. blank, its counters, number, quota, nonce and answer commit together; the approval leaves afterwards

A unit whose record never arrived is not locked out: its signed cancellation takes the record's place in the chain (``reports``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import approvals, gm, issues, shapes, signatures
from simulators.backend.errors import ApiError, Refusal
from simulators.backend.identity import check_identity
from simulators.backend.signatures import NotAuthentic
from simulators.backend.store import take_quota
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    import sqlite3

    from simulators.backend.authority import Authority
    from simulators.backend.pool import Pool
    from simulators.backend.shapes import Record
    from simulators.backend.store import Store

Answer = dict[str, Any]


@dataclass(slots=True)
class Activations:
    """Decides records; ``refuse_next`` refuses the next one with that code, ``refuse_software`` each of a software key."""

    store: Store
    pool: Pool
    authority: Authority
    terms: approvals.Terms
    pepper: bytes
    refuse_next: str | None = None
    refuse_software: bool = False

    def person(self, kind: str, number: str) -> bytes:
        """Return the pseudonym a person's numbers are counted under."""
        return hmac.digest(self.pepper, f"{kind}|{number}".encode(), hashlib.sha256)

    def decide(self, serial: str, session: bytes, signed: bytes, sealed_items: bytes, variant: str | None) -> Answer:
        """Return the answer for one request; raises :class:`ApiError` for a caller's mistake."""
        with self.store.transaction() as db:
            earlier = db.execute("SELECT serial, record, answer FROM activation WHERE session = ?", (session,)).fetchone()
            if earlier:
                return _stored(earlier, serial, signed)
            if db.execute("SELECT 1 FROM result WHERE session = ?", (session,)).fetchone():
                raise ApiError(409, "ABORTED", "this session was cancelled")
            try:
                record = self._admit(db, serial, signed)
            except Refusal as refusal:
                return _refused(refusal.code)
            if record.session != session:
                raise ApiError(400, "INVALID_ARGUMENT", "the key is not the record's session")
            db.execute("UPDATE terminal SET sequence = ?, last = ? WHERE serial = ?", (record.claims[271], record.digest, serial))
            db.execute("SAVEPOINT decision")
            try:
                return self._approve(db, record, sealed_items, variant)
            except Refusal as refusal:
                db.execute("ROLLBACK TO decision")
                return _store(db, record, _refused(refusal.code))

    def status(self, serial: str, session: bytes) -> Answer:
        """Return the stored answer; raises :class:`ApiError` 404."""
        with self.store.transaction() as db:
            row = db.execute("SELECT answer FROM activation WHERE session = ? AND serial = ?", (session, serial)).fetchone()
        if row is None:
            raise ApiError(404, "NOT_FOUND", "no such activation")
        return dict(json.loads(row["answer"]))

    def _admit(self, db: sqlite3.Connection, serial: str, signed: bytes) -> Record:
        """Return the authentic next record of the unit's chain; raises R802. A break is remembered for its cancellation."""
        unit = db.execute("SELECT spki, protection, sequence, last FROM terminal WHERE serial = ?", (serial,)).fetchone()
        try:
            payload = signatures.verify(signed, typ="rnt-record", keys={signatures.key_id(unit["spki"]): unit["spki"]})
            record = shapes.record(payload, signed)
        except (NotAuthentic, Malformed):
            raise Refusal("R802") from None
        if record.claims[1] != serial or record.claims[266] != unit["protection"]:
            raise Refusal("R802")
        if record.claims[271] != unit["sequence"] + 1 or record.claims[272] != unit["last"]:
            db.execute("INSERT OR IGNORE INTO chain_break VALUES (?, ?, ?)", (serial, record.digest, record.claims[271]))
            raise Refusal("R802")
        return record

    def _approve(self, db: sqlite3.Connection, record: Record, sealed_items: bytes, variant: str | None) -> Answer:
        if db.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?)", (record.claims[10], record.session)).rowcount == 0:
            raise Refusal("R802")
        values = self._open_items(record, sealed_items)
        if self.refuse_next:
            code, self.refuse_next = self.refuse_next, None
            raise Refusal(code)
        if db.execute("SELECT revoked FROM terminal WHERE serial = ?", (record.claims[1],)).fetchone()["revoked"]:
            raise Refusal("R505")
        if self.refuse_software and record.claims[266] == "software":
            raise Refusal("R505")
        check_identity(record, values, today=time.strftime("%Y%m%d"))
        if record.iccid is None:
            accepted = approvals.accept(record, now=int(time.time()), terms=self.terms, authority=self.authority)
            return _store(db, record, {"outcome": "approved", "approval": _b64(accepted.message)}, approval=accepted)
        blank = self.pool.take(db, record.iccid)
        person = self.person(record.claims[258], str(values[2]))
        if not take_quota(db, person):
            raise Refusal("R401")
        issue = issues.make(db, blank, _reserve_number(db, record), self.terms.house)
        known = variant if variant != approvals.REPLAY else None
        try:
            approval = approvals.build(record, issue, now=int(time.time()), terms=self.terms, authority=self.authority, variant=known)
        except Malformed:
            raise Refusal("R802") from None
        issues.keep(db, record.session, blank.iccid, issue)
        answer = {"outcome": "approved", "approval": _b64(approval.message), "profile": _b64(approval.sealed)}
        if variant == approvals.REPLAY:
            answer = _older_approval(db)
        return _store(db, record, answer, approval=approval, person=person)

    def _open_items(self, record: Record, sealed: bytes) -> dict[int, str | bytes]:
        try:
            plain = signatures.unseal(sealed, private_key=self.authority.vault_private, info=b"rnt/items/1" + record.session)
            return shapes.items(plain, record.claims[260], record.claims.get(275, bytes(32)))
        except (NotAuthentic, Malformed):
            raise Refusal("R802") from None


def _stored(row: sqlite3.Row, serial: str, signed: bytes) -> Answer:
    if row["serial"] != serial or row["record"] not in {hashlib.sha256(signed).digest(), gm.digest(signed)}:
        raise ApiError(422, "IDEMPOTENCY_KEY_REUSED", "this key belongs to another request")
    return dict(json.loads(row["answer"]))


def _store(
    db: sqlite3.Connection, record: Record, answer: Answer, *, approval: approvals.Approval | None = None, person: bytes | None = None
) -> Answer:
    row = (record.session, record.claims[1], record.digest, answer["outcome"], answer.get("code", ""), json.dumps(answer))
    rest = (approval.approval_id, approval.data_digest, person) if approval else (None, None, None)
    db.execute("INSERT INTO activation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, *rest, record.iccid, int(time.time())))
    return answer


def _reserve_number(db: sqlite3.Connection, record: Record) -> issues.Number:
    """Reserve the next number: an MSISDN of an unassigned range and an IMSI of network 460 00. A released number is not used again."""
    row = db.execute(
        "INSERT INTO number (iccid, session, state) VALUES (?, ?, 'reserved') RETURNING id", (record.iccid, record.session)
    ).fetchone()
    number = issues.Number(imsi=f"46000{row['id']:010d}", msisdn=f"86120{row['id']:08d}")
    db.execute("UPDATE number SET msisdn = ?, imsi = ? WHERE id = ?", (number.msisdn, number.imsi, row["id"]))
    return number


def _older_approval(db: sqlite3.Connection) -> Answer:
    row = db.execute("SELECT answer FROM activation WHERE outcome = 'approved' ORDER BY rowid DESC LIMIT 1").fetchone()
    if row is None:
        raise ApiError(503, "UNAVAILABLE", "no older approval to replay")
    return dict(json.loads(row["answer"]))


def _refused(code: str) -> Answer:
    return {"outcome": "refused", "code": code, "message": "refused by the operator"}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
