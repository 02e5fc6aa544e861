# SPDX-License-Identifier: Apache-2.0
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose
from firmware.core.errors import AckRefused, Malformed, SignatureRefused
from firmware.core.report import (
    MAX_ANSWER_DATA,
    MAX_ANSWERS,
    WITH_CARD,
    Ack,
    CardAnswer,
    Effect,
    ReadBack,
    Result,
    SignedResult,
    Verdict,
    decode_answers,
    encode_answers,
    read_result,
    sign_result,
    verify_ack,
    verify_result,
)
from tests.unit.core_codecs.core_world import (
    APPROVAL_ID,
    CARD,
    OPERATOR,
    OPERATOR_KEY,
    OPERATOR_KEYS,
    RECORD,
    RECORD_KEYS,
    SERIAL,
    SESSION,
    SIGNED_AT,
    STRANGER_KEY,
    TERMINAL_KEY,
    ScalarSigner,
)

PROFILE_DIGEST = bytes(range(32))
ANSWERS = (CardAnswer(2, 0x9000, b"receipt"), CardAnswer(3, 0x910B, b""))


def result(verdict: Verdict = Verdict.WRITTEN, **changes: Any) -> Result:
    values: dict[str, Any] = {
        "terminal": SERIAL,
        "seconds": SIGNED_AT + 20,
        "session": SESSION,
        "verdict": verdict,
        "code": {Verdict.CANCELLED: "R705", Verdict.VOIDED: "R711"}.get(verdict, ""),
        "record": RECORD.digest,
        "approval_id": APPROVAL_ID,
        "read_back": ReadBack(CARD.iccid, PROFILE_DIGEST) if verdict in WITH_CARD else None,
        "answers": ANSWERS if verdict is Verdict.ANSWERED else None,
    }
    return Result(**(values | changes))


WRITTEN = sign_result(result(), TERMINAL_KEY)
ANSWERED = sign_result(result(Verdict.ANSWERED), TERMINAL_KEY)
VOIDED = sign_result(result(Verdict.VOIDED), TERMINAL_KEY)
VOIDED_WITH_ANSWERS = sign_result(result(Verdict.VOIDED, answers=ANSWERS[:1]), TERMINAL_KEY)
CANCELLED = sign_result(result(Verdict.CANCELLED, approval_id=None), TERMINAL_KEY)


def ack(to: SignedResult = WRITTEN, signer: ScalarSigner = OPERATOR_KEY, typ: cose.Type = cose.Type.ACK, **changes: Any) -> bytes:
    claims: dict[int, Any] = {1: OPERATOR, 6: SIGNED_AT + 30, 7: SESSION, 256: 1, 257: "active"}
    claims |= {int(name[1:]): value for name, value in changes.items()}
    payload = cbor.encode({key: value for key, value in claims.items() if value is not None})
    return cose.sign1(payload, typ=typ, signer=signer, aad=to.digest)


def accept(message: bytes, to: SignedResult = WRITTEN) -> Ack:
    return verify_ack(message, result=to, keyring=OPERATOR_KEYS, operator=OPERATOR)


SIGNED = {"written": WRITTEN, "answered": ANSWERED, "voided": VOIDED, "voided-with-answers": VOIDED_WITH_ANSWERS, "cancelled": CANCELLED}


@pytest.mark.parametrize("signed", SIGNED.values(), ids=SIGNED)
def test_result_round_trip_gives_the_same_result(signed: SignedResult) -> None:
    assert (
        verify_result(signed.message, keyring=RECORD_KEYS, approval_id=signed.result.approval_id) == signed == read_result(signed.message)
    )
    assert signed.digest == hashlib.sha256(signed.message).digest()


def test_result_under_another_approval_is_refused() -> None:
    for approval_id in (None, bytes(16)):
        with pytest.raises(SignatureRefused):
            verify_result(WRITTEN.message, keyring=RECORD_KEYS, approval_id=approval_id)
    with pytest.raises(SignatureRefused):
        verify_result(CANCELLED.message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID)


def test_result_naming_another_approval_than_its_external_data_is_malformed() -> None:
    payload = cbor.decode(cbor.decode(VOIDED.message[1:])[2]) | {259: bytes(16)}
    message = cose.sign1(cbor.encode(payload), typ=cose.Type.RESULT, signer=TERMINAL_KEY, aad=APPROVAL_ID)
    with pytest.raises(Malformed):
        verify_result(message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID)


def test_result_every_single_bit_flip_is_refused() -> None:
    for bit in range(len(VOIDED.message) * 8):
        flipped = bytearray(VOIDED.message)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureRefused):
            verify_result(bytes(flipped), keyring=RECORD_KEYS, approval_id=APPROVAL_ID)


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        (Verdict.WRITTEN, {"code": "R709"}),
        (Verdict.WRITTEN, {"read_back": None}),
        (Verdict.WRITTEN, {"approval_id": None}),
        (Verdict.VOIDED, {"code": ""}),
        (Verdict.VOIDED, {"code": "R999"}),
        (Verdict.VOIDED, {"approval_id": None}),
        (Verdict.VOIDED, {"read_back": ReadBack(CARD.iccid, PROFILE_DIGEST)}),
        (Verdict.CANCELLED, {"code": ""}),
        (Verdict.CANCELLED, {"answers": ()}),
        (Verdict.ANSWERED, {"answers": None}),
        (Verdict.ANSWERED, {"code": "R708"}),
        (Verdict.ANSWERED, {"read_back": None}),
        (Verdict.ANSWERED, {"approval_id": None}),
        (Verdict.ACCEPTED, {"code": "R708"}),
        (Verdict.ACCEPTED, {"approval_id": None}),
        (Verdict.ACCEPTED, {"answers": ()}),
        (Verdict.ACCEPTED, {"read_back": ReadBack(CARD.iccid, PROFILE_DIGEST)}),
    ],
)
def test_result_that_contradicts_itself_cannot_be_made(verdict: Verdict, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"code|read back|approval|answers"):
        result(verdict, **changes)


@pytest.mark.parametrize(
    "changes", [{258: "R711"}, {257: "sold"}, {256: 2}, {300: 1}, {261: [CARD.iccid]}, {261: ["", 1]}, {260: b""}, {7: b""}]
)
def test_signed_result_outside_the_cddl_is_malformed(changes: dict[int, Any]) -> None:
    payload = cbor.decode(cbor.decode(WRITTEN.message[1:])[2]) | changes
    message = cose.sign1(cbor.encode(payload), typ=cose.Type.RESULT, signer=TERMINAL_KEY, aad=APPROVAL_ID)
    with pytest.raises((Malformed, ValueError)):
        verify_result(message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID)


BAD_ANSWERS: list[Any] = [
    None, {}, b"", [[]], [[0, 0x9000]], [[0, 0x9000, "text"]], [[-1, 0x9000, b""]], [[0, 0x10000, b""]], [[0x10000, 0x9000, b""]],
    [[0, 0x9000, bytes(MAX_ANSWER_DATA + 1)]], [[0, 0x9000, b"", 1]], [[0, 0x9000, b""]] * (MAX_ANSWERS + 1),
]  # fmt: skip


@pytest.mark.parametrize("answers", BAD_ANSWERS)
def test_card_answers_outside_the_cddl_are_malformed(answers: Any) -> None:
    payload = cbor.decode(cbor.decode(ANSWERED.message[1:])[2]) | {262: answers}
    message = cose.sign1(cbor.encode(payload), typ=cose.Type.RESULT, signer=TERMINAL_KEY, aad=APPROVAL_ID)
    with pytest.raises(Malformed):
        verify_result(message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID)
    with pytest.raises(Malformed):
        decode_answers(cbor.encode(answers))


def test_most_and_longest_card_answers_travel_byte_for_byte() -> None:
    answers = tuple(CardAnswer(n, 0x9000, bytes([n]) * MAX_ANSWER_DATA) for n in range(MAX_ANSWERS))
    signed = sign_result(result(Verdict.ANSWERED, answers=answers), TERMINAL_KEY)
    assert verify_result(signed.message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID).result.answers == answers
    assert decode_answers(encode_answers(answers)) == answers
    with pytest.raises(Malformed):
        encode_answers((*answers, answers[0]))


def test_card_answers_are_silent_in_the_repr() -> None:
    assert "receipt" not in repr(ANSWERED)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=60))
def test_decode_answers_of_random_bytes_is_malformed_or_their_one_encoding(stored: bytes) -> None:
    try:
        answers = decode_answers(stored)
    except Malformed:
        return
    assert encode_answers(answers) == stored


def test_ack_of_each_effect_is_accepted() -> None:
    assert accept(ack(ANSWERED), ANSWERED).effect is Effect.ACTIVE
    assert accept(ack(ANSWERED, c257="failed"), ANSWERED).effect is Effect.FAILED
    with pytest.raises(AckRefused):
        accept(ack(ANSWERED, c257="released"), ANSWERED)
    assert accept(ack()) == Ack(Effect.ACTIVE, SIGNED_AT + 30)
    assert accept(ack(c257="failed")).effect is Effect.FAILED
    assert accept(ack(VOIDED, c257="released"), VOIDED).effect is Effect.RELEASED
    assert accept(ack(CANCELLED, c257="released"), CANCELLED).effect is Effect.RELEASED


@pytest.mark.parametrize(
    "message",
    [
        ack(VOIDED),
        ack(signer=STRANGER_KEY),
        ack(signer=TERMINAL_KEY),
        ack(typ=cose.Type.APPROVAL),
        ack(c1="operator-other"),
        ack(c7=bytes(16)),
        ack(c257="released"),
        ack(c257="done"),
        ack(c256=2),
        ack(c6=None),
        ack(c6="now"),
        ack(c300=1),
        ack()[:-1],
        ack() + b"\x00",
        WRITTEN.message,
        b"",
    ],
)
def test_ack_that_is_not_the_operators_word_about_this_result_is_refused(message: bytes) -> None:
    with pytest.raises(AckRefused):
        accept(message)


def test_ack_active_for_a_card_that_was_not_written_is_refused() -> None:
    for effect in ("active", "failed"):
        with pytest.raises(AckRefused):
            accept(ack(VOIDED, c257=effect), VOIDED)


def test_ack_every_single_bit_flip_is_refused() -> None:
    good = ack()
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AckRefused):
            accept(bytes(flipped))


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\xd2" + tail))
def test_ack_random_bytes_is_refused(message: bytes) -> None:
    with pytest.raises(AckRefused):
        accept(message)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(
    st.sampled_from([1, 6, 7, 256, 257, 258, 259, 260, 261]),
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=8)
    | st.binary(max_size=33)
    | st.lists(st.binary(max_size=4), max_size=3),
)
def test_signed_result_any_value_is_malformed_or_said(key: int, value: Any) -> None:
    payload = cbor.decode(cbor.decode(VOIDED.message[1:])[2]) | {key: value}
    message = cose.sign1(cbor.encode(payload), typ=cose.Type.RESULT, signer=TERMINAL_KEY, aad=APPROVAL_ID)
    try:
        said = verify_result(message, keyring=RECORD_KEYS, approval_id=APPROVAL_ID)
    except Malformed:
        return
    assert said.result.verdict is not Verdict.WRITTEN
