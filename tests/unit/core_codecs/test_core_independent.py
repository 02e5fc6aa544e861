# SPDX-License-Identifier: Apache-2.0
"""Independent implementations (python-cwt, pyhpke) and fixed vectors referee between our codecs and the message text."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cwt import COSE, COSEKey
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

from firmware.core import cbor, cose, hpke
from firmware.core.approval import check_approval
from firmware.core.issue_data import RelayOrder, Script, issue_data_info, open_issue_data, parse_issue_data
from firmware.core.keyring import Purpose, key_id
from firmware.core.mode import Mode
from firmware.core.profile import Profile
from firmware.core.record import items_info, read_record, seal_items, verify_record
from firmware.core.report import Verdict, encode_result, read_result, verify_ack, verify_result
from tests.unit.core_codecs.core_world import (
    APPROVAL_ID,
    OPERATOR,
    OPERATOR_KEY,
    OPERATOR_KEYS,
    PLAIN_PROFILE,
    PROFILE_SECRET,
    RECORD,
    RECORD_KEYS,
    SEALED_PROFILE,
    SESSION,
    TERMINAL_KEY,
    VAULT_SECRET,
    ScalarSigner,
    approval_claims,
    approval_message,
    check,
    draft,
    situation,
)

VECTORS = json.loads(Path("tests/vectors/core/messages.json").read_text(encoding="utf-8"))
SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)


def cwt_key(signer: ScalarSigner, *, private: bool) -> Any:
    numbers = signer.key.public_key().public_numbers()
    key: dict[int, Any] = {1: 2, 2: signer.kid, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    if private:
        key[-4] = signer.scalar.to_bytes(32, "big")
    return COSEKey.new(key)


def x25519(raw: bytes, *, private: bool) -> Any:
    coordinates = {"kty": "OKP", "crv": "X25519"}
    public = hpke.public_of(raw) if private else raw
    coordinates["x"] = base64.urlsafe_b64encode(public).decode().rstrip("=")
    if private:
        coordinates["d"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return KEMKey.from_jwk(coordinates)


def cwt_sign(payload: bytes, signer: ScalarSigner, typ: str, aad: bytes) -> bytes:
    header: dict[int, Any] = {1: -7, 4: signer.kid, 16: typ}
    message = COSE.new(deterministic_header=True).encode_and_sign(
        payload, key=cwt_key(signer, private=True), protected=header, external_aad=aad
    )
    assert isinstance(message, bytes)
    return message


def test_cwt_verifies_our_record() -> None:
    assert COSE.new().decode(RECORD.message, cwt_key(TERMINAL_KEY, private=False)) == draft().payload


def test_cwt_verifies_our_approval_only_with_the_record_at_hand() -> None:
    message, key = approval_message(), cwt_key(OPERATOR_KEY, private=False)
    assert COSE.new().decode(message, key, external_aad=RECORD.digest) == cbor.encode(approval_claims())
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(message, key)


@pytest.mark.parametrize("aad", [b"", RECORD.digest])
def test_we_verify_what_cwt_signed(aad: bytes) -> None:
    payload = cbor.encode(approval_claims())
    message = cwt_sign(payload, OPERATOR_KEY, "rnt-approval", aad)
    verified = cose.verify1(message, typ=cose.Type.APPROVAL, keyring=OPERATOR_KEYS, purpose=Purpose.APPROVAL, aad=aad)
    assert verified.payload == payload


def test_approval_signed_by_cwt_permits_the_write() -> None:
    assert check(cwt_sign(cbor.encode(approval_claims()), OPERATOR_KEY, "rnt-approval", RECORD.digest)).record == RECORD.digest


def test_pyhpke_opens_our_sealed_items() -> None:
    sealed = seal_items(draft(), vault_key=hpke.public_of(VAULT_SECRET))
    context = SUITE.create_recipient_context(sealed[:32], x25519(VAULT_SECRET, private=True), info=items_info(SESSION))
    assert context.open(sealed[32:]) == draft().items


def test_we_open_what_pyhpke_sealed() -> None:
    info = issue_data_info(RECORD.digest)
    enc, context = SUITE.create_sender_context(x25519(hpke.public_of(PROFILE_SECRET), private=False), info=info)
    assert hpke.open_sealed(enc + context.seal(PLAIN_PROFILE), private_key=PROFILE_SECRET, info=info) == PLAIN_PROFILE


def test_kid_is_the_first_half_of_the_spki_digest() -> None:
    assert key_id(OPERATOR_KEY.spki) == hashlib.sha256(OPERATOR_KEY.spki).digest()[:16] == OPERATOR_KEY.kid


def vector(name: str) -> Mapping[str, bytes]:
    return {key: bytes.fromhex(value) for key, value in VECTORS[name].items() if key != "source"}


def test_vector_record_verifies_and_is_what_we_build() -> None:
    record = vector("record")
    assert verify_record(record["message"], keyring=RECORD_KEYS).digest == record["digest"]
    assert record["payload"] == draft().payload
    assert record["items"] == draft().items
    assert RECORD.message == record["message"]
    assert hpke.open_sealed(record["sealed_items"], private_key=VAULT_SECRET, info=items_info(SESSION)) == draft().items


def test_vector_approval_and_profile_open() -> None:
    given = vector("approval")
    record = read_record(vector("record")["message"])
    approval = check_approval(given["message"], record=record, keyring=OPERATOR_KEYS, sealed=given["sealed_profile"], situation=situation())
    data, plaintext = open_issue_data(given["sealed_profile"], private_key=PROFILE_SECRET, approval=approval)
    assert record.card
    assert (data.iccid, plaintext) == (record.card.iccid, given["profile"])
    assert given["sealed_profile"] != SEALED_PROFILE


def test_vector_result_and_ack_verify() -> None:
    result = read_result(vector("result")["message"])
    ack = verify_ack(vector("ack")["message"], result=result, keyring=OPERATOR_KEYS, operator=OPERATOR)
    assert ack.effect == "active"


def test_vector_issue_data_of_each_mode_is_read() -> None:
    given = vector("issue_data")
    script, order = parse_issue_data(Mode.SCRIPT, given["script"]), parse_issue_data(Mode.RELAY, given["relay"])
    assert isinstance(script, Script)
    assert [(step.command.hex(), step.keep) for step in script.steps] == [("80c2000003d10100", True), ("00a4040c", False)]
    assert isinstance(order, RelayOrder)
    assert order.most == 40
    profile = parse_issue_data(Mode.UNLOCK, given["unlock"])
    assert isinstance(profile, Profile)
    assert profile.to_card_dict()["unlock_ref"] == 10
    assert profile.challenge == script.challenge
    assert profile.challenge is not None
    assert profile.challenge.proves(read_result(vector("answered")["message"]).result.answers[-1].data)  # type: ignore[index]  # answered: there are some


def test_vector_answered_result_verifies_and_is_what_we_encode() -> None:
    given = vector("answered")
    signed = verify_result(given["message"], keyring=RECORD_KEYS, approval_id=APPROVAL_ID)
    assert signed.result.verdict is Verdict.ANSWERED
    assert encode_result(signed.result) == given["payload"]
