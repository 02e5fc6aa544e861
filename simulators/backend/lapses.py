# SPDX-License-Identifier: Apache-2.0
"""Approvals whose result never came.

Rules
* ``result_s`` after the approval its reservation ends: the person's count is given back, number and blank card are quarantined, since
  the card may have been written: neither is given to anybody else. The terminal that owes the result has a case BR-06, one at a time
* the result may still come. ``cancelled`` and ``voided`` end number and card as they always do. What was written is counted again, and is
  in service if the person may still have it; else it ends ``failed``, card scrapped
* a transfer whose word was never reported lapses likewise; the number stayed its old owner's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.backend import cases
from simulators.backend.errors import Refusal
from simulators.backend.quota import count, give_back

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from simulators.backend.rules import Rules
    from simulators.backend.store import Db

LAPSED = "lapsed"
QUARANTINED = "quarantined"
UNREPORTED = "BR-06"


def sweep(db: Db, now: int, rules: Rules) -> int:
    """End the reservations that are due; returns how many."""
    ended = 0
    for row in db.all("activation.unreported", now - rules.result_s):
        session = bytes(row["session"])
        db.run("activation.outcome", LAPSED, session, "approved")
        if db.one("activation.result", session):  # it came while we waited for the row
            db.run("activation.outcome", "approved", session, LAPSED)
            continue
        tariff = _tariff(db, row, session)
        if row["person"] is not None and tariff:
            give_back(db, bytes(row["person"]), tariff)
        if row["iccid"] is not None:
            db.do("number.end", QUARANTINED, now, session)
            db.do("card.end", QUARANTINED, row["iccid"])
        db.do("book.event", now, LAPSED, session.hex(), "")
        cases.running(db, UNREPORTED, str(row["serial"]), now)
        ended += 1
    return ended


def counted_again(db: Db, activation: Mapping[str, Any], session: bytes, rules: Rules) -> bool:
    """Count what a lapsed approval's late result brings; returns whether the person may have it."""
    tariff = _tariff(db, activation, session)
    if activation["person"] is None or not tariff:
        return True
    try:
        count(db, bytes(activation["person"]), tariff, rules)
    except Refusal:
        return False
    return True


def _tariff(db: Db, activation: Mapping[str, Any], session: bytes) -> str:
    """Return the tariff a session was counted under, empty when it was not."""
    if activation["iccid"] is not None:
        row = db.one("number.of", session)
    else:
        row = db.one("number.living", activation["concerns"]) if activation["kind"] == "T02" else None
    return str(row["tariff"]) if row else ""
