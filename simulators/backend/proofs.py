# SPDX-License-Identifier: Apache-2.0
"""Whether a card is what was ordered: the operator's judgement of a result by what the card itself said (claim 262), byte for byte.

Rules
* fields and unlock end ``written``, script and relay ``answered``; the other word is no proof of anything
* script: the kept step's answer is the proof of receipt of exactly this packet, all its commands ran, and EF_IMSI came back as written
* relay: the channel was complete here, and the card's answers in the result are the last ones that came through it
* a challenge is answered with the right RES, or with an AUTS whose MAC-S is right; the latter also tells the sequence number to go on from.
  Where the terminal cannot prove a card itself the answer must be there

Decides nothing about numbers and cards: that follows in :mod:`simulators.backend.reports`.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

from simulators.backend.card_crypto import ProofRefused, Verdict, challenge, judge, resynchronise
from simulators.backend.card_crypto.files import imsi
from simulators.backend.issues import sender
from simulators.backend.pool import FIELDS, RELAY, SCRIPT, UNLOCK, raise_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulators.backend.pool import Blank, Pool
    from simulators.backend.store import Db

ENDS: Mapping[str, str] = {FIELDS: "written", UNLOCK: "written", SCRIPT: "answered", RELAY: "answered"}
"""Mode → the verdict of a terminal that carried it out."""
Answer = tuple[int, int, bytes]
"""Position, status word, data."""


def proven(db: Db, pool: Pool, claims: Mapping[int, Any]) -> bool:
    """Whether the card of a ``written`` or ``answered`` result is proven as far as the mode asks; takes a told sequence number over."""
    session = claims[7]
    row = db.one("card.issue_find", session)
    if row is None or claims[257] != ENDS[row["mode"]]:
        return False
    blank, proof = pool.find(db, row["iccid"]), json.loads(row["proof"])
    answers: list[Answer] = [(position, sw, data) for position, sw, data in claims.get(262, [])]
    own, behind = answers, _behind(db, session, row["mode"], proof)
    if "rand" in proof:
        own = [answer for answer in answers if answer[0] != behind]
        said = [answer for answer in answers if answer[0] == behind]
        if (said or ENDS[row["mode"]] == "answered") and not _key_proven(db, blank, proof, said):
            return False
    if row["mode"] == SCRIPT:
        return _receipt(blank, proof, own)
    if row["mode"] == RELAY:
        return bool(proof["complete"]) and _heard(db, session, own)
    return not own


def _behind(db: Db, session: bytes, mode: str, proof: Mapping[str, Any]) -> int:
    """Return the position of the challenge's answer: one past the last step or command."""
    if mode == RELAY:
        return len(_transcript(db, session))
    return int(proof.get("behind", 0))


def _receipt(blank: Blank, proof: Mapping[str, Any], answers: Sequence[Answer]) -> bool:
    if [position for position, _, _ in answers] != [proof["kept"]]:
        return False
    try:
        told = sender(blank, proof["counter"]).check(answers[0][2])
    except ProofRefused:
        return False
    return told.done and told.commands == proof["commands"] and hmac.compare_digest(told.data, imsi(proof["imsi"]))


def _heard(db: Db, session: bytes, answers: Sequence[Answer]) -> bool:
    heard = _transcript(db, session)
    first = len(heard) - len(answers)
    last = [(first + at, int.from_bytes(answer[-2:], "big"), answer[:-2]) for at, answer in enumerate(heard[first:])]
    return 0 < len(answers) <= len(heard) and list(answers) == last


def _transcript(db: Db, session: bytes) -> list[bytes]:
    """Return every answer that came through the relay, in order."""
    rows = db.all("card.rounds", session)
    return [bytes.fromhex(answer) for row in rows for answer in json.loads(row["answers"])]


def _key_proven(db: Db, blank: Blank, proof: Mapping[str, Any], said: Sequence[Answer]) -> bool:
    if len(said) != 1:
        return False
    k, opc, (_, sw, data) = blank.keys["k"], blank.keys["opc"], said[0]
    sent = challenge(k, opc, proof["sqn"], bytes.fromhex(proof["rand"]))
    verdict = judge(sent, data, sw)
    if verdict is Verdict.RIGHT_BUT_STALE:
        sqn = resynchronise(k, opc, sent.rand, data[2:])
        if sqn is None:
            return False
        raise_count(db, blank.iccid, "sqn", by=0, least=sqn)
        return True
    return verdict is Verdict.RIGHT
