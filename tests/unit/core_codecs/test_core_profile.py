# SPDX-License-Identifier: Apache-2.0
import contextlib
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose, hpke
from firmware.core.approval import Approval, check_approval
from firmware.core.errors import IssueDataRefused, Malformed
from firmware.core.issue_data import issue_data_info, open_issue_data, parse_issue_data
from firmware.core.mode import Mode
from firmware.core.profile import Profile
from firmware.core.record import Card
from tests.unit.core_codecs.core_world import (
    APPROVAL_ID,
    CARD,
    OPERATOR_KEY,
    OPERATOR_KEYS,
    PLAIN_PROFILE,
    PROFILE,
    PROFILE_SECRET,
    RECORD,
    SEALED_PROFILE,
    approval_claims,
    approval_message,
    check,
    signed_record,
    situation,
)

APPROVAL = check(approval_message())


def parse_profile(plaintext: bytes) -> Profile:
    profile = parse_issue_data(Mode.FIELDS, plaintext)
    assert isinstance(profile, Profile)
    return profile


def seal(plaintext: bytes, record_digest: bytes = RECORD.digest) -> bytes:
    return hpke.seal(plaintext, public_key=hpke.public_of(PROFILE_SECRET), info=issue_data_info(record_digest))


def approval_of(plaintext: bytes, sealed: bytes) -> Approval:
    message = approval_message(c261=hashlib.sha256(plaintext).digest(), c262=hashlib.sha256(sealed).digest())
    return check_approval(message, record=RECORD, keyring=OPERATOR_KEYS, sealed=sealed, situation=situation())


def code(sealed: bytes, approval: Approval = APPROVAL, private_key: bytes = PROFILE_SECRET) -> str:
    with pytest.raises(IssueDataRefused) as caught:
        open_issue_data(sealed, private_key=private_key, approval=approval)
    return caught.value.code


def test_open_approved_profile_gives_card_content() -> None:
    profile, plaintext = open_issue_data(SEALED_PROFILE, private_key=PROFILE_SECRET, approval=APPROVAL)
    assert plaintext == PLAIN_PROFILE
    assert isinstance(profile, Profile)
    assert profile.to_card_dict() == {
        "iccid": CARD.iccid,
        "imsi": "460001234567890",
        "msisdn": "8612000000001",
        "spn": "RNT TEST",
        "smsc": "8612000000500",
        "hplmn_act": ["46000:4000", "46000:0080"],
        "ehplmn": ["46002"],
        "fplmn": [],
        "mnc_length": 2,
        "adm_ref": 10,
        "adm": b"12345678".hex(),
    }


def test_profile_repr_tells_nothing() -> None:
    profile = parse_profile(PLAIN_PROFILE)
    assert repr(profile) == str(profile) == f"{profile}" == "<Profile>"


def test_open_other_sealed_bytes_are_not_bound() -> None:
    assert code(seal(PLAIN_PROFILE)) == "R707"
    assert code(SEALED_PROFILE[:-1]) == "R707"
    assert code(b"") == "R707"


def test_open_other_plaintext_under_the_approved_seal_is_not_bound() -> None:
    other = seal(cbor.encode(PROFILE | {3: "8612999999999"}))
    assert code(other, approval_of(PLAIN_PROFILE, other)) == "R707"


def test_open_with_another_session_key_is_invalid() -> None:
    assert code(SEALED_PROFILE, private_key=bytes(range(32))) == "R704"


def test_open_profile_sealed_for_another_record_is_invalid() -> None:
    other = seal(PLAIN_PROFILE, bytes(32))
    assert code(other, approval_of(PLAIN_PROFILE, other)) == "R704"
    assert code(b"short", approval_of(PLAIN_PROFILE, b"short")) == "R704"


def test_open_approved_bytes_that_are_no_profile_are_invalid() -> None:
    for plaintext in (b"", b"\xa0", cbor.encode(PROFILE | {9: 4}), PLAIN_PROFILE + b"\x00"):
        sealed = seal(plaintext)
        assert code(sealed, approval_of(plaintext, sealed)) == "R704"


def test_open_profile_for_another_card_is_not_bound() -> None:
    plaintext = cbor.encode(PROFILE | {1: "89860000000000000020"})
    sealed = seal(plaintext)
    assert code(sealed, approval_of(plaintext, sealed)) == "R707"


@pytest.mark.parametrize("blank", ["", "F" * 20, "0" * 20])
def test_open_profile_gives_a_blank_without_iccid_its_own(blank: str) -> None:
    card = Card(blank, CARD.atr, CARD.type_name)
    record = signed_record(card=card)
    sealed = seal(PLAIN_PROFILE, record.digest)
    claims = approval_claims(c260=card.to_claim(), c262=hashlib.sha256(sealed).digest())
    message = cose.sign1(cbor.encode(claims), typ=cose.Type.APPROVAL, signer=OPERATOR_KEY, aad=record.digest)
    approval = check_approval(message, record=record, keyring=OPERATOR_KEYS, sealed=sealed, situation=replace(situation(), card=card))
    assert approval.approval_id == APPROVAL_ID
    assert open_issue_data(sealed, private_key=PROFILE_SECRET, approval=approval)[0].iccid == CARD.iccid


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        (1, ["", "8986", "8986000000000000001g", "89860000000000000012a", 8986, "８９８６０００００００００００００１２"]),
        (2, ["", "46000", "4600012345678901", "46000123456789x", None]),
        (3, ["", "+8612000000001", "86 12000000001", 86]),
        (4, [b"RNT", 1, "x" * 1025]),
        (5, ["", "+8612000000500"]),
        (6, ["46000:4000", ["46000"], ["46000:400"], ["46000:4000 "], ["4600:4000"], [1]]),
        (7, ["46002", ["4600"], ["4600200"], ["46002\n"], {}]),
        (8, [None, [""], [b"46001"]]),
        (9, [0, 1, 4, True, "2"]),
        (10, [[], [10], [10, b"1234567"], [10, b"123456789"], [256, b"12345678"], [-1, b"12345678"], ["10", b"12345678"]]),
    ],
)
def test_parse_wrong_value_is_malformed(key: int, wrong: list[Any]) -> None:
    for value in wrong:
        with pytest.raises(Malformed):
            parse_profile(cbor.encode(PROFILE | {key: value}))
    with pytest.raises(Malformed):
        parse_profile(cbor.encode({k: v for k, v in PROFILE.items() if k != key}))


def test_parse_iccid_with_letters_is_kept_as_it_is() -> None:
    assert parse_profile(cbor.encode(PROFILE | {1: "898600A0000000000012"})).iccid == "898600A0000000000012"


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=300))
def test_parse_random_bytes_is_malformed(plaintext: bytes) -> None:
    with pytest.raises(Malformed):
        parse_profile(plaintext)


def test_parse_every_flipped_bit_is_malformed_or_another_profile() -> None:
    good = parse_profile(PLAIN_PROFILE)
    for bit in range(len(PLAIN_PROFILE) * 8):
        plaintext = bytearray(PLAIN_PROFILE)
        plaintext[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(Malformed):
            found = parse_profile(bytes(plaintext))
            assert isinstance(found, Profile)
            assert found != good


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(
    st.sampled_from(sorted(PROFILE)),
    st.none()
    | st.booleans()
    | st.integers(-5, 300)
    | st.text(max_size=25)
    | st.binary(max_size=9)
    | st.lists(st.text(max_size=12), max_size=3),
)
def test_parse_any_value_is_malformed_or_kept(key: int, value: Any) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(parse_profile(cbor.encode(PROFILE | {key: value})), Profile)
