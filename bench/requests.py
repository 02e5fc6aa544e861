# SPDX-License-Identifier: Apache-2.0
"""Valid requests to the operator, made outside the time that is measured."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware import packs
from firmware.core import cbor, report
from firmware.core.keyring import Trust
from firmware.core.people import Face, Person
from firmware.core.policy import resolve
from firmware.core.record import SALTS_LENGTH, Card, Device, RecordFacts, SignedRecord, build_record, evidence_info, seal_items, sign_record
from firmware.runtime.clock import Clock
from hal.camera.frame import parse
from hal.camera.portrait import live_portrait
from hal.camera.watermark import Watermark, stamp
from hal.id_reader.reading import to_holder
from simulators.personas import PERSONAS, photo_block, portrait_pgm, text_block

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from firmware.core.cose import Signer

CHECKS = ("kind", "number", "birth", "dates", "clock", "started", "not-expired", "age", "face-match", "liveness")


MARK = Watermark("BENCH", "T01", "2026-01-01", bytes(16).hex())
FACE = stamp(parse(portrait_pgm(PERSONAS["zhang"])), MARK, across=False).image
"""What the camera's worker would answer: marking is that process' work, not the record's."""
AGREEMENT = bytes(range(256)) * 24
"""What the record names as the signed agreement: as long as one, in English and Chinese."""


@dataclass(frozen=True, slots=True)
class Request:
    """One activation request: its session, the JSON body, the record in it, and the body that brings the agreement."""

    session: bytes
    body: dict[str, str]
    record: SignedRecord
    evidence: dict[str, str]


class RequestMaker:
    """Makes requests of one unit, continuing the chain of its records after ``last`` (number, digest); only ``parts`` without ``trust``."""

    def __init__(self, serial: str, signer: Signer, trust: Mapping[str, Any] | None, last: tuple[int, bytes]) -> None:
        self.serial = serial
        self._signer = signer
        self._trust = Trust.from_json(trust) if trust else None
        self._last = last
        self._clock = Clock(0)

    def parts(self, iccid: str) -> tuple[RecordFacts, Person]:
        """Return what the next record for the blank card ``iccid`` is built of."""
        persona, now = PERSONAS["zhang"], self._clock.now()
        holder, chip = to_holder(text_block(persona), photo_block(persona), None)
        plan = resolve("T01", "D01", packs.floor())
        facts = RecordFacts(
            terminal=self.serial,
            signed_at=now.at,
            session=os.urandom(16),
            nonce=os.urandom(16),
            transaction="T01",
            consents=tuple((text.code, text.digest) for text in plan.consents),
            agreement=hashlib.sha256(AGREEMENT).digest(),
            card=Card(iccid, bytes(22), "bench"),
            device=Device(bytes(16), "bench"),
            protection=self._signer.protection,
            software=bytes(32),
            policy=plan.policy,
            boot_id=now.boot_id,
            boot_ms=now.boot_ms,
            sequence=self._last[0] + 1,
            previous=self._last[1],
            journal=bytes(32),
            profile_key=bytes([9]) + bytes(31),
        )
        portraits, checks = (chip, live_portrait(FACE, MARK)), tuple((name, True) for name in CHECKS)
        return facts, Person(holder=holder, portraits=portraits, checks=checks, face=Face(93, live=True))

    def request(self, iccid: str) -> Request:
        """Return a request for the blank card ``iccid``."""
        if self._trust is None:
            raise ValueError("no operator to seal to")
        facts, person = self.parts(iccid)
        draft = build_record(facts, (person,), salts=os.urandom(SALTS_LENGTH))
        record = sign_record(draft, self._signer)
        self._last = (facts.sequence, record.digest)
        body = {"record": _text(record.message), "items": _text(seal_items(draft, vault_key=self._trust.vault_key))}
        sealed = self._trust.provider.seal(AGREEMENT, public_key=self._trust.vault_key, info=evidence_info(facts.session))
        evidence = {"digest": hashlib.sha256(AGREEMENT).hexdigest(), "content": _text(sealed)}
        return Request(facts.session, body, record, evidence)

    def result(self, request: Request, approval: bytes) -> dict[str, str]:
        """Return the body that reports the request's card as not written."""
        claims = cbor.decode(cbor.decode(approval[1:])[2])
        result = report.Result(
            self.serial, self._clock.now().at, request.session, report.Verdict.CANCELLED, "R701", request.record.digest, claims[7]
        )
        return {"result": _text(report.sign_result(result, self._signer).message)}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
