# SPDX-License-Identifier: Apache-2.0
"""What the operator does with a terminal's signed result, and the signed acknowledgement it gives.

Rules
* ``written`` and ``answered``: bound to the approval, the record and the read-back; then the approval is spent, the number active (a
  unit's waits for its user) and the card used. A read-back that is not the approved data, or answers of the card that do not prove it
  (``proofs``), end as ``failed``: number and quota released, card scrapped.
* ``cancelled`` / ``voided``: the reservation is released, the card returns to stock / is scrapped. Unknown sessions are accepted
  too, and from then on closed: a late record of that session is not decided any more.
* a result of an approval that lapsed is taken too (``lapses``)
* a result repeated with the same outcome gets an acknowledgement again; another outcome is a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import books, lapses, shapes, signatures, strict_cbor, units
from simulators.backend.errors import ApiError
from simulators.backend.proofs import proven
from simulators.backend.quota import give_back
from simulators.backend.signatures import NotAuthentic
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.activation import Unit
    from simulators.backend.authority import Authority
    from simulators.backend.clock import Clock
    from simulators.backend.pool import Pool
    from simulators.backend.rules import House, Rules
    from simulators.backend.store import Db, Store
    from simulators.backend.verification import Verifiers


@dataclass(frozen=True, slots=True)
class Settling:
    """Whose result it is, when it is settled, and by which rules."""

    serial: str
    now: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class Reports:
    """Takes results and acknowledges them. Signatures are verified and made beside the store."""

    store: Store
    pool: Pool
    authority: Authority
    operator_id: str
    verifiers: Verifiers
    clock: Clock
    house: House

    async def take(self, unit: Unit, session: bytes, signed: bytes) -> bytes:
        """Return the signed acknowledgement of ``signed``; raises :class:`ApiError`."""
        row = await self.store.ask(lambda db: db.one("activation.find", session))
        activation = {name: _bytes(row[name]) for name in row.keys()} if row else None  # noqa: SIM118  # a row is no mapping everywhere
        claims = await self.verifiers.aside(lambda: _authentic(unit, session, signed, activation))
        ack = await self.store.ask(lambda db: self._settle(db, unit, claims, activation))
        return await self.verifiers.aside(lambda: self._acknowledge(session, ack, signed))

    def _settle(self, db: Db, unit: Unit, claims: Mapping[int, Any], activation: Mapping[str, Any] | None) -> str:
        """Carry out the first result of a session, or find it again; returns the acknowledgement's outcome."""
        session, outcome = claims[7], claims[257]
        if db.one("terminal.heard", self.clock.now(), unit.serial, unit.tls) is None:
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        earlier = db.one("activation.result", session)
        if earlier:
            if earlier["serial"] != unit.serial or earlier["outcome"] != outcome:
                raise ApiError(409, "INCOMPATIBLE_STATE", "another result was reported before")
            return str(earlier["ack"])
        if activation is None and db.one("activation.find", session):
            raise ApiError(409, "ABORTED", "this session is being decided")
        now = db.one("activation.current", session) if activation else None
        activation = {**activation, "outcome": now["outcome"]} if activation and now else activation
        ack = _carry_out(db, self.pool, claims, activation, Settling(unit.serial, self.clock.now(), self.house.rules))
        db.do("activation.settle", session, unit.serial, outcome, claims[258], claims[260], ack, self.clock.now())
        return ack

    def _acknowledge(self, session: bytes, outcome: str, signed: bytes) -> bytes:
        payload = strict_cbor.dumps({1: self.operator_id, 6: self.clock.now(), 7: session, 256: 1, 257: outcome})
        aad = signatures.message_digest(signed)
        return signatures.sign(payload, typ="rnt-ack", key_pem=self.authority.approval_pem, kid=self.authority.approval_kid, aad=aad)


def _authentic(unit: Unit, session: bytes, signed: bytes, activation: Mapping[str, Any] | None) -> Mapping[int, Any]:
    """Return the result's claims after signature, session, record and approval were checked; raises :class:`ApiError`."""
    keys, approval_id = {signatures.key_id(unit.spki): unit.spki}, activation["approval_id"] if activation else None
    for aad in (approval_id or b"", b""):
        try:
            claims = shapes.result(signatures.verify(signed, typ="rnt-result", keys=keys, aad=aad))
            break
        except (NotAuthentic, Malformed):
            continue
    else:
        raise ApiError(422, "RESULT_REJECTED", "signature or content")
    bound = claims[1] == unit.serial and claims[7] == session and claims.get(259, b"") == aad
    if activation:
        bound = bound and activation["serial"] == unit.serial and claims[260] == activation["record"]
        bound = bound and not (claims[257] in shapes.SOLD and (claims[257] in shapes.WITH_CARD) is (activation["iccid"] is None))
    if not bound or (claims[257] in shapes.SOLD and not aad):
        raise ApiError(422, "RESULT_REJECTED", "not bound to this session, record and approval")
    return claims


def _carry_out(db: Db, pool: Pool, claims: Mapping[int, Any], activation: Mapping[str, Any] | None, at: Settling) -> str:
    session, outcome, now = claims[7], claims[257], at.now
    if activation is None:
        _close_gap(db, at.serial, claims[260])
        return "released"
    good, ack = False, "released"
    if outcome in shapes.SOLD:
        good = outcome not in shapes.WITH_CARD or (claims[261] == [activation["iccid"], activation["profile"]] and proven(db, pool, claims))
        if good and activation["outcome"] == lapses.LAPSED:
            good = lapses.counted_again(db, activation, session, at.rules)
        ack = "active" if good else "failed"
        db.do("activation.spend", claims[259], session)
    if activation["outcome"] == "held":
        books.unfounded(db, session, now)
    if activation["outcome"] in {"approved", lapses.LAPSED} and activation["iccid"] is not None:
        card = "used" if good else "blank" if outcome == "cancelled" else "scrapped"
        db.do("card.end", card, activation["iccid"])
        ended = db.all("number.end", units.in_service(db, session) if good else "released", now, session)
        if not good and activation["outcome"] == "approved" and activation["person"] and ended and ended[0]["tariff"]:
            give_back(db, activation["person"], str(ended[0]["tariff"]))
    if good:
        books.carried_out(db, activation, session, now)
    elif activation["outcome"] != "refused":
        books.released(db, activation, session, now)
    return ack


def _close_gap(db: Db, serial: str, record: bytes) -> None:
    """Put a record that was never admitted into the unit's chain: the unit itself says that it exists and is void."""
    if record == bytes(32):
        return
    refused, unit = db.one("terminal.break_of", serial, record), db.one("terminal.find", serial)
    known = unit["sequence"] if unit else 0
    sequence = refused["sequence"] if refused else known + 1
    if sequence > known:
        db.do("terminal.chain", sequence, record, serial)


def _bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
