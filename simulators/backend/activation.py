# SPDX-License-Identifier: Apache-2.0
"""The operator's word on a record: approved with a number, or refused with one code.

Rules, in order
1. the same key and record get the stored answer; the same key with another record is an error of the caller
2. signature, type, shape and terminal, then the unit's chain (sequence number and previous digest): else R802, nothing stored
3. from here the record is part of the chain and its answer is stored: nonce new, items proved by their digests, else R802
4. the deny-list, the registers and the record itself (``judgement``), blank card, quota: one code each, or a hold that stores no
   decision yet
5. blank, its counters, number, quota, nonce and answer commit together; the approval leaves afterwards

A refusal undoes the whole work and is stored by a second one, which looks for an answer again before it stores its own.
A unit whose record never arrived is not locked out: its signed cancellation takes the record's place in the chain (``reports``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import approvals, books, cases, issues, judgement, numbers, petitions, units
from simulators.backend.bodies import text
from simulators.backend.errors import ApiError, Hold, Refusal
from simulators.backend.quota import count
from simulators.backend.strict_cbor import Malformed
from simulators.backend.verification import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.authority import Authority
    from simulators.backend.clock import Clock
    from simulators.backend.pool import Pool
    from simulators.backend.rules import House
    from simulators.backend.shapes import Record
    from simulators.backend.store import Db, Store
    from simulators.backend.verification import Prepared, Verifiers

Answer = dict[str, Any]
HELD = "held"
OWN_NUMBERS = "T07"
LAPSED = "R410"
"""The number a session reserved is no longer its own."""
OUT_OF_AREA = "R507"
UNCLEAR = "R207"
"""How a hold ends whose time is over: nobody was accepted unchecked."""


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


@dataclass(frozen=True, slots=True)
class Admitted:
    """A record that is part of its unit's chain, and the unit's row; ``held``: it was before, and waits for its decision."""

    record: Record
    unit: Mapping[str, Any]
    held: bool = False


@dataclass(slots=True)
class Activations:
    """Decides records; ``refuse_next`` refuses the next one with that code, ``refuse_software`` each of a software key."""

    store: Store
    pool: Pool
    authority: Authority
    terms: approvals.Terms
    verifiers: Verifiers
    clock: Clock
    house: House
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
            answer = _refused(refusal.code)
        except Hold as hold:
            answer = {"outcome": "held", "code": hold.code, "until": self.clock.now() + self.house.rules.hold_s, "why": hold.why}
        if ordered and answer["code"] == ordered:
            self.refuse_next = None
        return await self.store.ask(lambda db: self._end(db, asked, prepared, answer))

    async def status(self, unit: Unit, session: bytes) -> Answer:
        """Return the stored answer, a held one decided anew; raises :class:`ApiError` 404."""
        row = await self.store.ask(lambda db: db.one("activation.answer", session, unit.serial))
        if row is None:
            raise ApiError(404, "NOT_FOUND", "no such activation")
        answer = dict(json.loads(row["answer"]))
        if answer["outcome"] != HELD:
            return answer
        (kept,) = await self.store.ask(lambda db: db.all("activation.vault_find", session))
        body = json.dumps({"record": text(bytes(kept["record"])), "items": text(bytes(kept["items"]))}).encode()
        return await self.decide(Asked(unit, session, body))

    def _admit(self, db: Db, asked: Asked, prepared: Prepared) -> Admitted | Answer:
        """Return the authentic next record of the chain, now part of it, and its unit; or the answer there is. A break is remembered."""
        unit = db.one("terminal.heard", self.clock.now(), asked.unit.serial, asked.unit.tls)
        if unit is None:
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        record, known = prepared.record, db.all("activation.known", asked.session, asked.session)
        if known:
            answer = _stored(known, asked, prepared)
            return Admitted(record, unit, held=True) if answer["outcome"] == HELD and record is not None else answer
        if record is None or bytes(unit["spki"]) != asked.unit.spki:
            return _refused("R802")
        if record.claims[1] != asked.unit.serial or record.claims[266] != unit["protection"]:
            return _refused("R802")
        if record.claims[271] != unit["sequence"] + 1 or record.claims[272] != bytes(unit["last"]):
            db.do("terminal.broke", asked.unit.serial, record.digest, record.claims[271])
            cases.running(db, "BR-05", asked.unit.serial, self.clock.now())
            return _refused("R802")
        if record.session != asked.session:
            raise ApiError(400, "INVALID_ARGUMENT", "the key is not the record's session")
        db.do("terminal.chain", record.claims[271], record.digest, asked.unit.serial)
        return Admitted(record, unit)

    def _approve(self, db: Db, asked: Asked, prepared: Prepared, ordered: str | None) -> Answer:
        admitted = self._admit(db, asked, prepared)
        if isinstance(admitted, dict):
            return admitted
        record = admitted.record
        self._judge(db, admitted, prepared, ordered)
        if record.iccid is not None:
            answer, approval = self._issue(db, record, prepared, asked.variant)
        else:
            answer, approval = self._accept(db, record, prepared)
        db.do("activation.vault_keep", record.session, prepared.signed, prepared.sealed)
        return self._keep(db, admitted, answer, prepared, approval)

    def _accept(self, db: Db, record: Record, prepared: Prepared) -> tuple[Answer, approvals.Approval]:
        """Approve what writes no card; a number that passes to somebody counts for them from now on."""
        if record.claims[257] == books.TRANSFER:
            row = db.one("number.living", prepared.number)
            if row is not None and row["tariff"] and prepared.person:
                count(db, prepared.person, str(row["tariff"]), self.house.rules)
        told: tuple[str, ...] = ()
        if record.claims[257] == OWN_NUMBERS:
            told = petitions.lines(db, prepared.person, petitions.asked(OWN_NUMBERS, record.claims[280]), self.clock.now())
        approval = approvals.accept(record, now=self.clock.now(), terms=self.terms, authority=self.authority, lines=told)
        return {"outcome": "approved", "approval": text(approval.message)}, approval

    def _issue(self, db: Db, record: Record, prepared: Prepared, variant: str | None) -> tuple[Answer, approvals.Approval]:
        """Reserve card, number and quota, and approve."""
        iccid = str(record.iccid)
        blank = self.pool.take(db, iccid)
        tariff, number = self._number(db, iccid, record, prepared)
        units.given(db, record.claims, prepared.others, number.msisdn, self.clock.now())
        held = count(db, prepared.person, tariff, self.house.rules) if tariff and prepared.person else 0
        issue = issues.make(db, blank, number, self.terms.house)
        known = variant if variant != approvals.REPLAY else None
        try:
            approval = approvals.build(record, issue, now=self.clock.now(), terms=self.terms, authority=self.authority, variant=known)
        except Malformed:
            raise Refusal("R802") from None
        issues.keep(db, record.session, iccid, issue)
        answer = {"outcome": "approved", "approval": text(approval.message), "profile": text(approval.sealed)}
        if held > self.house.rules.warn_at:
            answer["warning"] = "W-401"
        return _older_approval(db) if variant == approvals.REPLAY else answer, approval

    def _number(self, db: Db, iccid: str, record: Record, prepared: Prepared) -> tuple[str, issues.Number]:
        """Return tariff and number of the session: a replaced card's own without counting it, the one it reserved, else the next.

        A released number is not used again.
        """
        rules, now, session, person = self.house.rules, self.clock.now(), record.session, prepared.person or None
        if record.claims[257] == books.REPLACEMENT and db.one("number.living", prepared.number) is not None:
            fresh = numbers.new(db, session, iccid=iccid, tariff="", state="reserved", person=person, since=now)
            db.run("number.keep_msisdn", prepared.number, session)
            return "", issues.Number(imsi=fresh.imsi, msisdn=prepared.number)
        if db.one("number.of", session):
            mine = db.one("number.take", iccid, person, now, session, now)
            if mine is None:
                raise Refusal(LAPSED)
            return str(mine["tariff"]), issues.Number(imsi=str(mine["imsi"]), msisdn=str(mine["msisdn"]))
        return rules.tariff, numbers.new(db, session, iccid=iccid, tariff=rules.tariff, state="reserved", person=person, since=now)

    def _judge(self, db: Db, admitted: Admitted, prepared: Prepared, ordered: str | None) -> None:
        """Raise the one code that stands against this record, if any does, or its hold."""
        now, rules, record, unit = self.clock.now(), self.house.rules, admitted.record, admitted.unit
        held = db.one("register.hold_of", record.session) if admitted.held else None
        if held is None and db.run("activation.nonce", record.claims[10], record.session) == 0:
            raise Refusal("R802")
        if prepared.fault == "R802":
            raise Refusal("R802")
        if ordered:
            raise Refusal(ordered)
        if unit["revoked"] or (self.refuse_software and record.claims[266] == "software"):
            raise Refusal("R505")
        judged = judgement.Judged(record, prepared, now, str(held["verdict"]) if held else "")
        clerk = judgement.counter(db, judged, rules)
        if prepared.fault:
            raise Refusal(prepared.fault)
        if held and not held["verdict"] and held["until"] <= now:
            raise Refusal(UNCLEAR)
        judgement.faces(judged, rules)
        judgement.parties(db, judged, rules, clerk)
        units.opening(db, judged, rules)
        judgement.concerned(db, judged)
        judgement.pace(db, judged, rules)
        judgement.review(judged, rules)

    def _end(self, db: Db, asked: Asked, prepared: Prepared, answer: Answer) -> Answer:
        """Store a refusal or a hold; a hold that is there already stays as it is."""
        admitted = self._admit(db, asked, prepared)
        if isinstance(admitted, dict):
            return admitted
        record = admitted.record
        if answer["outcome"] == HELD:
            known = db.one("register.hold_of", record.session) if admitted.held else None
            if known:
                return {**answer, "until": int(known["until"])}
            db.do("register.hold", record.session, asked.unit.serial, answer["why"], self.clock.now(), answer["until"])
            db.do("activation.vault_keep", record.session, prepared.signed, prepared.sealed)
        if answer["code"] == OUT_OF_AREA:
            cases.running(db, "BR-08", asked.unit.serial, self.clock.now())
        return self._keep(db, admitted, answer, prepared)

    def _keep(self, db: Db, admitted: Admitted, answer: Answer, prepared: Prepared, approval: approvals.Approval | None = None) -> Answer:
        record, now = admitted.record, self.clock.now()
        outcome, code = answer["outcome"], "" if answer["outcome"] == "approved" else answer["code"]
        decision = (outcome, code, json.dumps(answer))
        proof = (approval.approval_id, approval.data_digest) if approval else (None, None)
        if outcome != HELD:
            books.decided(db, record, outcome, now)
        if outcome != "refused":
            books.expect(db, record, prepared.pages)
        if admitted.held:
            db.do("activation.decide", *decision, *proof, now, record.session)
            if outcome != "approved":
                books.unfounded(db, record.session, now)
            return answer
        of = (record.iccid, now, record.claims[257], record.claims[281], prepared.number, books.consented(record), now, record.claims[1])
        db.do("activation.keep", record.session, record.claims[1], record.digest, *decision, *proof, prepared.person or None, *of)
        return answer


def _stored(known: list[Mapping[str, Any]], asked: Asked, prepared: Prepared) -> Answer:
    row = next((row for row in known if row["kind"] == "answer"), None)
    if row is None:
        raise ApiError(409, "ABORTED", "this session was cancelled")
    if row["serial"] != asked.unit.serial or bytes(row["record"]) not in prepared.digests:
        raise ApiError(422, "IDEMPOTENCY_KEY_REUSED", "this key belongs to another request")
    answer = dict(json.loads(row["text"]))
    if answer["outcome"] == HELD and len(known) > 1:
        raise ApiError(409, "ABORTED", "this session was cancelled")
    return answer


def _older_approval(db: Db) -> Answer:
    row = db.one("activation.older")
    if row is None:
        raise ApiError(503, "UNAVAILABLE", "no older approval to replay")
    return dict(json.loads(row["answer"]))


def _refused(code: str) -> Answer:
    return {"outcome": "refused", "code": code, "message": "refused by the operator"}
