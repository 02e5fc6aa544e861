# SPDX-License-Identifier: Apache-2.0
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose, hpke
from firmware.core.errors import CannotOpen, Malformed, SignatureRefused
from firmware.core.keyring import Keyring
from firmware.core.people import Field
from firmware.core.record import (
    SALTS_LENGTH,
    Card,
    SignedRecord,
    build_record,
    disclose,
    items_info,
    read_record,
    seal_items,
    sign_record,
    verify_record,
)
from hal.document import LONG_TERM
from tests.unit.core_codecs.core_world import (
    CARD,
    NUMBER,
    OPERATOR_KEY,
    RECORD,
    RECORD_KEYS,
    SALTS,
    SESSION,
    TERMINAL_KEY,
    VAULT_SECRET,
    ScalarSigner,
    draft,
    facts,
    holder,
    person,
    portraits,
)


def verify(message: bytes) -> SignedRecord:
    return verify_record(message, keyring=RECORD_KEYS)


def claims_of(record: SignedRecord = RECORD) -> dict[int, Any]:
    return dict(cbor.decode(cbor.decode(record.message[1:])[2]))


def resigned(claims: Any, signer: ScalarSigner = TERMINAL_KEY) -> bytes:
    return cose.sign1(cbor.encode(claims), typ=cose.Type.RECORD, signer=signer)


def test_record_round_trip_gives_same_facts_and_digest() -> None:
    assert verify(RECORD.message) == RECORD == read_record(RECORD.message)
    assert RECORD.digest == hashlib.sha256(RECORD.message).digest()
    assert RECORD.record.facts == facts()
    assert (RECORD.session, RECORD.card) == (facts().session, facts().card)


@pytest.mark.clause("DS-16")
def test_record_has_exactly_the_members_of_the_cddl() -> None:
    assert sorted(claims_of()) == [1, 6, 7, 10, *range(256, 282)]


def test_record_same_input_gives_same_payload() -> None:
    assert draft().payload == draft().payload


def test_record_holds_no_identity_value() -> None:
    for value in (NUMBER, holder().name, holder().address, holder().birth, holder().issuer):
        assert value.encode() not in RECORD.message
        assert value.encode() in draft().items
        assert value not in repr(draft())
        assert value not in repr(RECORD)


@pytest.mark.clause("DS-15", "GA-40")
def test_record_same_document_with_other_salts_shares_no_digest() -> None:
    other = build_record(facts(), (person(),), salts=bytes(SALTS_LENGTH))
    assert not {d for _, d in other.record.digests} & {d for _, d in draft().record.digests}


@pytest.mark.clause("DS-15", "T-5")
def test_record_number_dictionary_attack_without_salt_finds_nothing() -> None:
    digests = {digest for _, digest in RECORD.record.digests}
    for guess in (NUMBER.encode(), cbor.encode(NUMBER), cbor.encode([2, NUMBER]), cbor.encode([b"", 2, NUMBER])):
        assert hashlib.sha256(guess).digest() not in digests


def test_record_empty_fields_are_left_out() -> None:
    plain = build_record(facts(), (person(holder=holder(address="", valid_to=LONG_TERM), portraits=portraits()[1:]),), salts=SALTS)
    assert [number for number, _ in plain.record.digests] == [1, 2, 4, 5, 6, 7, 21]
    assert disclose(plain.record, plain.items)[Field.VALID_TO] == LONG_TERM
    with_state = build_record(facts(), (person(holder=holder(kind="D10", nationality="XXA")),), salts=SALTS)
    assert disclose(with_state.record, with_state.items)[Field.NATIONALITY] == "XXA"


@pytest.mark.parametrize("pictures", [(), portraits()[:1], portraits()[1:] * 2, portraits() + portraits()[:1]])
def test_build_without_one_live_portrait_is_a_callers_error(pictures: Any) -> None:
    with pytest.raises(ValueError, match="portrait"):
        build_record(facts(), (person(portraits=pictures),), salts=SALTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"session": b"short"},
        {"nonce": bytes(17)},
        {"agreement": b""},
        {"protection": "none"},
        {"sequence": 0},
        {"boot_ms": -1},
        {"terminal": "x" * 1025},
        {"signed_at": True},
        {"profile_key": bytes(31)},
        {"journal": bytearray(32)},
        {"consents": (("C-1", b"x"),)},
        {"modifiers": ("V", "A")},
        {"modifiers": ("X",)},
        {"channel": 0},
        {"channel": 6},
        {"evidence": (("purpose", bytes(32)), ("device-list", bytes(32)))},
        {"evidence": (("purpose", bytes(32)), ("purpose", bytes(32)))},
        {"card": None},
        {"profile_key": None},
        {"card": Card("8986", "atr", "t")},  # type: ignore[arg-type]  # a caller's mistake is what is tested
    ],
)
def test_build_facts_outside_the_cddl_are_a_callers_error(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        build_record(replace(facts(), **changes), (person(),), salts=SALTS)


def test_build_too_few_salts_is_a_callers_error() -> None:
    with pytest.raises(ValueError, match="salt"):
        build_record(facts(), (person(),), salts=SALTS[:-1])


def test_sign_key_of_other_protection_than_stated_is_a_callers_error() -> None:
    with pytest.raises(ValueError, match="protection"):
        sign_record(draft(protection="token"), TERMINAL_KEY)
    assert sign_record(draft(protection="token"), replace(TERMINAL_KEY, protection="token")).record.facts.protection == "token"


@pytest.mark.clause("DS-16")
def test_verify_every_single_bit_flip_is_refused() -> None:
    for bit in range(len(RECORD.message) * 8):
        flipped = bytearray(RECORD.message)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureRefused):
            verify(bytes(flipped))


def test_verify_truncation_and_trailing_byte_are_refused() -> None:
    for length in range(len(RECORD.message)):
        with pytest.raises(SignatureRefused):
            verify(RECORD.message[:length])
    with pytest.raises(SignatureRefused):
        verify(RECORD.message + b"\x00")


def test_verify_record_of_another_key_or_keyring_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verify(resigned(claims_of(), OPERATOR_KEY))
    with pytest.raises(SignatureRefused):
        verify_record(RECORD.message, keyring=Keyring())


WRONG_VALUES: list[Any] = [None, True, -1, "", b"", [], {}, 2**64 - 1, [b""], {1: 1}, "x" * 2000]


@pytest.mark.parametrize("key", sorted(claims_of()))
def test_verify_signed_record_lacking_or_spoiling_a_member_is_malformed(key: int) -> None:
    claims = claims_of()
    without = resigned({k: v for k, v in claims.items() if k != key})
    if key in {263, 274}:  # a plan without agreement, or without a face
        assert verify(without).digest != RECORD.digest
    else:
        with pytest.raises(Malformed):
            verify(without)
    for value in WRONG_VALUES:
        if type(value) is type(claims[key]) and key not in {7, 10, 256, 263, 266, 267, 269, 272, 273, 275}:
            continue
        with pytest.raises(Malformed):
            verify(resigned(claims | {key: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {300: 0},
        {256: 2},
        {260: {11: bytes(32)}},
        {260: {101: bytes(32)}},
        {260: {701: bytes(32)}},
        {276: 3},
        {279: 0},
        {277: [{}]},
        {274: [101, True]},
        {259: "typed"},
        {271: 0},
    ],
)
def test_verify_signed_record_outside_the_cddl_is_malformed(changes: dict[int, Any]) -> None:
    with pytest.raises(Malformed):
        verify(resigned(claims_of() | changes))


@pytest.mark.parametrize("payload", [[], 0, "x", None])
def test_verify_signed_payload_that_is_no_map_is_refused(payload: Any) -> None:
    with pytest.raises(SignatureRefused):
        verify(resigned(payload))


def test_disclose_any_subset_is_proved() -> None:
    items = cbor.decode(draft().items)
    everything = disclose(RECORD.record, draft().items)
    assert everything[Field.NUMBER] == NUMBER
    assert everything[Field.CHIP_PORTRAIT] == hashlib.sha256(portraits()[0].image).digest()
    assert len(everything) == len(items) == 9
    for item in items:
        assert disclose(RECORD.record, cbor.encode([item])) == {item[1]: item[2]}


def test_disclose_changed_swapped_or_doubled_item_is_malformed() -> None:
    items = cbor.decode(draft().items)
    (salt, number, value), other = items[0], items[1]
    wrongs: list[Any] = [
        [[salt, number, value + "x"]],
        [[salt, other[1], value]],
        [[other[0], number, value]],
        [[bytes(32), number, value]],
        [[salt[:16], number, value]],
        [items[0], items[0]],
        [[salt, 8, value]],
        [[salt, 9, value]],
        [[salt, -1, value]],
        [[salt, number]],
        [[salt, number, value.encode()]],
        [[items[-1][0], 21, "text"]],
        [0],
        [],
        {},
    ]
    for wrong in wrongs:
        with pytest.raises(Malformed):
            disclose(RECORD.record, cbor.encode(wrong))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=300) | st.integers(0, len(draft().items) * 8 - 1))
def test_disclose_random_or_flipped_items_are_malformed(noise: bytes | int) -> None:
    items = bytearray(draft().items)
    if isinstance(noise, int):
        items[noise // 8] ^= 1 << noise % 8
    else:
        items = bytearray(noise)
    with pytest.raises(Malformed):
        disclose(RECORD.record, bytes(items))


@pytest.mark.clause("DS-11")
def test_seal_items_opens_with_the_vault_key_and_session_only() -> None:
    sealed = seal_items(draft(), vault_key=hpke.public_of(VAULT_SECRET))
    assert hpke.open_sealed(sealed, private_key=VAULT_SECRET, info=b"rnt/items/1" + SESSION) == draft().items
    assert seal_items(draft(), vault_key=hpke.public_of(VAULT_SECRET)) != sealed
    for wrong_key, wrong_info, content in (
        (bytes(range(32)), items_info(SESSION), sealed),
        (VAULT_SECRET, items_info(bytes(16)), sealed),
        (VAULT_SECRET, items_info(SESSION), sealed[:-1]),
        (VAULT_SECRET, items_info(SESSION), bytes(32) + sealed[32:]),
        (VAULT_SECRET, items_info(SESSION), sealed[:47]),
    ):
        with pytest.raises(CannotOpen):
            hpke.open_sealed(content, private_key=wrong_key, info=wrong_info)


def test_card_repr_shows_no_iccid_and_digest_tells_cards_apart() -> None:
    card = CARD
    assert card.iccid not in repr(card)
    assert card.digest == Card(card.iccid, card.atr, card.type_name).digest
    assert len({card.digest, replace(card, iccid="1").digest, replace(card, atr=b"").digest, replace(card, type_name="").digest}) == 4
