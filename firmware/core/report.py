# SPDX-License-Identifier: Apache-2.0
"""The report to the operator and its acknowledgement (``messages.cddl``: result, ack).

Rules
* A result says what happened to the card: ``written`` when the terminal has proven it, ``answered`` when the card has answered and only the
  operator can judge, both only with an approval and the ICCID read back; ``cancelled`` when nothing was written, ``voided`` when the card
  is spoiled. Exactly the last two carry an outcome code.
* What the card itself said (``answers``) travels byte for byte: always when answered, never when cancelled.
* The approval id is external data of the result's signature (empty when there was none); the result's digest is external data of the
  acknowledgement. Each proves that the other side saw the same message.
* A result is sent until an acknowledgement verifies; an answer that does not verify changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from firmware.core import cbor, claims, cose
from firmware.core.errors import AckRefused, Malformed, SignatureRefused
from firmware.core.keyring import Keyring, Purpose
from firmware.core.outcomes import OUTCOMES
from firmware.core.suite import SUITES, Suite


class Verdict(StrEnum):
    """What happened to the card."""

    WRITTEN = "written"
    """Verified on the card."""
    ANSWERED = "answered"
    """The card answered a script or a relay: the operator judges."""
    ACCEPTED = "accepted"
    """No card was to be written; the approval is here."""
    CANCELLED = "cancelled"
    """Nothing was written."""
    VOIDED = "voided"
    """The card is spoiled."""


WITH_CARD: Final = frozenset({Verdict.WRITTEN, Verdict.ANSWERED})
"""Verdicts about a card that was read back."""
GOOD: Final = WITH_CARD | {Verdict.ACCEPTED}
"""Verdicts that ask the operator to carry the business out."""


class Effect(StrEnum):
    """What the operator did with the report."""

    ACTIVE = "active"
    """The number is active."""
    RELEASED = "released"
    """The reservation is released."""
    FAILED = "failed"
    """Activation failed (R710)."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Who the card is after the write, and what it was to hold."""

    iccid: str
    issue_data: bytes
    """SHA-256 of the issue data's plaintext bytes."""


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """One answer of the card: number of the command it answers, status word, data of at most 256 bytes."""

    position: int
    sw: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What the terminal reports. ``code`` is empty exactly when all is good as far as the terminal can tell."""

    terminal: str
    seconds: int
    session: bytes
    verdict: Verdict
    code: str
    record: bytes
    """Digest of the signed record."""
    approval_id: bytes | None = None
    read_back: ReadBack | None = None
    answers: tuple[CardAnswer, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse, with ``ValueError``, a result that contradicts itself."""
        good = self.verdict in GOOD
        if good != (self.code == "") or (self.code and self.code not in OUTCOMES):
            raise ValueError("exactly what did not end well has an outcome code")
        if (self.verdict in WITH_CARD) != (self.read_back is not None):
            raise ValueError("exactly a good card was read back")
        if self.answers is None and self.verdict is Verdict.ANSWERED:
            raise ValueError("a card that answered has answers")
        if self.answers is not None and self.verdict in {Verdict.CANCELLED, Verdict.ACCEPTED}:
            raise ValueError("an untouched card has no answers")
        if self.verdict is not Verdict.CANCELLED and self.approval_id is None:
            raise ValueError("nothing is written without an approval")


@dataclass(frozen=True, slots=True)
class SignedResult:
    """A result's signed bytes and their digest."""

    message: bytes = field(repr=False)
    digest: bytes
    result: Result


@dataclass(frozen=True, slots=True)
class Ack:
    """The operator's acknowledgement of one result."""

    effect: Effect
    seconds: int
    """Signed by the operator: raises the time floor."""


_RESULT_KEYS: Final = frozenset({1, 6, 7, 256, 257, 258, 260})
_APPROVAL_ID, _READ_BACK, _ANSWERS = 259, 261, 262
_RESULT_OPTIONAL: Final = frozenset({_APPROVAL_ID, _READ_BACK, _ANSWERS})
MAX_ANSWERS: Final = 80
MAX_ANSWER_DATA: Final = 256
_TWO_BYTES: Final = 0xFFFF
_ACK_KEYS: Final = frozenset({1, 6, 7, 256, 257})


def encode_result(result: Result) -> bytes:
    """Return the payload to be signed."""
    payload: dict[int, Any] = {
        1: result.terminal,
        6: result.seconds,
        7: result.session,
        256: 1,
        257: result.verdict.value,
        258: result.code,
        260: result.record,
    }
    if result.approval_id is not None:
        payload[_APPROVAL_ID] = result.approval_id
    if result.read_back is not None:
        payload[_READ_BACK] = [result.read_back.iccid, result.read_back.issue_data]
    if result.answers is not None:
        payload[_ANSWERS] = _answers_claim(result.answers)
    return cbor.encode(payload)


def encode_answers(answers: tuple[CardAnswer, ...]) -> bytes:
    """Return the deterministic CBOR of the card's answers, as the journal keeps them; :class:`Malformed` outside the CDDL."""
    claim = _answers_claim(answers)
    _answers(claim)
    return cbor.encode(claim)


def decode_answers(stored: bytes) -> tuple[CardAnswer, ...]:
    """Return what :func:`encode_answers` was given; raises :class:`Malformed`."""
    return _answers(cbor.decode(stored))


def sign_result(result: Result, signer: cose.Signer) -> SignedResult:
    """Return the result signed by the unit's record key."""
    message = cose.sign1(encode_result(result), typ=cose.Type.RESULT, signer=signer, aad=result.approval_id or b"")
    return _signed(message, result, SUITES[signer.alg])


def verify_result(message: bytes, *, keyring: Keyring, approval_id: bytes | None, seconds: int | None = None) -> SignedResult:
    """Return the result in ``message``, reported under ``approval_id``; raises ``SignatureRefused`` or ``Malformed``."""
    verified = cose.verify1(message, typ=cose.Type.RESULT, keyring=keyring, purpose=Purpose.RECORD, aad=approval_id or b"", seconds=seconds)
    result = _result(verified.claims)
    if result.approval_id != approval_id:
        raise Malformed("approval id")
    return _signed(message, result, verified.suite)


def read_result(message: bytes) -> SignedResult:
    """Return the result in bytes this terminal signed, as found in its own journal: parsed strictly, the signature not asked."""
    read = cose.read_unverified(message, typ=cose.Type.RESULT)
    return _signed(message, _result(read.claims), read.suite)


def verify_ack(message: bytes, *, result: SignedResult, keyring: Keyring, operator: str, seconds: int | None = None) -> Ack:
    """Return what the operator acknowledges about ``result``; :class:`~firmware.core.errors.AckRefused` for anything else.

    ``operator`` is the operator id of the trust list. What did not end well cannot come back ``active``, what did not ``released``.
    """
    try:
        verified = cose.verify1(message, typ=cose.Type.ACK, keyring=keyring, purpose=Purpose.APPROVAL, aad=result.digest, seconds=seconds)
        c = claims.fields(verified.claims, _ACK_KEYS)
        claims.version(c[256])
        ack = Ack(Effect(claims.word(c[257], *Effect)), claims.uint(c[6]))
        said = claims.text(c[1]), claims.id16(c[7])
    except SignatureRefused as error:
        raise AckRefused(error.reason.value) from None
    except Malformed as error:
        raise AckRefused(str(error)) from None
    if said != (operator, result.result.session):
        raise AckRefused("operator or session")
    if (ack.effect is Effect.RELEASED) == (result.result.verdict in GOOD):
        raise AckRefused("effect")
    return ack


def _signed(message: bytes, result: Result, suite: Suite) -> SignedResult:
    return SignedResult(message, suite.digest(message), result)


def _answers_claim(answers: tuple[CardAnswer, ...]) -> list[list[Any]]:
    return [[answer.position, answer.sw, answer.data] for answer in answers]


def _answers(value: Any) -> tuple[CardAnswer, ...]:
    if len(claims.array(value)) > MAX_ANSWERS:
        raise Malformed("answers")
    return tuple(_answer(entry) for entry in value)


def _answer(value: Any) -> CardAnswer:
    position, sw, data = claims.array(value, 3)
    if len(claims.octets(data)) > MAX_ANSWER_DATA:
        raise Malformed("answer")
    return CardAnswer(claims.uint(position, _TWO_BYTES), claims.uint(sw, _TWO_BYTES), data)


def _result(value: Any) -> Result:
    c = claims.fields(value, _RESULT_KEYS, _RESULT_OPTIONAL)
    claims.version(c[256])
    read_back = None
    if _READ_BACK in c:
        iccid, issue_data = claims.array(c[_READ_BACK], 2)
        read_back = ReadBack(claims.text(iccid), claims.digest(issue_data))
    try:
        return Result(
            terminal=claims.text(c[1]),
            seconds=claims.uint(c[6]),
            session=claims.id16(c[7]),
            verdict=Verdict(claims.word(c[257], *Verdict)),
            code=claims.text(c[258]),
            record=claims.digest(c[260]),
            approval_id=claims.id16(c[_APPROVAL_ID]) if _APPROVAL_ID in c else None,
            read_back=read_back,
            answers=_answers(c[_ANSWERS]) if _ANSWERS in c else None,
        )
    except ValueError:
        raise Malformed("result contradicts itself") from None
