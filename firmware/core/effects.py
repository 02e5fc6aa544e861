# SPDX-License-Identifier: Apache-2.0
"""What the shell is asked to do next. Each effect ends in exactly one event.

An effect runs only after the row that permits it is durable. ``WriteCard`` cannot be built without a :class:`Permit`, and only
:func:`firmware.core.session.step` makes one, out of an approval that matches the record, the terminal, the card and the nonce.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from firmware.core.mode import Mode
    from firmware.core.states import Advice

ACTIVE: Final = "ACTIVE"
"""The good outcome. Every other outcome but :data:`STORED` is a code of the outcome table."""
STORED: Final = "STORED"
"""What the counter is told of a capsule that waits for the operator: neither good nor refused."""

_SESSION_MODULE: Final = object()


class Permit:
    """Leave to issue one card with one set of data in one mode, once. It cannot be built outside this module's ``grant_permit``."""

    __slots__ = ("approval", "card", "issue_data", "mode", "nonce", "record")

    def __init__(self, key: object, *, approval: bytes, nonce: bytes, record: bytes, card: bytes, mode: Mode, issue_data: bytes) -> None:
        if key is not _SESSION_MODULE:
            raise TypeError("a permit comes from firmware.core.session.step only")
        self.approval = approval
        self.nonce = nonce
        self.record = record
        self.card = card
        self.mode = mode
        self.issue_data = issue_data


def grant_permit(*, approval: bytes, nonce: bytes, record: bytes, card: bytes, mode: Mode, issue_data: bytes) -> Permit:
    """Make a permit. For :mod:`firmware.core.session` alone; ``tests/meta`` holds every other importer out."""
    return Permit(_SESSION_MODULE, approval=approval, nonce=nonce, record=record, card=card, mode=mode, issue_data=issue_data)


@dataclass(frozen=True, slots=True)
class Perform:
    """Carry out one capture step of the plan, by name."""

    step: str


@dataclass(frozen=True, slots=True)
class SignRecord:
    """Build, sign and store the record."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Send the stored record to the operator, under the session's idempotency key, and verify the answer."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Ask for the operator's decision again and again, under the same key, until there is one or ``until`` (Unix seconds) has come."""

    code: str
    until: int


@dataclass(frozen=True, slots=True)
class Store:
    """Put the sealed capsule by, and tell the subscriber until when it waits."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Send a stored capsule to the operator, in the background, until ``until`` (Unix seconds) at most."""

    until: int


@dataclass(frozen=True, slots=True)
class RecheckCard:
    """Read the identity of the card in the slot again."""


@dataclass(frozen=True, slots=True)
class WriteCard:
    """Issue the card as approved, in the permit's mode."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class VerifyCard:
    """Read back what ``mode`` lets the terminal compare. ``recovering``: after a cut, when the card may be gone or half written."""

    mode: Mode
    recovering: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the operator. ``patient``: in the background, as long as it takes."""

    advice: Advice
    outcome: str
    patient: bool


@dataclass(frozen=True, slots=True)
class PrintReceipt:
    """Print the subscriber's receipt."""


@dataclass(frozen=True, slots=True)
class PrintSlip:
    """Print the slip of the outcome that ended the session, or of a hold that begins: reason, way on, papers, where to complain."""

    outcome: str
    until: int = 0
    """Unix seconds at which a hold that goes on is over."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Destroy the key of the session's personal items."""


Effect = (
    Perform
    | SignRecord
    | Submit
    | AskAgain
    | Store
    | Forward
    | RecheckCard
    | WriteCard
    | VerifyCard
    | Report
    | PrintReceipt
    | PrintSlip
    | Erase
)
