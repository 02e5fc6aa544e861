# SPDX-License-Identifier: Apache-2.0
"""Breaches of duty (BR-01 … BR-10) and their clocks: by word within an hour, in short within a day, the end within five days.

The remedy comes before the report: a lost or tampered terminal is on the deny-list before its case is opened. A report is complete only
with kinds of data, causes, harm, measures and a contact (personal-information law art. 57).

Opened by themselves: BR-04 of a member of staff (wrong PINs); of a terminal, one at a time: BR-05 (a record outside its chain), BR-06 (a
result that does not come), BR-08 (outside its area), BR-09 (a contract that ended while records are not handed over).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulators.backend.rules import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.store import Db

EVENTS = frozenset(f"BR-{number:02}" for number in range(1, 11))
OF_A_TERMINAL = frozenset({"BR-01", "BR-02", "BR-03"})
STAGES: Mapping[str, int] = {"oral": HOUR, "short": DAY, "final": 5 * DAY}
PARTS = ("kinds", "causes", "harm", "measures", "contact")


def opened(db: Db, event: str, subject: str, now: int) -> int:
    """Open a case; returns its number. Raises ``ValueError`` for an event there is none of."""
    if event not in EVENTS:
        raise ValueError("event")
    if event in OF_A_TERMINAL:
        db.run("terminal.revoke", subject)
        db.do("book.event", now, "revoked", subject, event)
    (row,) = db.all("book.case_open", event, subject, now)
    db.do("book.event", now, "case", subject, event)
    return int(row["id"])


def running(db: Db, event: str, subject: str, now: int) -> None:
    """Open a case unless one of the same event and subject runs."""
    if db.one("book.case_running", event, subject) is None:
        opened(db, event, subject, now)


def report(db: Db, number: int, stage: str, told: Mapping[str, Any], now: int) -> None:
    """Note a report; raises ``ValueError`` when a written one lacks a part, or the stage was reported before."""
    if stage not in STAGES or (stage != "oral" and not all(told.get(part) for part in PARTS)):
        raise ValueError("stage, or a part is missing")
    text = json.dumps({part: str(told[part]) for part in PARTS if part in told})
    if db.run(f"book.case_{stage}", now, text, number) != 1:
        raise ValueError("no such case, or reported before")


def listing(db: Db, now: int) -> list[dict[str, Any]]:
    """Return every case with when each stage is due, and which are overdue."""
    cases = []
    for row in db.all("book.cases"):
        due = {stage: row["opened"] + seconds for stage, seconds in STAGES.items()}
        late = [stage for stage in STAGES if (row[stage] or now) > due[stage]]
        cases.append(
            {"case": row["id"], "event": row["event"], "subject": row["subject"], "opened": row["opened"], "due": due, "overdue": late}
        )
    return cases
