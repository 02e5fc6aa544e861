# SPDX-License-Identifier: Apache-2.0
"""The life of a number in service, by the operator's clock.

=============  ============================  ======================  =========
state          leaves it after               calls                   fees
=============  ============================  ======================  =========
inactive       its user is bound → active    none                    no
active         –                             all                     yes
notified       60 days → suspended           all                     yes
suspended      30 days → terminated          emergency calls alone   no
single_stop    15 days → full_stop           incoming and emergency  no
full_stop      –                             emergency calls alone   no
terminated     –                             none                    no
=============  ============================  ======================  =========

Each step happens at the moment it is due, however late the clock is looked at. What ends is refunded and counted less; the retention of its
records begins. Supplementary registration (T04) brings a number back from every state but the last (Tibet order art. 20; suspension
pilot).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.backend.quota import give_back
from simulators.backend.rules import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.store import Db

STEPS: Mapping[str, tuple[int, str]] = {"notified": (60, "suspended"), "suspended": (30, "terminated"), "single_stop": (15, "full_stop")}
CALLS: Mapping[str, str] = {
    "inactive": "none",
    "active": "all",
    "notified": "all",
    "suspended": "emergency",
    "single_stop": "incoming and emergency",
    "full_stop": "emergency",
}
BILLED = frozenset({"active", "notified"})


def sweep(db: Db, now: int) -> None:
    """Carry out every step that is due."""
    for row in db.all("number.in_life"):
        number: Mapping[str, Any] | None = row
        while number is not None and number["state"] in STEPS:
            days, state = STEPS[number["state"]]
            due = number["since"] + days * DAY
            if due > now:
                break
            if state == "terminated":
                end(db, number, due)
                break
            db.run("number.move", state, due, number["id"], number["state"])
            db.do("book.event", due, state, number["msisdn"], "")
            number = db.one("number.living", number["msisdn"])


def change(db: Db, msisdn: str, states: frozenset[str], to: str, now: int) -> None:
    """Move a number from one of ``states``; raises ``ValueError`` when it is in none of them."""
    row = db.one("number.living", msisdn)
    if row is None or row["state"] not in states or db.run("number.move", to, now, row["id"], row["state"]) != 1:
        raise ValueError("msisdn")
    db.do("book.event", now, to, msisdn, "")


def end(db: Db, row: Mapping[str, Any], at: int) -> None:
    """End a number: refund, one number less for its owner, retention of its records begins."""
    db.run("number.move", "terminated", at, row["id"], row["state"])
    for kind in ("terminated", "refund"):
        db.do("book.event", at, kind, row["msisdn"], "")
    if row["person"] is not None and row["tariff"]:
        give_back(db, bytes(row["person"]), str(row["tariff"]))
    for kept in ("identity", "consent_history", "billing"):
        db.do("book.begin", at, kept, bytes(row["session"]).hex())
    for consent in db.all("book.withdraw", at, row["msisdn"], at):
        db.do("book.keep", "consent", bytes(consent["session"]).hex(), at)
