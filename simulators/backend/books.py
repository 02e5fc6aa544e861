# SPDX-License-Identifier: Apache-2.0
"""What an approval and a result mean for the operator's books: consents, retention, evidence to come, owners of numbers, notices.

Rules
* an approval: its identity is kept from now on, its evidence is expected; a refusal leaves a tombstone (RC-8)
* a hold: its evidence is expected, for the reviewer to see; what came of it is deleted when the hold comes to nothing
* a card that became active: the customer's other numbers are told; a replaced card takes its number over
* business without a card, by kind: T10 binds a unit's number to its user, T04 registers its number and restores it, T02 gives it to the
  new owner, T05 is one more version, T06 clears a report of fraud, T07 and T17 open what they ask for, T08 ends it, T14 grants or
  withdraws the consent to commercial messages
* a consent (C-5) is the record that carries it; withdrawing beats every earlier grant
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.backend import judgement, life, petitions, units
from simulators.backend.quota import give_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.shapes import Record
    from simulators.backend.store import Db

COMMERCIAL, AGREEMENT = "C-5", "agreement"
TRANSFER, REPLACEMENT = "T02", "T03"


def consented(record: Record) -> bytes | None:
    """Return the digest of the commercial consent's text, where the record carries one."""
    return next((bytes(text) for name, text in record.claims[262] if name == COMMERCIAL), None)


def decided(db: Db, record: Record, outcome: str, now: int) -> None:
    """Note what a decision means for what is kept."""
    key = record.session.hex()
    if outcome == "refused":
        db.do("book.keep", "tombstone", key, now)
        return
    db.do("book.keep", "identity", key, 0)


def expect(db: Db, record: Record, pages: tuple[tuple[str, bytes], ...]) -> None:
    """Expect the evidence of a record that is approved or held: pages of documents, papers and words, the agreement."""
    agreement = [(AGREEMENT, record.claims[263])] if 263 in record.claims else []
    for word, digest in (*pages, *record.claims[280], *agreement):
        db.do("book.evidence_named", record.session, word, digest)


def unfounded(db: Db, session: bytes, now: int) -> None:
    """Note that a held record came to nothing: its items go at once, its pictures with the next deletion."""
    db.do("activation.vault_erase", session)
    db.do("book.keep", "pictures", session.hex(), now)


def released(db: Db, activation: Mapping[str, Any], session: bytes, now: int) -> None:
    """Note that a session came to nothing: its retention begins, and a transfer's new owner has no more numbers than before."""
    db.do("book.begin", now, "identity", session.hex())
    row = db.one("number.living", activation["concerns"]) if activation["kind"] == TRANSFER else None
    if row is not None and row["tariff"] and activation["outcome"] == "approved":
        give_back(db, activation["person"], str(row["tariff"]))


def carried_out(db: Db, activation: Mapping[str, Any], session: bytes, now: int) -> None:
    """Do in the books what a business meant; ``activation`` is its row."""
    person, kind, number = activation["person"], str(activation["kind"]), str(activation["concerns"])
    if activation["iccid"] is not None:
        mine = db.one("number.of", session)
        msisdn = str(mine["msisdn"]) if mine else ""
        if number and number == msisdn:
            db.run("number.replaced", now, number, session)
        if person:
            db.do("book.notify_others", now, "a number was opened in your name", person, session)
        _consent(db, activation, session, msisdn, now, person)
        return
    row = db.one("number.living", number) if number else None
    if row is not None:
        _about(db, activation, row, now)
    petitions.from_counter(db, activation, session, now)
    if kind == "T14" and number and activation["consented"] is None:
        withdraw(db, number, now)
    _consent(db, activation, session, number, now, person or (row["person"] if row is not None else None))


def _about(db: Db, activation: Mapping[str, Any], row: Mapping[str, Any], now: int) -> None:
    """Do what a business without a card means for the number ``row`` it is about."""
    person, kind, number = activation["person"], str(activation["kind"]), str(activation["concerns"])
    if kind in {TRANSFER, "T04"}:
        if kind == TRANSFER and row["person"] is not None and row["tariff"]:
            give_back(db, bytes(row["person"]), str(row["tariff"]))
        db.run("number.owner", person, now, row["id"])
        db.do("book.event", now, "registered", number, kind)
    if kind == "T05":
        db.do("book.event", now, "version", number, bytes(activation["record"]).hex())
    if kind == "T06" and person and row["person"] is not None and bytes(row["person"]) == bytes(person):
        db.do("register.unlock_for", number, judgement.FRAUD)
    if kind == units.BINDING and person:
        units.bound(db, number, row, bytes(person), now)
    if kind == "T08":
        life.end(db, row, now)


def withdraw(db: Db, msisdn: str, now: int) -> int:
    """Withdraw every consent given for a number up to now; returns how many. Their evidence is kept for its term from now."""
    rows = db.all("book.withdraw", now, msisdn, now)
    for row in rows:
        db.do("book.keep", "consent", bytes(row["session"]).hex(), now)
    db.do("book.event", now, "withdrawn", msisdn, "")
    return len(rows)


def _consent(db: Db, activation: Mapping[str, Any], session: bytes, msisdn: str, now: int, person: bytes | None) -> None:
    """Note a consent; where nobody's document was asked for, the card proved the number and its registered owner consents."""
    if activation["consented"] is not None and msisdn and person:
        db.do("book.grant", bytes(person), msisdn, session, activation["consented"], activation["record"], now)
        db.do("book.event", now, "granted", msisdn, "")
