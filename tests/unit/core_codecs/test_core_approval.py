# SPDX-License-Identifier: Apache-2.0
"""Every misuse of an approval is one test with its code. Replay (R706) is the journal's UNIQUE and is tested there."""

import contextlib
import copy
import dataclasses
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose
from firmware.core.approval import CLOCK_TOLERANCE_S, Approval, check_approval
from firmware.core.errors import ApprovalRefused
from firmware.core.keyring import Keyring
from firmware.core.mode import Mode
from tests.unit.core_codecs.core_world import (
    APPROVAL_ID,
    BOOT,
    CARD,
    NONCE,
    OPERATOR_KEY,
    OPERATOR_KEYS,
    RECORD,
    RECORD_KEYS,
    SEALED_PROFILE,
    SIGNED_AT,
    SIGNED_BOOT_MS,
    STRANGER_KEY,
    TERMINAL_KEY,
    approval_claims,
    approval_message,
    check,
    signed_record,
    situation,
)

GOOD = approval_message()
OTHER_CARD = replace(CARD, iccid="89860000000000000020")


def code(message: bytes, **changes: Any) -> str:
    with pytest.raises(ApprovalRefused) as caught:
        check(message, **changes)
    return caught.value.code


def signed_with(protected: dict[int, Any], unprotected: dict[int, Any] | None = None) -> bytes:
    """Sign good claims with the operator's key under any protected header."""
    header, payload = cbor.encode(protected), cbor.encode(approval_claims())
    signature = OPERATOR_KEY.sign(cbor.encode(["Signature1", header, RECORD.digest, payload]))
    return b"\xd2" + cbor.encode([header, unprotected or {}, payload, signature])


def test_check_good_approval_gives_what_it_is_bound_to() -> None:
    approval = check(GOOD)
    assert (approval.approval_id, approval.nonce, approval.record, approval.card) == (APPROVAL_ID, NONCE, RECORD.digest, CARD)
    assert approval.kid == OPERATOR_KEY.kid
    assert approval.mode is Mode.FIELDS
    assert approval.valid_until_boot_ms == SIGNED_BOOT_MS + 600_000


@pytest.mark.parametrize("mode", Mode)
def test_check_approval_of_each_mode_names_it(mode: Mode) -> None:
    assert check(approval_message(c264=mode.value)).mode is mode


# ---- R704: not the operator's well-formed word about this record


def test_approval_of_another_record_is_invalid() -> None:
    assert code(approval_message(aad=signed_record(sequence=2).digest)) == "R704"
    assert code(approval_message(aad=b"")) == "R704"


def test_approval_of_an_earlier_record_of_this_terminal_is_for_another_record() -> None:
    other, earlier = bytes(range(100, 116)), signed_record(sequence=2)

    def judged(**changes: Any) -> str:
        known = {other: earlier.digest}
        return code(approval_message(c259=other, **changes), earlier=lambda session: known.get(session, b""))

    assert judged(aad=earlier.digest) == "R707"
    assert judged(aad=RECORD.digest) == "R707"  # of this record, in another session's name
    assert judged(aad=earlier.digest, signer=STRANGER_KEY) == "R704"
    assert judged(aad=signed_record(sequence=3).digest) == "R704"  # of a record this terminal never signed in that session
    assert code(approval_message(aad=earlier.digest, c259=other)) == "R704"


def test_every_bit_of_an_approval_of_an_earlier_record_is_under_the_signature() -> None:
    other, earlier = bytes(range(100, 116)), signed_record(sequence=2)
    message = approval_message(aad=earlier.digest, c259=other)
    for bit in range(8 * len(message)):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        assert code(bytes(flipped), earlier=lambda _: earlier.digest) == "R704"


def test_approval_for_this_record_does_not_verify_beside_another() -> None:
    with pytest.raises(ApprovalRefused) as caught:
        check_approval(GOOD, record=signed_record(sequence=2), keyring=OPERATOR_KEYS, sealed=SEALED_PROFILE, situation=situation())
    assert caught.value.code == "R704"


def test_approval_by_a_foreign_key_is_invalid() -> None:
    assert code(approval_message(signer=STRANGER_KEY)) == "R704"
    assert code(approval_message(signer=TERMINAL_KEY)) == "R704"


def test_approval_foreign_signature_under_the_operators_kid_is_invalid() -> None:
    protected, _, payload, _ = cbor.decode(GOOD[1:])
    signature = STRANGER_KEY.sign(cbor.encode(["Signature1", protected, RECORD.digest, payload]))
    assert code(b"\xd2" + cbor.encode([protected, {}, payload, signature])) == "R704"


def test_approval_key_of_another_purpose_is_invalid() -> None:
    for keyring in (RECORD_KEYS, Keyring()):
        with pytest.raises(ApprovalRefused) as caught:
            check_approval(GOOD, record=RECORD, keyring=keyring, sealed=SEALED_PROFILE, situation=situation())
        assert caught.value.code == "R704"


def test_approval_unknown_kid_other_alg_crit_or_unprotected_header_is_invalid() -> None:
    header: dict[int, Any] = {1: -7, 4: OPERATOR_KEY.kid, 16: "rnt-approval"}
    assert check(signed_with(header)).approval_id == APPROVAL_ID
    assert code(signed_with(header | {4: bytes(16)})) == "R704"
    assert code(signed_with(header | {1: -9})) == "R704"
    assert code(signed_with(header | {1: -37})) == "R704"
    assert code(signed_with(header | {2: [1]})) == "R704"
    assert code(signed_with(header, {5: b"x"})) == "R704"


@pytest.mark.parametrize("typ", [kind for kind in cose.Type if kind is not cose.Type.APPROVAL])
def test_message_of_another_kind_is_no_approval(typ: cose.Type) -> None:
    assert code(approval_message(typ=typ)) == "R704"


def test_the_record_itself_is_no_approval() -> None:
    assert code(RECORD.message) == "R704"


def test_approval_every_single_bit_flip_is_invalid() -> None:
    for bit in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        assert code(bytes(flipped)) == "R704"


def test_approval_truncated_or_with_a_trailing_byte_is_invalid() -> None:
    for length in range(len(GOOD)):
        assert code(GOOD[:length]) == "R704"
    assert code(GOOD + b"\x00") == "R704"


def test_other_decision_than_approved_is_invalid() -> None:
    for word in ("refused", "denied", "Approved", "", True):
        assert code(approval_message(c257=word)) == "R704"


def test_other_operator_is_invalid() -> None:
    assert code(approval_message(c1="operator-other")) == "R704"


@pytest.mark.parametrize("key", sorted(approval_claims()))
def test_approval_lacking_a_claim_or_of_another_type_is_invalid(key: int) -> None:
    good = approval_claims()[key]
    values: list[Any] = [None, True, -1, 2**63, "", b"", [], {}, {1: 1}]
    for value in values:
        if type(value) is not type(good) or value == {1: 1}:
            changes: dict[str, Any] = {f"c{key}": value}
            assert code(approval_message(**changes)) == "R704"


@pytest.mark.parametrize(
    "changes",
    [
        {"c300": 1},
        {"c256": 2},
        {"c7": bytes(15)},
        {"c10": bytes(17)},
        {"c261": bytes(31)},
        {"c262": bytes(33)},
        {"c4": SIGNED_AT - 60},
        {"c5": SIGNED_AT + 900},
        {"c6": SIGNED_AT + 900},
        {"c264": "Fields"},
        {"c264": "esim"},
    ],
)
def test_approval_outside_the_cddl_is_invalid(changes: dict[str, Any]) -> None:
    assert code(approval_message(**changes)) == "R704"


# ---- R707: for another terminal, session, nonce, card or profile


@pytest.mark.clause("DS-21")
def test_approval_for_another_terminal_is_not_bound() -> None:
    assert code(approval_message(c258="RNT-000002")) == "R707"
    assert code(GOOD, terminal="RNT-000002") == "R707"


def test_approval_for_another_session_is_not_bound() -> None:
    assert code(approval_message(c259=bytes(16))) == "R707"


def test_approval_with_another_nonce_is_not_bound() -> None:
    assert code(approval_message(c10=bytes(16))) == "R707"


@pytest.mark.parametrize("card", [OTHER_CARD, replace(CARD, atr=b"\x3b\x00"), replace(CARD, type_name="other")])
def test_approval_for_another_card_is_not_bound(card: Any) -> None:
    assert code(approval_message(c260=card.to_claim())) == "R707"


@pytest.mark.clause("DS-21", "T-6")
@pytest.mark.parametrize("card", [OTHER_CARD, replace(CARD, atr=b"\x3b\x00"), replace(CARD, type_name="other")])
def test_card_swapped_in_the_slot_is_not_bound(card: Any) -> None:
    assert code(GOOD, card=card) == "R707"
    assert code(approval_message(c260=card.to_claim()), card=card) == "R707"


def test_profile_swapped_is_not_bound() -> None:
    assert code(approval_message(c262=bytes(32))) == "R707"
    with pytest.raises(ApprovalRefused) as caught:
        check_approval(GOOD, record=RECORD, keyring=OPERATOR_KEYS, sealed=SEALED_PROFILE[:-1], situation=situation())
    assert caught.value.code == "R707"


# ---- R705: not yet or no longer valid


@pytest.mark.clause("DS-21")
def test_approval_expires_to_the_second() -> None:
    assert check(GOOD, seconds=SIGNED_AT + 899).expires == SIGNED_AT + 900
    assert code(GOOD, seconds=SIGNED_AT + 900) == "R705"


def test_approval_not_yet_valid_or_issued_in_the_future_is_refused() -> None:
    late = SIGNED_AT + 3 + CLOCK_TOLERANCE_S
    assert check(approval_message(c5=late, c6=late)).issued_at == late
    assert code(approval_message(c5=late + 1)) == "R705"
    assert code(approval_message(c6=late + 1)) == "R705"


def test_approval_too_old_on_the_boot_clock_is_refused_whatever_the_calendar_says() -> None:
    assert check(GOOD, boot_ms=SIGNED_BOOT_MS + 600_000).valid_until_boot_ms == SIGNED_BOOT_MS + 600_000
    assert code(GOOD, boot_ms=SIGNED_BOOT_MS + 600_001) == "R705"
    assert code(GOOD, boot_ms=SIGNED_BOOT_MS + 600_001, seconds=SIGNED_AT) == "R705"


def test_the_stricter_age_limit_counts() -> None:
    assert check(GOOD, max_age_s=5).valid_until_boot_ms == SIGNED_BOOT_MS + 5000
    assert check(approval_message(c263=7)).valid_until_boot_ms == SIGNED_BOOT_MS + 7000
    assert check(approval_message(c263=86_400)).valid_until_boot_ms == SIGNED_BOOT_MS + 600_000
    assert code(approval_message(c263=0)) == "R705"


def test_reboot_between_record_and_approval_is_refused() -> None:
    assert code(GOOD, boot_id=bytes(16)) == "R705"
    assert code(GOOD, boot_id=bytes(16), boot_ms=10) == "R705"


@pytest.mark.clause("DS-24", "T-11")
def test_clock_wound_back_is_refused() -> None:
    assert code(GOOD, seconds=SIGNED_AT - CLOCK_TOLERANCE_S - 1) == "R705"
    assert code(approval_message(c5=0, c6=0), seconds=SIGNED_AT - CLOCK_TOLERANCE_S - 1) == "R705"
    assert code(GOOD, boot_ms=SIGNED_BOOT_MS - 1) == "R705"


def test_exactly_one_code_invalid_before_binding_before_time() -> None:
    everything_wrong = {"terminal": "RNT-000002", "seconds": SIGNED_AT + 10_000, "boot_id": bytes(16)}
    assert code(GOOD[:-1], **everything_wrong) == "R704"
    assert code(GOOD, **everything_wrong) == "R707"
    assert code(GOOD, seconds=SIGNED_AT + 10_000, boot_id=bytes(16)) == "R705"


def test_approval_grows_stale_before_the_write() -> None:
    approval = check(GOOD)
    approval.require_fresh(boot_id=BOOT, boot_ms=SIGNED_BOOT_MS + 600_000, seconds=SIGNED_AT + 899)
    for now in (
        {"boot_id": BOOT, "boot_ms": SIGNED_BOOT_MS + 600_001, "seconds": SIGNED_AT},
        {"boot_id": BOOT, "boot_ms": SIGNED_BOOT_MS, "seconds": SIGNED_AT + 900},
        {"boot_id": bytes(16), "boot_ms": SIGNED_BOOT_MS, "seconds": SIGNED_AT},
    ):
        with pytest.raises(ApprovalRefused) as caught:
            approval.require_fresh(**now)  # type: ignore[arg-type]  # the rows are of one shape
        assert caught.value.code == "R705"


# ---- nobody makes an approval by accident


def test_approval_constructor_and_replace_are_refused() -> None:
    approval = check(GOOD)
    values = {field.name: getattr(approval, field.name) for field in dataclasses.fields(approval)}
    for mint in (None, object(), True):
        with pytest.raises(TypeError):
            Approval(mint, **values)
    with pytest.raises((TypeError, ValueError)):
        replace(approval, approval_id=bytes(16))  # type: ignore[call-arg]  # that it fails is what is tested
    with pytest.raises(TypeError):
        copy.copy(approval)
    with pytest.raises(dataclasses.FrozenInstanceError):
        approval.nonce = bytes(16)  # type: ignore[misc]  # that it fails is what is tested


def test_refusal_carries_no_content() -> None:
    with pytest.raises(ApprovalRefused) as caught:
        check(approval_message(c260=OTHER_CARD.to_claim()))
    assert str(caught.value) == "R707 card"
    assert caught.value.__cause__ is None


# ---- noise


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: b"\xd2\x84" + tail))
def test_check_random_bytes_is_invalid(message: bytes) -> None:
    assert code(message) == "R704"


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_check_spliced_approval_is_invalid(insert: bytes, start: int, end: int) -> None:
    message = GOOD[:start] + insert + GOOD[end:]
    if message != GOOD:
        assert code(message) == "R704"


scalars = st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.binary(max_size=33) | st.text(max_size=12)
claims_noise = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.integers(0, 4), scalars, max_size=3)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(sorted(approval_claims())), claims_noise)
def test_check_any_signed_value_in_a_claim_is_refused_or_harmless(key: int, value: Any) -> None:
    claims = approval_claims() | {key: value}
    message = cose.sign1(cbor.encode(claims), typ=cose.Type.APPROVAL, signer=OPERATOR_KEY, aad=RECORD.digest)
    with contextlib.suppress(ApprovalRefused):
        approval = check(message)
        assert (approval.nonce, approval.card, approval.record) == (NONCE, CARD, RECORD.digest)
        assert key in {4, 5, 6, 7, 261, 263, 264} or value == approval_claims()[key]
        assert type(value) is type(approval_claims()[key])
