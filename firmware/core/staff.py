# SPDX-License-Identifier: Apache-2.0
"""What takes two people (金库模式, DS-13), and whether they are two (``messages.cddl``: roster, request, warrant).

Decides the whole rule, for every operation that is guarded. Rules
* Who may warrant anything stands on the operator's roster: staff id, role, one key. Signed by a key of purpose ``policy``; it expires.
* A request names one operation on one session of one terminal, with one coded reason and the terminal's own nonce. A warrant is one
  person's signature over exactly that request; it is good for no other.
* Two warrants of two staff ids and two keys, each of a role that may, one of them of a role that approves: :func:`check_two_people`, and
  no way around it. An engineer never warrants what shows or moves personal data (DS-18).
* Nothing here is personal: staff ids are the operator's numbers, reasons are words of a list.

It does not carry anything out, and it keeps no request: ``firmware.runtime.guarded`` does.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, cose, international
from firmware.core.errors import Malformed, SignatureRefused, TwoPeopleFault, TwoPeopleRefused
from firmware.core.keyring import Key, Keyring, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firmware.core.suite import Provider

FRESH_MS: Final = 900_000
"""How long a request may be carried out, in milliseconds of the boot clock it was made on."""
WHOLE_LOG: Final = bytes(claims.ID_LENGTH)
"""The session of a request that is about the terminal's audit log."""
_STAFF_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_ROSTER_KEYS: Final = frozenset({1, 4, 5, 6, 256, 257})
_REQUEST_KEYS: Final = frozenset({1, 6, 7, 10, 256, 257, 258, 259, 260, 261})
_WARRANT_KEYS: Final = frozenset({1, 6, 10, 256})


class Role(StrEnum):
    """What somebody is to the operator."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    INSPECTOR = "inspector"
    DEPOT = "depot"
    ENGINEER = "engineer"


class Operation(StrEnum):
    """What takes two people."""

    LOG = "log"
    """Export the audit log: digests, and nothing personal."""
    EXPORT = "export"
    """Export an inspector's bundle of a session whose record is still here."""
    RESEND = "resend"
    """Report once more an end the operator has not acknowledged."""
    VOID = "void"
    """End a session that is open, or one whose report the operator never takes."""
    UNMASK = "unmask"
    """Show one field of a session in full."""


class Shown(StrEnum):
    """A field that can be shown in full while its session's items are there. Name and document number lie here sealed to the operator."""

    NONE = ""
    MSISDN = "msisdn"
    IMSI = "imsi"


class Reason(StrEnum):
    """Why: a word of this list and no free text, so that nothing personal gets into the log."""

    INSPECTION = "inspection"
    COMPLAINT = "complaint"
    AUTHORITY = "authority"
    SUBSCRIBER = "subscriber"
    UNDELIVERED = "undelivered"
    FAULT = "fault"


APPROVERS: Final = frozenset({Role.SUPERVISOR, Role.INSPECTOR})
"""Roles of which one must be among the two."""
MAY: Final[Mapping[Operation, frozenset[Role]]] = MappingProxyType(
    {
        Operation.LOG: frozenset(Role),
        Operation.EXPORT: frozenset({Role.CLERK, Role.SUPERVISOR, Role.INSPECTOR}),
        Operation.RESEND: frozenset({Role.CLERK, Role.SUPERVISOR, Role.DEPOT}),
        Operation.VOID: frozenset({Role.CLERK, Role.SUPERVISOR, Role.DEPOT}),
        Operation.UNMASK: frozenset({Role.CLERK, Role.SUPERVISOR, Role.INSPECTOR}),
    }
)
"""Operation → roles that may warrant it."""


@dataclass(frozen=True, slots=True)
class Person:
    """One member of the operator's staff."""

    staff_id: str
    role: Role
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who may warrant; times are Unix seconds, ``expires`` exclusive."""

    operator: str
    issued_at: int
    not_before: int
    expires: int
    people: tuple[Person, ...]

    def holds(self, seconds: int) -> bool:
        """Return whether the roster is in force."""
        return self.not_before <= seconds < self.expires


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, as the terminal wrote it down."""

    terminal: str
    seconds: int
    session: bytes
    nonce: bytes
    operation: Operation
    reason: Reason
    shown: Shown
    boot_id: bytes
    boot_ms: int

    def encode(self) -> bytes:
        """Return the one encoding; ``ValueError`` when no request can say this."""
        data = cbor.encode(
            {
                1: self.terminal,
                6: self.seconds,
                7: self.session,
                10: self.nonce,
                256: 1,
                257: self.operation.value,
                258: self.reason.value,
                259: self.shown.value,
                260: self.boot_id,
                261: self.boot_ms,
            }
        )
        try:
            read_request(data)
        except Malformed as error:
            raise ValueError(f"no request can say this: {error}") from None
        return data


def read_request(data: bytes) -> Request:
    """Return what a request says; :class:`~firmware.core.errors.Malformed` for anything else."""
    c = claims.fields(cbor.decode(data), _REQUEST_KEYS)
    claims.version(c[256])
    request = Request(
        terminal=claims.text(c[1]),
        seconds=claims.uint(c[6]),
        session=claims.id16(c[7]),
        nonce=claims.id16(c[10]),
        operation=Operation(claims.word(c[257], *Operation)),
        reason=Reason(claims.word(c[258], *Reason)),
        shown=Shown(claims.word(c[259], *Shown)),
        boot_id=claims.id16(c[260]),
        boot_ms=claims.uint(c[261]),
    )
    if (request.operation is Operation.LOG) != (request.session == WHOLE_LOG):
        raise Malformed("session")
    if (request.operation is Operation.UNMASK) != (request.shown is not Shown.NONE):
        raise Malformed("field")
    return request


def read_roster(message: bytes, *, keyring: Keyring, operator: str, seconds: int, provider: Provider = international.PROVIDER) -> Roster:
    """Return the roster in ``message``; raises ``SignatureRefused``, or ``Malformed`` when it is no roster of this operator.

    ``seconds`` (Unix time) judges the operator's key. The people's keys are of the suite of ``provider``; no key and no id stands twice.
    """
    verified = cose.verify1(message, typ=cose.Type.ROSTER, keyring=keyring, purpose=Purpose.POLICY, seconds=seconds)
    c = claims.fields(dict(verified.claims), _ROSTER_KEYS)
    claims.version(c[256])
    if claims.text(c[1]) != operator:
        raise Malformed("operator")
    people = tuple(_person(entry, provider) for entry in claims.array(c[257]))
    ids = [person.staff_id for person in people]
    if not people or ids != sorted(set(ids)) or len({person.key.kid for person in people}) != len(people):
        raise Malformed("people")
    return Roster(operator, claims.uint(c[6]), claims.uint(c[5]), claims.uint(c[4]), people)


def sign_warrant(request: bytes, *, staff_id: str, seconds: int, signer: cose.Signer) -> bytes:
    """Return one person's warrant for a request's bytes; ``ValueError`` for a staff id that can be none."""
    if not _STAFF_ID.fullmatch(staff_id):
        raise ValueError("staff id")
    payload = cbor.encode({1: staff_id, 6: seconds, 10: read_request(request).nonce, 256: 1})
    return cose.sign1(payload, typ=cose.Type.WARRANT, signer=signer, aad=_digest(request))


def check_two_people(request: bytes, warrants: Sequence[bytes], roster: Roster | None, *, seconds: int) -> tuple[Person, Person]:
    """Return the two people who warrant ``request``; raises :class:`~firmware.core.errors.TwoPeopleRefused` with what is missing.

    The refusal names who did warrant it, as far as their signatures hold: the log shall say who tried alone.
    """
    if roster is None or not roster.holds(seconds):
        raise TwoPeopleRefused(TwoPeopleFault.ROSTER)
    found = {person.staff_id: person for warrant in warrants if (person := _signer_of(warrant, request, roster))}
    known = tuple(sorted(found))
    if len(warrants) != 2:  # noqa: PLR2004  # the rule
        raise TwoPeopleRefused(TwoPeopleFault.NUMBER, known)
    if any(_signer_of(warrant, request, roster) is None for warrant in warrants):
        raise TwoPeopleRefused(TwoPeopleFault.WARRANT, known)
    if len(found) != 2:  # noqa: PLR2004  # the rule
        raise TwoPeopleRefused(TwoPeopleFault.SAME_PERSON, known)
    first, second = (found[staff_id] for staff_id in known)
    if not {first.role, second.role} <= MAY[read_request(request).operation]:
        raise TwoPeopleRefused(TwoPeopleFault.ROLE, known)
    if not {first.role, second.role} & APPROVERS:
        raise TwoPeopleRefused(TwoPeopleFault.APPROVER, known)
    return first, second


def _signer_of(warrant: bytes, request: bytes, roster: Roster) -> Person | None:
    """Return who signed this warrant for this request; ``None`` when it is nobody's on the roster, or no warrant for it."""
    try:
        verified = cose.verify1(
            warrant,
            typ=cose.Type.WARRANT,
            keyring=Keyring([person.key for person in roster.people]),
            purpose=Purpose.STAFF,
            aad=_digest(request),
        )
        c = claims.fields(dict(verified.claims), _WARRANT_KEYS)
        claims.version(c[256])
        claims.uint(c[6])
        person = next(person for person in roster.people if person.key.kid == verified.kid)
        same = claims.text(c[1]) == person.staff_id and claims.id16(c[10]) == read_request(request).nonce
    except (SignatureRefused, Malformed):
        return None
    return person if same else None


def _person(entry: Any, provider: Provider) -> Person:
    staff_id, role, spki = claims.array(entry, 3)
    if not _STAFF_ID.fullmatch(claims.text(staff_id)):
        raise Malformed("staff id")
    key = Key.from_spki(claims.octets(spki), Purpose.STAFF, accepted=(provider,))
    return Person(staff_id, Role(claims.word(role, *Role)), key)


def _digest(request: bytes) -> bytes:
    return hashlib.sha256(request).digest()
