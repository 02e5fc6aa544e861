# SPDX-License-Identifier: Apache-2.0
"""How long the operator keeps what, and that it is gone afterwards.

A row of ``kept`` is one thing with its class and the moment its clock began, 0 while its cause lasts. What is due is deleted and leaves one
event ``purged``; a legal hold (RC-9) stops that for its key until it is released. RC-1, RC-2 and RC-10 are the terminal's.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING

from simulators.backend.evidence import name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.evidence import Evidence
    from simulators.backend.store import Db

MONTHS: Mapping[str, int] = {
    "identity": 24,  # RC-3: service life and two years
    "consent": 5,  # RC-4a: after its last use
    "consent_history": 5,  # RC-4b: after the end
    "billing": 5,  # RC-5
    "assessment": 36,  # RC-6
    "log": 6,  # RC-7
    "tombstone": 24,  # RC-8: refusals, as identity
    "pictures": 0,  # of a held record that came to nothing
}


def until(kept: str, began: int) -> int:
    """Return the second from which a thing of this class that began then may be deleted: so many calendar months later."""
    moment = dt.datetime.fromtimestamp(began, dt.UTC)
    months = moment.year * 12 + moment.month - 1 + MONTHS[kept]
    year, month = months // 12, months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def purge(db: Db, now: int, evidence: Evidence) -> list[tuple[str, str]]:
    """Delete what is due; returns class and key of each. Objects are deleted first: what is left over is found again."""
    gone = []
    for row in db.all("book.due"):
        kept, key = str(row["class"]), str(row["key"])
        if until(kept, int(row["began"])) > now:
            continue
        session = bytes.fromhex(key) if kept in {"identity", "pictures", "tombstone", "consent"} else b""
        if kept in {"identity", "pictures"}:
            for piece in db.all("book.evidence_of", session):
                evidence.delete(name(session, bytes(piece["digest"])))
            db.do("book.evidence_forget", session)
            db.do("activation.vault_erase", session)
        if kept in {"identity", "tombstone"}:
            db.do("book.forget_person", session)
        if kept == "consent":
            db.do("book.consent_forget", session)
        db.do("book.purged", now, kept, key)
        db.do("book.event", now, "purged", key, kept)
        gone.append((kept, key))
    return gone
