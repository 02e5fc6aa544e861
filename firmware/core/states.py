# SPDX-License-Identifier: Apache-2.0
"""Where a session stands. The state is the fold of :func:`firmware.core.session.step` over the journal's rows.

Every state is one class, so that ``assert_never`` proves that each has a recovery rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware.core.mode import Mode


@dataclass(frozen=True, slots=True)
class Signed:
    """The record as signed: its digest, nonce, the card it names, the clock it was signed on."""

    record: bytes
    nonce: bytes
    card: bytes
    boot_id: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified approval, held against the record it answers: id, mode, digest of the issue data, last boot millisecond of use."""

    approval: bytes
    mode: Mode
    issue_data: bytes
    boot_id: bytes
    valid_until_boot_ms: int


@dataclass(frozen=True, slots=True)
class Word:
    """The operator's verified word on a record without a card: approval id, and what it is spent with. Nothing is written with it."""

    approval: bytes
    nonce: bytes
    record: bytes


@dataclass(frozen=True, slots=True)
class New:
    """Nothing has happened yet."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """Walking the plan; ``todo`` are the steps still open, the first one is being done. Nothing has left the terminal."""

    terminal: str
    todo: tuple[str, ...]
    card: bytes = b""
    sealed: bool = False
    """The plan stores and forwards: its ``seal`` is done."""


@dataclass(frozen=True, slots=True)
class Signing:
    """All evidence is there; the record is being built and signed."""

    terminal: str
    card: bytes
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Submitting:
    """The record is durable and on its way to the operator."""

    terminal: str
    signed: Signed


@dataclass(frozen=True, slots=True)
class Holding:
    """The operator has not decided: neither refused nor passed. It is asked again until ``until`` (Unix seconds) at most."""

    terminal: str
    signed: Signed
    code: str
    until: int
    told: bool = False
    """The subscriber has the slip that says so."""


@dataclass(frozen=True, slots=True)
class Storing:
    """The record is durable and sealed; the capsule is being put by, and the subscriber told until when it waits."""

    terminal: str
    signed: Signed


@dataclass(frozen=True, slots=True)
class Kept:
    """Over for the people at the counter: the capsule waits for the operator until ``until`` (Unix seconds), its contents closed to us."""

    terminal: str
    signed: Signed
    until: int


@dataclass(frozen=True, slots=True)
class Concluding:
    """The operator said yes to a record without a card; it is told that the counter knows, and carries the business out."""

    signed: Signed
    word: Word


@dataclass(frozen=True, slots=True)
class Rechecking:
    """Approved. The card in the slot is being read again; nothing is written and nothing is spent."""

    signed: Signed
    grant: Grant


@dataclass(frozen=True, slots=True)
class Writing:
    """The approval is spent and the card is being written. From here on the card counts as touched."""

    signed: Signed
    grant: Grant


@dataclass(frozen=True, slots=True)
class Verifying:
    """The write is through; the card is being read back. ``answers``: digest of what the card itself said, empty where it only obeys."""

    signed: Signed
    grant: Grant
    answers: bytes


@dataclass(frozen=True, slots=True)
class Recovering:
    """The terminal was cut between the start of the write and its proof; the card is being read back to decide.

    In the modes whose proof is the card's own word, only a cut after that word was durable leads here.
    """

    signed: Signed
    grant: Grant
    answers: bytes


@dataclass(frozen=True, slots=True)
class Reporting:
    """The card is proven complete, or has answered and the operator is to judge; the operator is told, and activates."""

    signed: Signed
    grant: Grant
    iccid: str
    answers: bytes


@dataclass(frozen=True, slots=True)
class Receipting:
    """The number is active, or the business carried out; the receipt is being printed."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What the operator must still be told: ``status`` as in the result message, and what it refers to.

    ``answers``: digest of the card's answers that belong to it; they lie in the sealed item ``card_answers`` until the operator has them.
    """

    status: str
    record: bytes
    approval: bytes
    issue_data: bytes = b""
    iccid: str = ""
    answers: bytes = b""


@dataclass(frozen=True, slots=True)
class Slipping:
    """Ended by a coded outcome; its slip is being printed. Personal data are still there: the slip shows a masked name."""

    outcome: str
    advice: Advice | None


@dataclass(frozen=True, slots=True)
class Erasing:
    """The outcome is known; personal data is being erased. ``outcome`` is ``ACTIVE`` or a code of the outcome table."""

    outcome: str
    advice: Advice | None


@dataclass(frozen=True, slots=True)
class Advising:
    """Over for the people at the counter; the operator is told until it acknowledges."""

    outcome: str
    advice: Advice


@dataclass(frozen=True, slots=True)
class Closed:
    """The end."""

    outcome: str


State = (
    New
    | Capturing
    | Signing
    | Submitting
    | Holding
    | Storing
    | Kept
    | Concluding
    | Rechecking
    | Writing
    | Verifying
    | Recovering
    | Reporting
    | Receipting
    | Slipping
    | Erasing
    | Advising
    | Closed
)
