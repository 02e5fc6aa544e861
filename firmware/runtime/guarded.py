# SPDX-License-Identifier: Apache-2.0
"""What takes two people, on a terminal that does not run: asked for, warranted, carried out, and written down (DS-13).

Decides when a request may be carried out; whether two people warrant it is :mod:`firmware.core.staff`'s to say, in one place. Rules
* A request is a row of the journal before anybody sees it, and its nonce is the row's session: it can be carried out once, in the boot and
  the quarter of an hour it was made in.
* The row that names the two people, their roles and the reason is durable before anything is done. An attempt without two is a row too
  (BR-07). Neither says anything of a subscriber.
* Personal data past the hard limit is not here any more: opening the journal has erased it.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, events
from firmware.core.bundle import record_alone
from firmware.core.errors import Malformed, SignatureRefused, TwoPeopleFault, TwoPeopleRefused
from firmware.core.issue_data import parse_issue_data
from firmware.core.session import UnexpectedEvent, fold, step
from firmware.core.staff import (
    FRESH_MS,
    WHOLE_LOG,
    Operation,
    Reason,
    Request,
    Shown,
    check_two_people,
    read_request,
    read_roster,
)
from firmware.journal import ItemGone
from firmware.journal.values import STAFF_REFUSED, STAFF_REQUESTED, STAFF_WARRANTED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from firmware.core.keyring import Trust
    from firmware.core.staff import Person, Roster
    from firmware.journal import Journal
    from firmware.runtime.clock import Clock

ROSTER: Final = "policy/staff.cose"
"""The operator's signed roster, relative to the state directory."""
MAX_ROSTER: Final = 64 * 1024


class NotHere(Exception):
    """What was asked for is not in the journal, or not any more."""


class Guarded:
    """The guarded operations on one open journal."""

    def __init__(self, journal: Journal, clock: Clock, serial: str) -> None:
        self._journal = journal
        self._clock = clock
        self._serial = serial

    def request(self, operation: str, session: bytes, reason: str, shown: str) -> bytes:
        """Write a request down and return it; ``ValueError`` when nobody can ask for this, :class:`NotHere` for an unknown session."""
        asked = Operation(operation)
        if asked is not Operation.LOG and not self._journal.rows(session):
            raise NotHere("no such session")
        now = self._clock.now()
        about = WHOLE_LOG if asked is Operation.LOG else session
        request = Request(self._serial, now.at, about, os.urandom(16), asked, Reason(reason), Shown(shown), now.boot_id, now.boot_ms)
        data = request.encode()
        self._journal.append(request.nonce, STAFF_REQUESTED, data, close=True)
        return data

    def warranted(self, data: bytes, warrants: Sequence[bytes], roster: Roster | None) -> Request:
        """Return the request once two people warrant it, written down; raises :class:`TwoPeopleRefused`, which is written down too."""
        try:
            request = read_request(data)
        except Malformed:
            raise TwoPeopleRefused(TwoPeopleFault.REQUEST) from None
        try:
            self._check_request(data, request)
            people = check_two_people(data, warrants, roster, seconds=self._clock.now().at)
        except TwoPeopleRefused as refused:
            about = _about(request)
            self._journal.append(os.urandom(16), STAFF_REFUSED, cbor.encode([*about, refused.fault.value, list(refused.known)]), close=True)
            raise
        self._journal.append(_decision(request.nonce), STAFF_WARRANTED, _warranted(request, people), close=True)
        return request

    def bundle(self, session: bytes) -> bytes:
        """Return an inspector's bundle of the session's record; raises :class:`NotHere` once it is erased."""
        return record_alone(self._item(session, "record"))

    def show(self, session: bytes, shown: Shown) -> str:
        """Return one field in full; raises :class:`NotHere` when the session holds it no more, or not yet."""
        history = [events.decode(row.kind, row.payload) for row in self._journal.rows(session)]
        approved = next((event for event in history if isinstance(event, events.Approved)), None)
        if approved is None:
            raise NotHere("the operator has not given a number yet")
        data = parse_issue_data(approved.mode, self._item(session, "profile"))
        return data.msisdn if shown is Shown.MSISDN else data.imsi

    def void(self, request: Request) -> str:
        """End the session, erasing what it holds; returns its outcome. Raises :class:`NotHere` when it has ended."""
        session = request.session
        withdrawn = events.Withdrawn(self._clock.now().at, request.nonce)
        stands = fold(tuple(events.decode(row.kind, row.payload) for row in self._journal.rows(session)))
        try:
            following = step(stands.state, withdrawn)
        except UnexpectedEvent:
            raise NotHere("the session has ended") from None
        self._journal.append(session, *events.encode(withdrawn), erase=following.erase, keep=following.keep, close=following.close)
        return str(getattr(following.state, "outcome", ""))

    def _check_request(self, data: bytes, request: Request) -> None:
        """Refuse a request this terminal never made, or that was carried out, or that is too old."""
        asked = self._journal.rows(request.nonce)
        now = self._clock.now()
        made_here = [(row.kind, row.payload) for row in asked] == [(STAFF_REQUESTED, data)]
        fresh = now.boot_id == request.boot_id and now.boot_ms - request.boot_ms <= FRESH_MS
        if not made_here or not fresh or self._journal.rows(_decision(request.nonce)):
            raise TwoPeopleRefused(TwoPeopleFault.REQUEST)

    def _item(self, session: bytes, name: str) -> bytes:
        try:
            return self._journal.item(session, name)
        except ItemGone:
            raise NotHere("the session holds it no more") from None


def stored_roster(state_dir: Path, trust: Trust, seconds: int) -> Roster | None:
    """Return the roster this terminal has; ``None`` when there is none that the operator signed."""
    try:
        with (state_dir / ROSTER).open("rb") as file:
            message = file.read(MAX_ROSTER)
        return roster_of(message, trust, seconds)
    except (FileNotFoundError, SignatureRefused, Malformed):
        return None


def roster_of(message: bytes, trust: Trust, seconds: int) -> Roster:
    """Return the roster in a message of this terminal's operator; raises ``SignatureRefused`` or ``Malformed``."""
    return read_roster(message, keyring=trust.keyring, operator=trust.operator_id, seconds=seconds, provider=trust.provider)


def _about(request: Request) -> list[Any]:
    return [request.nonce, request.operation.value, request.reason.value, request.session]


def _warranted(request: Request, people: Sequence[Person]) -> bytes:
    return cbor.encode([*_about(request), [[person.staff_id, person.role.value] for person in people]])


def _decision(nonce: bytes) -> bytes:
    """Return the name of the row that decides a request: one name, one row, so a request is carried out once."""
    return hashlib.sha256(b"rnt/staff/decision/1" + nonce).digest()[: claims.ID_LENGTH]
