# SPDX-License-Identifier: Apache-2.0
"""The issue data of one card in each mode, and what the operator keeps to judge the card's answer later.

Rules
* fields and unlock: a profile; the first brings the administrative key, the second only names the key of the unlocking
* script: one secured packet (SCP80) that writes everything, in as many ENVELOPEs as it takes; the last one's answer is the proof of receipt
* relay: the number of commands that may pass, no more than this card takes
* packet counter and sequence number are raised in the caller's transaction, so durably before anything made with them leaves

Whether the answers prove anything is decided in :mod:`simulators.backend.proofs`.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.backend.card_crypto import Challenge, Scp80Sender, challenge
from simulators.backend.card_crypto.files import SELECT_CURRENT, SELECT_USIM, Subscriber, commands
from simulators.backend.pool import FIELDS, RELAY, SCRIPT, UNLOCK, raise_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.pool import Blank
    from simulators.backend.store import Db

HOME = ("46000:4000", "46000:8000", "46000:0080")
EQUIVALENT = ("46002", "46007")
FORBIDDEN = ("46001", "46003", "46011")
MNC_LENGTH = 2
ADM1 = 0x0A
OK = (0x9000, 0xFFFF)
IND = 32
"""A sequence number goes up by one SEQ; its low 5 bits stay (TS 33.102 annex C)."""
CHANNEL_COMMANDS = 3
"""Commands of a relay before the first secured one: SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE."""


@dataclass(frozen=True, slots=True)
class House:
    """What this operator puts on every card."""

    provider_name: str = "RNT MOBILE"
    message_centre: str = "8612000000500"


@dataclass(frozen=True, slots=True)
class Number:
    """A reserved number: digits."""

    imsi: str
    msisdn: str


@dataclass(slots=True)
class Issue:
    """``data`` is the plaintext map of the mode; ``proof`` (texts and integers) is what judges the answer."""

    mode: str
    data: dict[int, Any]
    proof: dict[str, Any] = field(default_factory=dict)


def make(db: Db, blank: Blank, number: Number, house: House) -> Issue:
    """Return what is sealed for ``blank``; raises its counters."""
    issue = _FORMS[blank.mode](db, blank, number, house)
    if blank.challenged:
        sent, sqn = _challenge(db, blank)
        issue.data[11] = [sent.rand, sent.autn, hashlib.sha256(sent.rand + sent.xres).digest()]
        issue.proof |= {"rand": sent.rand.hex(), "sqn": sqn}
    return issue


def keep(db: Db, session: bytes, iccid: str, issue: Issue) -> None:
    """Remember what judges the card's answers."""
    db.do("card.issue_keep", session, iccid, issue.mode, json.dumps(issue.proof))


def card_commands(blank: Blank, number: Number, house: House, *, select: bytes = SELECT_USIM) -> tuple[bytes, ...]:
    """Return the plain commands that make the blank this number's card; the last one reads EF_IMSI back."""
    subscriber = Subscriber(number.imsi, house.provider_name, house.message_centre, HOME, EQUIVALENT, FORBIDDEN, MNC_LENGTH)
    return commands(subscriber, blank.numbers["smsp"], blank.numbers["smsp_2g"], select=select)


def sender(blank: Blank, counter: int) -> Scp80Sender:
    """Return the operator's end of SCP80 for ``blank``; ``counter`` is the last one used."""
    numbers = blank.numbers
    return Scp80Sender(blank.keys["kic"], blank.keys["kid"], counter, version=numbers["key_version"], algorithm=numbers["algorithm"])


def _profile(blank: Blank, number: Number, house: House) -> dict[int, Any]:
    return {
        1: blank.iccid,
        2: number.imsi,
        3: number.msisdn,
        4: house.provider_name,
        5: house.message_centre,
        6: list(HOME),
        7: list(EQUIVALENT),
        8: list(FORBIDDEN),
        9: MNC_LENGTH,
    }


def _fields(_: Db, blank: Blank, number: Number, house: House) -> Issue:
    return Issue(FIELDS, {**_profile(blank, number, house), 10: [ADM1, blank.keys["adm"]]})


def _unlock(_: Db, blank: Blank, number: Number, house: House) -> Issue:
    return Issue(UNLOCK, {**_profile(blank, number, house), 12: blank.numbers["unlock_ref"]})


def _script(db: Db, blank: Blank, number: Number, house: House) -> Issue:
    centre = sender(blank, raise_count(db, blank.iccid, "counter") - 1)
    script = card_commands(blank, number, house, select=SELECT_CURRENT)
    envelopes = [centre.command(data) for data in centre.packets(script)]
    last = len(envelopes) - 1
    steps = [[command, [list(OK)], position == last] for position, command in enumerate(envelopes)]
    proof = {"counter": centre.counter, "commands": len(script), "imsi": number.imsi, "kept": last, "behind": len(steps)}
    return Issue(SCRIPT, {**_numbers(blank, number), 4: steps}, proof)


def _relay(_: Db, blank: Blank, number: Number, house: House) -> Issue:
    script = card_commands(blank, number, house)
    data = {**_numbers(blank, number), 4: CHANNEL_COMMANDS + len(script)}
    return Issue(RELAY, data, {"imsi": number.imsi, "msisdn": number.msisdn, "complete": False})


_FORMS: Mapping[str, Callable[[Db, Blank, Number, House], Issue]] = {
    FIELDS: _fields,
    SCRIPT: _script,
    UNLOCK: _unlock,
    RELAY: _relay,
}


def _numbers(blank: Blank, number: Number) -> dict[int, Any]:
    return {1: blank.iccid, 2: number.imsi, 3: number.msisdn}


def _challenge(db: Db, blank: Blank) -> tuple[Challenge, int]:
    sqn = raise_count(db, blank.iccid, "sqn", by=IND)
    return challenge(blank.keys["k"], blank.keys["opc"], sqn, os.urandom(16)), sqn
