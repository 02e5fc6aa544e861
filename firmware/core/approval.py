# SPDX-License-Identifier: Apache-2.0
"""The operator's approval (``messages.cddl``: approval): whether this answer permits writing this card now.

Rules
* One code for each refusal, asked in this order: R704 it is not the operator's well-formed word about a record of this terminal, R707 it
  is for another record, terminal, session, nonce, card or issue data, R705 it is not yet or no longer valid.
* The record's digest is external data of the signature. One that does not verify over this record is tried over the record this terminal
  signed in the session it names: only a signature that verifies there is a word about another record. All else could be anybody's.
* The operator's word about a record without a card is an :class:`Acceptance`: it permits no write, and there is no way from one to the
  other. An answer of the one form to a record of the other is R707.
* The card is compared as it is in the slot now and as the record has it.
* Freshness is the nonce and the age since signing on the boot clock; a reboot ends it (that clock restarts). Unix time, which the caller
  has already raised to the highest time the operator ever signed, is asked too, with a tolerance only against a clock that runs late.
* :class:`Approval` has no public constructor: whoever holds one has passed these checks. That it is used once is the journal's UNIQUE
  (R706), in the transaction that starts the write.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any, Final

from firmware.core import claims, cose
from firmware.core.errors import ApprovalRefused, Malformed, SignatureFault, SignatureRefused
from firmware.core.keyring import Keyring, Purpose
from firmware.core.mode import Mode
from firmware.core.record import Card
from hal.document import unserialisable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from firmware.core.record import SignedRecord

INVALID: Final = "R704"
EXPIRED: Final = "R705"
BINDING: Final = "R707"

CLOCK_TOLERANCE_S: Final = 60
"""How late this terminal's clock may run behind the operator's. Never applied to expiry."""

_WRITING: Final = frozenset({260, 261, 262, 264})
"""Claims that are there exactly when a card may be written."""
_SESSION, _LINES, MAX_LINES = 259, 265, 40
_KEYS: Final = frozenset({1, 4, 5, 6, 7, 10, *range(256, 264)}) - _WRITING
_MINT: Final = object()


def _none(_session: bytes) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the terminal stands when it checks an approval."""

    operator: str
    """Operator id of the trust list."""
    terminal: str
    """Own serial."""
    card: Card | None
    """The card in the slot, read again; ``None`` when the plan writes none."""
    boot_id: bytes
    boot_ms: int
    """Boot clock now, milliseconds."""
    seconds: int
    """Unix time now, never below the time floor."""
    max_age_s: int
    """The policy pack's upper limit for an approval's age; the approval may only be stricter."""
    earlier: Callable[[bytes], bytes] = _none
    """Session → digest of the record this terminal signed in it, empty where there is none."""


@unserialisable
@dataclass(frozen=True, slots=True)
class Approval:
    """Permission to write one card once. Made by :func:`check_approval` only."""

    mint: InitVar[object]
    approval_id: bytes
    nonce: bytes
    record: bytes
    """Digest of the approved record."""
    session: bytes
    terminal: str
    card: Card
    mode: Mode
    issue_data: bytes
    """Digest of the issue data's plaintext."""
    sealed: bytes
    """Digest of the sealed issue data."""
    boot_id: bytes
    valid_until_boot_ms: int
    """Last millisecond of that boot's clock at which a write may start."""
    expires: int
    """Unix time from which no write may start."""
    issued_at: int
    """Signed by the operator: raises the time floor."""
    kid: bytes

    def __post_init__(self, mint: object) -> None:
        """Refuse, with ``TypeError``, everyone but :func:`check_approval`."""
        if mint is not _MINT:
            raise TypeError("an approval is made by check_approval only")

    def require_fresh(self, *, boot_id: bytes, boot_ms: int, seconds: int) -> None:
        """Raise R705 when a write may no longer start at this time."""
        if boot_id != self.boot_id:
            raise ApprovalRefused(EXPIRED, "restarted since")
        if boot_ms > self.valid_until_boot_ms or seconds >= self.expires:
            raise ApprovalRefused(EXPIRED, "expired")


@unserialisable
@dataclass(frozen=True, slots=True)
class Acceptance:
    """The operator's word that a record without a card is good. Made by :func:`check_acceptance` only; nothing can be written with it."""

    mint: InitVar[object]
    approval_id: bytes
    nonce: bytes
    record: bytes
    session: bytes
    terminal: str
    lines: tuple[str, ...]
    """What the subscriber is told, masked: own numbers, the case number of a dispute."""
    issued_at: int
    """Signed by the operator: raises the time floor."""
    kid: bytes

    def __post_init__(self, mint: object) -> None:
        """Refuse, with ``TypeError``, everyone but :func:`check_acceptance`."""
        if mint is not _MINT:
            raise TypeError("an acceptance is made by check_acceptance only")


@dataclass(frozen=True, slots=True)
class _Issue:
    card: Card
    mode: Mode
    issue_data: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _Said:
    operator: str
    not_before: int
    expires: int
    issued_at: int
    approval_id: bytes
    nonce: bytes
    terminal: str
    session: bytes
    issue: _Issue | None
    lines: tuple[str, ...]
    max_age_s: int


def check_approval(message: bytes, *, record: SignedRecord, keyring: Keyring, sealed: bytes, situation: Situation) -> Approval:
    """Return the permission in ``message``; :class:`~firmware.core.errors.ApprovalRefused` with R704, R707 or R705 otherwise.

    ``record`` is the session's own record, ``sealed`` the issue data that came with the approval.
    """
    said, kid = _verified(message, record, keyring, situation)
    issue = said.issue
    _check_binding(said, record, situation)
    if issue is None or issue.sealed != record.record.suite.digest(sealed):
        raise ApprovalRefused(BINDING, "issue data")
    valid_until_boot_ms = record.record.facts.boot_ms + 1000 * min(said.max_age_s, situation.max_age_s)
    _check_time(said, record, situation)
    approval = Approval(
        _MINT,
        approval_id=said.approval_id,
        nonce=said.nonce,
        record=record.digest,
        session=said.session,
        terminal=said.terminal,
        card=issue.card,
        mode=issue.mode,
        issue_data=issue.issue_data,
        sealed=issue.sealed,
        boot_id=record.record.facts.boot_id,
        valid_until_boot_ms=valid_until_boot_ms,
        expires=said.expires,
        issued_at=said.issued_at,
        kid=kid,
    )
    approval.require_fresh(boot_id=situation.boot_id, boot_ms=situation.boot_ms, seconds=situation.seconds)
    return approval


def check_acceptance(message: bytes, *, record: SignedRecord, keyring: Keyring, situation: Situation) -> Acceptance:
    """Return the operator's word about a ``record`` without a card; :class:`~firmware.core.errors.ApprovalRefused` as for an approval."""
    said, kid = _verified(message, record, keyring, situation)
    _check_binding(said, record, situation)
    if said.issue is not None:
        raise ApprovalRefused(BINDING, "no card was asked for")
    _check_time(said, record, situation)
    if situation.seconds >= said.expires:
        raise ApprovalRefused(EXPIRED, "expired")
    return Acceptance(
        _MINT,
        approval_id=said.approval_id,
        nonce=said.nonce,
        record=record.digest,
        session=said.session,
        terminal=said.terminal,
        lines=said.lines,
        issued_at=said.issued_at,
        kid=kid,
    )


def _verified(message: bytes, record: SignedRecord, keyring: Keyring, situation: Situation) -> tuple[_Said, bytes]:
    try:
        verified = _signed_over(record.digest, message, keyring, situation)
        said = _from_claims(verified.claims)
    except SignatureRefused as error:
        if error.reason is SignatureFault.SIGNATURE and _of_another_record(message, keyring, situation):
            raise ApprovalRefused(BINDING, "record") from None
        raise ApprovalRefused(INVALID, error.reason.value) from None
    except Malformed as error:
        raise ApprovalRefused(INVALID, str(error)) from None
    if said.operator != situation.operator:
        raise ApprovalRefused(INVALID, "operator")
    return said, verified.kid


def _signed_over(digest: bytes, message: bytes, keyring: Keyring, situation: Situation) -> cose.Verified:
    return cose.verify1(message, typ=cose.Type.APPROVAL, keyring=keyring, purpose=Purpose.APPROVAL, aad=digest, seconds=situation.seconds)


def _of_another_record(message: bytes, keyring: Keyring, situation: Situation) -> bool:
    """Tell whether this is the operator's word about the record of another session of this terminal."""
    try:
        named = cose.read_unverified(message, typ=cose.Type.APPROVAL).claims.get(_SESSION)
        digest = situation.earlier(claims.id16(named))
        return bool(digest) and bool(_signed_over(digest, message, keyring, situation))
    except (SignatureRefused, Malformed):
        return False


def _check_binding(said: _Said, record: SignedRecord, situation: Situation) -> None:
    card = said.issue.card if said.issue else None
    bindings = {
        "terminal": said.terminal == situation.terminal == record.record.facts.terminal,
        "session": said.session == record.session,
        "nonce": said.nonce == record.nonce,
        "card": card == record.card == situation.card,
    }
    for name, same in bindings.items():
        if not same:
            raise ApprovalRefused(BINDING, name)


def _check_time(said: _Said, record: SignedRecord, situation: Situation) -> None:
    """Refuse what lies in the future or behind a clock that went backwards; what is too old is asked by ``require_fresh``."""
    facts = record.record.facts
    if max(said.not_before, said.issued_at) > situation.seconds + CLOCK_TOLERANCE_S:
        raise ApprovalRefused(EXPIRED, "not yet")
    if situation.seconds + CLOCK_TOLERANCE_S < facts.signed_at:
        raise ApprovalRefused(EXPIRED, "clock wound back")
    if situation.boot_id == facts.boot_id and situation.boot_ms < facts.boot_ms:
        raise ApprovalRefused(EXPIRED, "boot clock ran backwards")


def _from_claims(value: Mapping[int, Any]) -> _Said:
    c = claims.fields(value, _KEYS, _WRITING | {_LINES})
    claims.version(c[256])
    claims.word(c[257], "approved")
    lines = tuple(claims.text(line) for line in claims.array(c.get(_LINES, [])))
    writes = bool(c.keys() & _WRITING)
    if writes != (c.keys() >= _WRITING) or (writes and _LINES in c) or len(lines) > MAX_LINES:
        raise Malformed("claims")
    said = _Said(
        operator=claims.text(c[1]),
        expires=claims.uint(c[4]),
        not_before=claims.uint(c[5]),
        issued_at=claims.uint(c[6]),
        approval_id=claims.id16(c[7]),
        nonce=claims.id16(c[10]),
        terminal=claims.text(c[258]),
        session=claims.id16(c[_SESSION]),
        issue=_issue(c) if writes else None,
        lines=lines,
        max_age_s=claims.uint(c[263]),
    )
    if not said.not_before < said.expires or said.issued_at >= said.expires:
        raise Malformed("validity")
    return said


def _issue(c: Mapping[int, Any]) -> _Issue:
    mode = Mode(claims.word(c[264], *Mode))
    return _Issue(Card.from_claim(c[260]), mode, claims.digest(c[261]), claims.digest(c[262]))
