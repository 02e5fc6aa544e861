# SPDX-License-Identifier: Apache-2.0
"""What people ask of the operator: complaints, disputes of a number (T07), their own data (T17); and when each must be answered.

Rules
* everything is decided with a reason by an officer. A complaint about messages is accepted within 3 working days, decided within 15 more
  and told within 3 more (draft rule, art. 29 to 33); all else is decided within 15 days. Working days are Monday to Friday in UTC+8:
  public holidays are not known here
* a dispute locks the number where it stands under the person's name. Granted, it is nobody's, counts for nobody and must be supplemented;
  declined, it is free again
* access is answered with what is kept; what the law makes the operator keep is not deleted before its term, but consents end
* what was asked at a counter is told by the digest of the request the record names: of the CBOR of [kind, word]
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from simulators.backend import strict_cbor
from simulators.backend.quota import give_back
from simulators.backend.rules import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from simulators.backend.store import Db

DISPUTE, MESSAGES = "dispute", "messages"
AT_A_COUNTER: Mapping[str, tuple[str, ...]] = {"T07": ("list", DISPUTE), "T17": ("access", "correct", "delete")}
ABOUT = frozenset({"service", MESSAGES})
"""What may be complained about without a counter."""
VERDICTS = frozenset({"granted", "declined"})
TERM_DAYS = 15
STEPS: tuple[tuple[str, str, int], ...] = (("accepted", "opened", 3), ("decided", "accepted", 15), ("told", "decided", 3))
"""Of a complaint about messages: step, from when it counts, working days."""
SATURDAY, EAST = 5, 8 * 3600
LINES = 36
"""Most numbers on a slip."""


def asked(kind: str, evidence: Iterable[tuple[str, bytes]]) -> str:
    """Return what a record of T07 or T17 asks for, by the evidence it names; empty when nothing known."""
    named = {bytes(digest) for _, digest in evidence}
    words = AT_A_COUNTER.get(kind, ())
    return next((word for word in words if hashlib.sha256(strict_cbor.dumps([kind, word])).digest() in named), "")


def lines(db: Db, person: bytes, about: str, now: int) -> tuple[str, ...]:
    """Return what the subscriber of T07 is told: their numbers, masked; and by when a dispute is answered."""
    rows = db.all("number.of_person", person) if person else []
    told = [f"名下号码 Numbers in your name: {len(rows)}", *(masked(str(row["msisdn"])) for row in rows[:LINES])]
    if about == DISPUTE:
        told.append(f"异议已登记，答复期限 Dispute noted, answered by: {_day(now + TERM_DAYS * DAY)}")
    return tuple(told)


def masked(msisdn: str) -> str:
    """Return a number as it may be printed."""
    return f"{msisdn[:5]}****{msisdn[-4:]}"


def from_counter(db: Db, activation: Mapping[str, Any], session: bytes, now: int) -> None:
    """Open what a record of T07 or T17 asks for, if it asks for an answer."""
    named = [(row["word"], row["digest"]) for row in db.all("book.evidence_of", session)]
    about, number, person = asked(str(activation["kind"]), named), str(activation["concerns"]), activation["person"]
    if about in {"", "list"}:
        return
    opened(db, about, number if about == DISPUTE else session.hex(), person, now)
    if about == DISPUTE and _theirs(db, number, person) is not None:
        db.do("register.lock", number, DISPUTE)


def opened(db: Db, about: str, subject: str, person: bytes | None, now: int) -> int:
    """Open a petition; returns its number."""
    (row,) = db.all("petition.open", about, subject, person, now)
    db.do("book.event", now, "petition", subject, about)
    return int(row["id"])


def decide(db: Db, number: int, told: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Decide a petition and do what that means; returns what is told. ``ValueError`` without a verdict, a reason or an officer."""
    verdict, reason, officer = (str(told.get(name, "")) for name in ("verdict", "reason", "officer"))
    row = db.one("petition.find", number)
    if verdict not in VERDICTS or not reason or not officer:
        raise ValueError("a verdict, a reason and an officer")
    if row is None or db.run("petition.decide", now, verdict, reason, officer, number) != 1:
        raise ValueError("no such petition, or decided before")
    about, subject, person = str(row["about"]), str(row["subject"]), row["person"]
    if about == DISPUTE:
        _settle(db, subject, person, granted=verdict == "granted", now=now)
    if verdict != "granted" or person is None:
        return {}
    numbers = [str(own["msisdn"]) for own in db.all("number.of_person", person)]
    if about == "delete":
        for msisdn in numbers:
            for consent in db.all("book.withdraw", now, msisdn, now):
                db.do("book.keep", "consent", bytes(consent["session"]).hex(), now)
    kept = db.one("petition.holdings", person, person) if about == "access" else None
    return {"numbers": [masked(msisdn) for msisdn in numbers], "records": kept["records"], "consents": kept["consents"]} if kept else {}


def listing(db: Db, now: int) -> list[dict[str, Any]]:
    """Return every petition with what of it is overdue."""
    return [{**dict(row), "overdue": _overdue(row, now)} for row in db.all("petition.every")]


def working_days(begin: int, days: int) -> int:
    """Return the end of the ``days``-th working day after ``begin``."""
    day = (begin + EAST) // DAY
    while days:
        day += 1
        days -= time.gmtime(day * DAY).tm_wday < SATURDAY
    return (day + 1) * DAY - EAST


def _overdue(row: Mapping[str, Any], now: int) -> list[str]:
    if row["about"] != MESSAGES:
        return ["decided"] if (row["decided"] or now) > row["opened"] + TERM_DAYS * DAY else []
    return [step for step, since, days in STEPS if row[since] and (row[step] or now) > working_days(int(row[since]), days)]


def _settle(db: Db, number: str, person: bytes | None, *, granted: bool, now: int) -> None:
    row = _theirs(db, number, person)
    if row is None:
        return
    db.do("register.unlock", number)
    if granted and person is not None:
        db.do("number.nobody", number)
        give_back(db, bytes(person), str(row["tariff"]))
        db.do("book.event", now, "disowned", number, "")


def _theirs(db: Db, number: str, person: bytes | None) -> Mapping[str, Any] | None:
    row = db.one("number.living", number) if number and person is not None else None
    return row if row is not None and row["person"] is not None and bytes(row["person"]) == bytes(person or b"") else None


def _day(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment + EAST))
