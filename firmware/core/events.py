# SPDX-License-Identifier: Apache-2.0
"""What has happened in a session. A journal row is one of these, and nothing else.

Rules
* No personal data and nothing a card said: an event carries digests, codes, counts, clock readings and the number printed on the card
  (ICCID). The rest lies in sealed items beside it. ``answers`` is SHA-256 of the item ``card_answers``, empty when there is none.
* Clock readings, nonces and ids are fields, so a replay needs no clock and gives the same state.
* A field is an ``int``, ``str``, ``bytes``, ``bool``, a :class:`~firmware.core.mode.Mode` or a tuple of ``str``; the order of fields is
  the stored format.

Events do not decide anything: :mod:`firmware.core.session` does.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from firmware.core import cbor
from firmware.core.mode import Mode


@dataclass(frozen=True, slots=True)
class Opened:
    """A session began. ``plan`` names its capture steps in order."""

    at: int
    boot_id: bytes
    boot_ms: int
    terminal: str
    kind: str
    plan: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepDone:
    """One capture step was completed; ``evidence`` is the digest that will stand in the record for it (32 B, or empty)."""

    step: str
    evidence: bytes


@dataclass(frozen=True, slots=True)
class CardIdentified:
    """The blank card in the slot was read; ``card`` is SHA-256 of its identity as the record will carry it."""

    card: bytes


@dataclass(frozen=True, slots=True)
class RecordSigned:
    """The record is signed and stored. ``record`` is SHA-256 of its signed bytes, ``seq`` its number on this unit."""

    at: int
    boot_id: bytes
    boot_ms: int
    record: bytes
    nonce: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval was received and its signature verified; the fields are what it is bound to.

    ``valid_until_boot_ms`` is the last moment on the boot clock of ``boot_id`` at which it may be used.
    """

    approval: bytes
    record: bytes
    nonce: bytes
    terminal: str
    card: bytes
    mode: Mode
    issue_data: bytes
    boot_id: bytes
    valid_until_boot_ms: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The operator's word on a record without a card was received and its signature verified; the fields are what it is bound to."""

    approval: bytes
    record: bytes
    nonce: bytes
    terminal: str


@dataclass(frozen=True, slots=True)
class Held:
    """The operator has not decided. ``until`` is the last moment, in Unix seconds, at which it is asked again."""

    at: int
    code: str
    until: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The capsule is put by until ``until`` (Unix seconds). All other items were destroyed in the transaction of this very row."""

    at: int
    until: int


@dataclass(frozen=True, slots=True)
class CardRechecked:
    """The card in the slot was read again just before writing."""

    boot_id: bytes
    boot_ms: int
    card: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """All commands were answered well. Nothing is proven yet."""

    apdus: int
    answers: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The card was read back; ``iccid`` is what it carries now.

    ``equal``: it is the approved card, holds what the terminal can compare (in the modes that write fields, all of it), and its key is the
    one the operator challenged, when it did.
    """

    equal: bool
    iccid: str
    apdus: int = 0
    answers: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """The session cannot go on: a refusal before the write, or a failure in it. ``touched``: the card may have been changed.

    ``note``: the word with which a clerk chose the code, of a closed list; empty when the terminal or the operator found it.
    """

    at: int
    code: str
    touched: bool = False
    answers: bytes = b""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The operator confirmed a report with its signature. ``state`` is ``active``, ``released`` or ``failed``."""

    state: str
    ack: bytes


@dataclass(frozen=True, slots=True)
class ReportGivenUp:
    """The written card could not be reported in the tries a waiting subscriber can be asked to bear."""


@dataclass(frozen=True, slots=True)
class ReceiptDone:
    """The receipt, or the slip of a refusal or hold, was printed or could not be; the outcome stands either way."""

    printed: bool


@dataclass(frozen=True, slots=True)
class Erased:
    """The key of the session's personal items was destroyed in the transaction of this very row."""

    at: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The personal items were kept to the hard limit: their key was destroyed in the transaction of this very row (DS-08)."""

    at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Two members of staff ended the session; what it still held was erased with this row. ``warrant`` names their decision."""

    at: int
    warrant: bytes


@dataclass(frozen=True, slots=True)
class Restarted:
    """The terminal started and found this session open."""

    at: int
    boot_id: bytes
    boot_ms: int


Event = (
    Opened
    | StepDone
    | CardIdentified
    | RecordSigned
    | Approved
    | Accepted
    | Held
    | Stored
    | CardRechecked
    | Written
    | ReadBack
    | Refused
    | Acknowledged
    | ReportGivenUp
    | ReceiptDone
    | Erased
    | Expired
    | Withdrawn
    | Restarted
)

KINDS: Final[dict[str, type[Event]]] = {
    "opened": Opened,
    "step-done": StepDone,
    "card-identified": CardIdentified,
    "record-signed": RecordSigned,
    "approved": Approved,
    "accepted": Accepted,
    "held": Held,
    "stored": Stored,
    "card-rechecked": CardRechecked,
    "written": Written,
    "read-back": ReadBack,
    "refused": Refused,
    "acknowledged": Acknowledged,
    "report-given-up": ReportGivenUp,
    "receipt-done": ReceiptDone,
    "erased": Erased,
    "expired": Expired,
    "withdrawn": Withdrawn,
    "restarted": Restarted,
}
"""Stored name → event. A name is never reused for another meaning."""

_NAMES: Final = {kind: name for name, kind in KINDS.items()}


class UnknownEvent(Exception):
    """A stored row is not an event of this software. The journal is damaged or newer than the software."""


def encode(event: Event) -> tuple[str, bytes]:
    """Return the stored name and payload: deterministic CBOR of the fields in order."""
    values = [_plain(getattr(event, field.name)) for field in dataclasses.fields(event)]
    return _NAMES[type(event)], cbor.encode(values)


def decode(kind: str, payload: bytes) -> Event:
    """Rebuild an event; raises :class:`UnknownEvent` for an unknown name, another number of fields or another type."""
    event = KINDS.get(kind)
    if event is None:
        raise UnknownEvent(kind)
    try:
        values = cbor.decode(payload)
    except cbor.Malformed as error:
        raise UnknownEvent(kind) from error
    fields = dataclasses.fields(event)
    if type(values) is not list or len(values) != len(fields):
        raise UnknownEvent(kind)
    typed: list[Any] = [_typed(kind, field, value) for field, value in zip(fields, values, strict=True)]
    return event(*typed)


def _plain(value: object) -> object:
    match value:
        case tuple():
            return list(value)
        case Mode():
            return value.value
        case _:
            return value


def _typed(kind: str, field: dataclasses.Field[Any], value: object) -> object:
    match str(field.type), value:
        case "tuple[str, ...]", list() if all(type(item) is str for item in value):
            return tuple(value)
        case "Mode", str() if value in tuple(Mode):
            return Mode(value)
        case annotation, _ if type(value).__name__ == annotation:
            return value
        case _:
            raise UnknownEvent(f"{kind}.{field.name}")
