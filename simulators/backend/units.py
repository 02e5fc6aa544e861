# SPDX-License-Identifier: Apache-2.0
"""Units (T09), whom their cards are for, and the binding of each card to the person who uses it (T10).

Rules
* a unit's opening has all of (a) to (g): document R301, authorisation R304, undertaking R307, list of users R306, handler R303, responsible
  person R305, the handler's live picture R308
* a unit the operator knows is known by its registered handler: suspended or, for strict rules, unknown is R301; a purpose that needs a
  licence is R310 without one; where an assessment is asked for, its opening is held until there is one
* a unit's card is the unit's, so it counts for nobody and stays inactive, however well it was written, until T10
* T10 by another than the registered handler is R303; without the user's consent to join (C-6) R602; a user who is not on the unit's
  list R306. Then the number is in service. Another user may be bound later in the same way
* other business about a unit's number is its handler's
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.backend.errors import Hold, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from simulators.backend.judgement import Judged
    from simulators.backend.rules import Rules
    from simulators.backend.store import Db

OPENING, BINDING = "T09", "T10"
INACTIVE = "inactive"
LICENSED = frozenset({"outbound", "sms_port"})
"""Purposes that need a licence."""
PURPOSES = LICENSED | {"office"}
PAPERS: Mapping[str, str] = {"unit-document-image": "R301", "U-A": "R304", "U-B": "R307", "U-C": "R306"}
"""Evidence an opening names → what it is refused with otherwise."""
ROLES: Mapping[str, str] = {"handler": "R303", "responsible": "R305"}
JOINING = "C-6"


def opening(db: Db, judged: Judged, rules: Rules) -> None:
    """Judge what a unit's opening brings, and the unit."""
    claims = judged.record.claims
    if claims[257] != OPENING:
        return
    named, parties = {word for word, _ in claims[280]}, {party[1]: party for party in claims[277]}
    missing = [code for word, code in PAPERS.items() if word not in named]
    missing += [code for role, code in ROLES.items() if role not in parties]
    missing += ["R308"] if 5 not in parties.get("handler", {}) else []  # the party's face
    if missing:
        raise Refusal(missing[0])
    unit = db.one("unit.of_handler", _handlers(judged)[0])
    if unit is None:
        if rules.strict:
            raise Refusal("R301")
        return
    if unit["suspended"]:
        raise Refusal("R301")
    if unit["purpose"] in LICENSED and not unit["licence"]:
        raise Refusal("R310")
    if rules.assessed and not unit["assessment"]:
        raise Hold("H114", "assessment")


def concerned(db: Db, judged: Judged, number: str) -> bool:
    """Judge business about a unit's number; returns whether it is one."""
    card = db.one("unit.card", judged.prepared.person, number)
    if card is None:
        return False
    binding = judged.record.claims[257] == BINDING
    acting = {judged.prepared.person, *_handlers(judged)} if not binding else set(_handlers(judged))
    if not acting & {bytes(who) for who in (card["handler"], card["registered"]) if who is not None}:
        raise Refusal("R303" if binding else "R407")
    if card["suspended"]:
        raise Refusal("R301")
    if binding and JOINING not in {name for name, _ in judged.record.claims[262]}:
        raise Refusal("R602")
    if binding and card["listed"] is None:
        raise Refusal("R306")
    return True


def given(db: Db, record: Mapping[int, Any], others: tuple[tuple[str, bytes], ...], msisdn: str, now: int) -> None:
    """Note whose card a number of an opening is."""
    handler = next((person for role, person in others if role == "handler"), b"")
    if record[257] == OPENING:
        unit = db.one("unit.of_handler", handler)
        db.do("unit.card_put", msisdn, str(unit["code"]) if unit else "", handler, now)


def in_service(db: Db, session: bytes) -> str:
    """Return the state of a number whose card is written and proven: a unit's waits for its user."""
    card = db.one("unit.waits", session)
    return INACTIVE if card is not None and card["bound"] is None else "active"


def bound(db: Db, msisdn: str, row: Mapping[str, Any], person: bytes, now: int) -> None:
    """Bind a unit's number to who uses it; one that waited for that is in service."""
    if db.run("unit.bind", person, now, msisdn) == 1:
        db.run("number.move", "active", now, row["id"], INACTIVE)
        db.do("book.event", now, "bound", msisdn, "")


def listed(db: Db, unit: str, people: list[bytes], seal: bytes | None) -> None:
    """Take a unit's list of users in place of the one before.

    ``seal``: SHA-256 of the picture of the sealed paper, which a record of an opening of this unit names. ``ValueError`` when none does.
    """
    if db.one("unit.known", unit) is None or (seal is not None and db.one("unit.sealed", unit, seal) is None):
        raise ValueError("no such unit, or no opening brought this list")
    db.do("unit.users_forget", unit)
    for person in people:
        db.do("unit.user", unit, person, seal)


def _handlers(judged: Judged) -> list[bytes]:
    return [person for role, person in judged.prepared.others if role == "handler"]
