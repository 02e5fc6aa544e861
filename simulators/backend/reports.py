# SPDX-License-Identifier: Apache-2.0
"""What the operator does with a terminal's signed result, and the signed acknowledgement it gives.

Rules
* ``written`` and ``answered``: bound to the approval, the record and the read-back; then the approval is spent, the number active and the
  card used. A read-back that is not the approved data, or answers of the card that do not prove it (``proofs``), end as ``failed``: number
  and quota released, card scrapped.
* ``cancelled`` / ``voided``: the reservation is released, the card returns to stock / is scrapped. Unknown sessions are accepted
  too, and from then on closed: a late record of that session is not decided any more.
* a result repeated with the same outcome gets an acknowledgement again; another outcome is a conflict.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import shapes, signatures, strict_cbor
from simulators.backend.errors import ApiError
from simulators.backend.proofs import proven
from simulators.backend.signatures import NotAuthentic
from simulators.backend.store import give_back_quota
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from simulators.backend.authority import Authority
    from simulators.backend.pool import Pool
    from simulators.backend.store import Store


@dataclass(frozen=True, slots=True)
class Reports:
    """Takes results and acknowledges them."""

    store: Store
    pool: Pool
    authority: Authority
    operator_id: str

    def take(self, serial: str, session: bytes, signed: bytes) -> bytes:
        """Return the signed acknowledgement of ``signed``; raises :class:`ApiError`."""
        with self.store.transaction() as db:
            activation = db.execute("SELECT * FROM activation WHERE session = ?", (session,)).fetchone()
            claims = _authentic(db, serial, session, signed, activation)
            earlier = db.execute("SELECT serial, outcome, ack FROM result WHERE session = ?", (session,)).fetchone()
            if earlier and (earlier["serial"] != serial or earlier["outcome"] != claims[257]):
                raise ApiError(409, "INCOMPATIBLE_STATE", "another result was reported before")
            ack = earlier["ack"] if earlier else _settle(db, self.pool, serial, claims, activation)
        return self._acknowledge(session, ack, signed)

    def _acknowledge(self, session: bytes, outcome: str, signed: bytes) -> bytes:
        payload = strict_cbor.dumps({1: self.operator_id, 6: int(time.time()), 7: session, 256: 1, 257: outcome})
        aad = signatures.message_digest(signed)
        return signatures.sign(payload, typ="rnt-ack", key_pem=self.authority.approval_pem, kid=self.authority.approval_kid, aad=aad)


def _authentic(db: sqlite3.Connection, serial: str, session: bytes, signed: bytes, activation: sqlite3.Row | None) -> Mapping[int, Any]:
    """Return the result's claims after signature, session, record and approval were checked; raises :class:`ApiError`."""
    spki = db.execute("SELECT spki FROM terminal WHERE serial = ?", (serial,)).fetchone()["spki"]
    keys, approval_id = {signatures.key_id(spki): spki}, activation["approval_id"] if activation else None
    for aad in (approval_id or b"", b""):
        try:
            claims = shapes.result(signatures.verify(signed, typ="rnt-result", keys=keys, aad=aad))
            break
        except (NotAuthentic, Malformed):
            continue
    else:
        raise ApiError(422, "RESULT_REJECTED", "signature or content")
    bound = claims[1] == serial and claims[7] == session and claims.get(259, b"") == aad
    if activation:
        bound = bound and activation["serial"] == serial and claims[260] == activation["record"]
        bound = bound and not (claims[257] == "accepted" and activation["iccid"])
    if not bound or (claims[257] in shapes.SOLD and not aad):
        raise ApiError(422, "RESULT_REJECTED", "not bound to this session, record and approval")
    return claims


def _settle(db: sqlite3.Connection, pool: Pool, serial: str, claims: Mapping[int, Any], activation: sqlite3.Row | None) -> str:
    """Carry out the first result of a session; returns the acknowledgement's outcome."""
    session, outcome = claims[7], claims[257]
    reserved = activation is not None and activation["outcome"] == "approved"
    if outcome in shapes.SOLD and activation is not None:
        good = outcome not in shapes.WITH_CARD or (claims[261] == [activation["iccid"], activation["profile"]] and proven(db, pool, claims))
        ack = "active" if good else "failed"
        db.execute("INSERT INTO spent VALUES (?, ?)", (claims[259], session))
    else:
        good, ack = False, "released"
    if reserved and activation is not None:
        card = "used" if good else "blank" if outcome == "cancelled" else "scrapped"
        db.execute("UPDATE blank SET state = ? WHERE iccid = ?", (card, activation["iccid"]))
        db.execute("UPDATE number SET state = ? WHERE session = ?", ("active" if good else "released", session))
        if not good and activation["person"]:
            give_back_quota(db, activation["person"])
    if activation is None:
        _close_gap(db, serial, claims[260])
    db.execute("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?)", (session, serial, outcome, claims[258], claims[260], ack))
    return ack


def _close_gap(db: sqlite3.Connection, serial: str, record: bytes) -> None:
    """Put a record that was never admitted into the unit's chain: the unit itself says that it exists and is void."""
    if record == bytes(32):
        return
    refused = db.execute("SELECT sequence FROM chain_break WHERE serial = ? AND record = ?", (serial, record)).fetchone()
    unit = db.execute("SELECT sequence FROM terminal WHERE serial = ?", (serial,)).fetchone()
    sequence = refused["sequence"] if refused else unit["sequence"] + 1
    if sequence > unit["sequence"]:
        db.execute("UPDATE terminal SET sequence = ?, last = ? WHERE serial = ?", (sequence, record, serial))
