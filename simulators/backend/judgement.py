# SPDX-License-Identifier: Apache-2.0
"""What stands against an authentic record in the operator's registers: the first code found, a hold, or nothing.

Order: terminal (R504), place (R507), software (R509), agent (R512, R501, R502), clerk (R503), what the record itself shows
(``verification``), scores of faces (R201), clerk and customer (R514), the police register (R112, R113, R116, H114), restrictions (R405), a
unit's papers (``units``), the number the business is about (R407, R408, R411; R303, R306, R602), pace (R406, R409, R404, R210), and
last the reviewer (held until one decides).

Ports: the police register is asked through the ``person`` table (a simulated one) and may be silent; the network tells where a terminal is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import units
from simulators.backend.errors import Hold, Refusal
from simulators.backend.rules import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.rules import Rules
    from simulators.backend.shapes import Record
    from simulators.backend.store import Db
    from simulators.backend.verification import Prepared

ONLINE: Mapping[str, str] = {"MISMATCH": "R112", "NOT_FOUND": "R113", "LOST": "R116"}
"""Answer of the police register → outcome; MATCH has none, UNAVAILABLE holds."""
ANSWERS = frozenset({"MATCH", "UNAVAILABLE", *ONLINE})
OF_A_NUMBER = frozenset({"T02", "T03", "T04", "T05", "T08", "T10", "T12"})
"""Kinds that are about a number somebody has."""
FREE_OF_DEBT = OF_A_NUMBER - {"T04", "T08"}
FRAUD, NOT_AFTER_FRAUD = "fraud", frozenset({"T02", "T03"})
"""A number reported for fraud is neither passed on nor replaced before its owner was verified again (T06)."""
REVIEWER, REGISTER = "reviewer", "register"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged, when, and what a reviewer said of it (``pass``, a code, or nothing yet)."""

    record: Record
    prepared: Prepared
    now: int
    verdict: str = ""


def counter(db: Db, judged: Judged, rules: Rules) -> bytes | None:
    """Judge who asks from where; returns the clerk's pseudonym when it is known."""
    record = judged.record
    row = db.one("register.counter", record.claims[281], record.claims[1])
    if row is None:
        if rules.strict:
            raise Refusal("R504")
        _software(db, record, rules)
        return None
    if row["withdrawn"]:
        raise Refusal("R504")
    if row["seen"] and row["seen"] not in json.loads(row["cells"]):
        raise Refusal("R507")
    _software(db, record, rules)
    contract(row, judged.now)
    if row["employer"] is None:
        if rules.strict:
            raise Refusal("R503")
        return None
    if not employed(row, judged.now):
        raise Refusal("R503")
    return bytes(row["person"]) if row["person"] is not None else None


def _software(db: Db, record: Record, rules: Rules) -> None:
    if rules.floor:
        release = db.one("register.release_of", record.claims[267])
        if release is None or release["number"] < rules.floor:
            raise Refusal("R509")


def employed(row: Mapping[str, Any], now: int) -> bool:
    """Return whether the clerk of a register row may work for its agent."""
    return bool(not row["barred"] and row["vetted"] and row["trained_until"] > now and row["employer"] == row["agent"])


def contract(row: Mapping[str, Any], now: int) -> None:
    """Judge the agent of a register row."""
    if row["parent"]:
        raise Refusal("R512")
    if row["contract_until"] is None or not row["filed"] or row["contract_until"] <= now or not row["measures"]:
        raise Refusal("R501")
    if row["blacklisted"]:
        raise Refusal("R502")


def faces(judged: Judged, rules: Rules) -> None:
    """Judge how like the faces are that were compared; the terminal's own word on it is not taken."""
    claims = judged.record.claims
    compared = [face for face in (claims.get(274), *(party.get(5) for party in claims[277])) if face is not None]
    if any(score < rules.face_score for score, _ in compared):
        raise Refusal("R201")


def parties(db: Db, judged: Judged, rules: Rules, clerk: bytes | None) -> None:
    """Judge who the parties are."""
    prepared = judged.prepared
    everyone = [person for person in (prepared.person, *(person for _, person in prepared.others)) if person]
    if clerk is not None and clerk in everyone:
        raise Refusal("R514")
    for person in everyone:
        row = db.one("register.person_of", person)
        answer = str(row["online"]) if row else "MATCH"
        if rules.online != "off" and answer in ONLINE:
            raise Refusal(ONLINE[answer])
        if rules.online == "silent" or (rules.online == "on" and answer == "UNAVAILABLE"):
            raise Hold("H114", REGISTER)
        if row and row["restricted"]:
            raise Refusal("R405")


def concerned(db: Db, judged: Judged) -> None:
    """Judge the number the business is about, where the record names one."""
    kind, number = str(judged.record.claims[257]), judged.prepared.number
    if kind not in OF_A_NUMBER or not number:
        return
    row = db.one("register.number", number)
    if row is None:
        return
    owners = {judged.prepared.person, *(person for role, person in judged.prepared.others if role == "owner")}
    units_own = row["person"] is None and units.concerned(db, judged, number)
    if row["person"] is None and kind != "T04" and not units_own:
        raise Refusal("R411")
    if row["person"] is not None and bytes(row["person"]) not in owners:
        raise Refusal("R407")
    if row["reason"] == FRAUD and kind in NOT_AFTER_FRAUD:
        raise Refusal("R404")
    if row["reason"] and kind in FREE_OF_DEBT:
        raise Refusal("R408")


def pace(db: Db, judged: Judged, rules: Rules) -> None:
    """Judge how often and how fast."""
    if not (rules.cool_down_s or rules.burst or rules.tries or rules.proxies):
        return
    person, serial, now = judged.prepared.person, judged.record.claims[1], judged.now
    (row,) = db.all("register.pace", person, now - rules.cool_down_s, serial, now - rules.burst_s, person, now - DAY)
    if rules.cool_down_s and row["of_person"]:
        raise Refusal("R406")
    if rules.burst and row["of_terminal"] >= rules.burst and judged.record.iccid is not None:
        raise Refusal("R409")
    if rules.tries and row["refused"] >= rules.tries:
        raise Refusal("R404")
    for role, other in judged.prepared.others:
        if role == "proxy" and rules.proxies:
            (times,) = db.all("register.as_proxy", other, now - DAY)
            if times["times"] >= rules.proxies:
                raise Refusal("R210")
            db.do("register.proxied", other, now)


def review(judged: Judged, rules: Rules) -> None:
    """Hold what a reviewer must see first; a reviewer's code refuses."""
    claims = judged.record.claims
    sources = {claims.get(259), *(party[3] for party in claims[277])}
    asked = sources & set(rules.review_sources) or claims[257] in rules.review_kinds or set(claims[278]) & set(rules.review_modifiers)
    if asked and not judged.verdict:
        raise Hold("H114", REVIEWER)
    if judged.verdict not in {"", "pass"}:
        raise Refusal(judged.verdict)
