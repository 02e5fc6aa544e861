# SPDX-License-Identifier: Apache-2.0
"""The signed messages under gm, and every way to mix the two suites."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from firmware.core import cbor, cose
from firmware.core.approval import check_approval
from firmware.core.bundle import build_bundle, verify_bundle
from firmware.core.checkpoint import Checkpoint, sign_checkpoint, verify_countersignature
from firmware.core.errors import ApprovalRefused, CannotOpen, IssueDataRefused, Malformed, SignatureFault, SignatureRefused
from firmware.core.international import PROVIDER as INTERNATIONAL_PROVIDER
from firmware.core.issue_data import issue_data_info, open_issue_data
from firmware.core.keyring import Key, Keyring, Purpose, Trust
from firmware.core.people import Field
from firmware.core.record import build_record, disclose, items_info, read_record, seal_items, sign_record, verify_record
from firmware.core.report import Result, Verdict, sign_result, verify_ack
from firmware.core.suite import GM, Provider, sm3
from firmware.keystore.gm import PROVIDER
from firmware.keystore.sm2 import PrivateKey
from firmware.keystore.suites import PROVIDERS
from tests.support import cddl
from tests.unit.core_codecs import core_world as world
from tests.unit.suites.suite_world import Sm2Signer

TERMINAL, OPERATOR, STRANGER = (Sm2Signer(PrivateKey.generate()) for _ in range(3))
RECORD_KEYS = Keyring([Key.from_spki(TERMINAL.spki, Purpose.RECORD, accepted=PROVIDERS)])
OPERATOR_KEYS = Keyring([Key.from_spki(OPERATOR.spki, Purpose.APPROVAL, accepted=PROVIDERS)])
PROFILE_SECRET, PROFILE_KEY = PROVIDER.new_key()
VAULT_SECRET, VAULT_KEY = PROVIDER.new_key()
DRAFT = build_record(world.facts(profile_key=PROFILE_KEY), (world.person(),), salts=world.SALTS, suite=GM)
RECORD = sign_record(DRAFT, TERMINAL)
SEALED = PROVIDER.seal(world.PLAIN_PROFILE, public_key=PROFILE_KEY, info=issue_data_info(RECORD.digest))
SITUATION = world.situation()


def approval(signer: cose.Signer = OPERATOR, aad: bytes = RECORD.digest, **changes: Any) -> bytes:
    claims = world.approval_claims(**{"c261": sm3(world.PLAIN_PROFILE), "c262": sm3(SEALED), **changes})
    return cose.sign1(cbor.encode(claims), typ=cose.Type.APPROVAL, signer=signer, aad=aad)


def test_record_under_gm_verifies_and_its_digests_are_sm3() -> None:
    assert verify_record(RECORD.message, keyring=RECORD_KEYS) == RECORD == read_record(RECORD.message)
    assert RECORD.digest == sm3(RECORD.message)
    assert dict(RECORD.record.digests) == {item[1]: sm3(cbor.encode(item)) for item in cbor.decode(DRAFT.items)}
    assert disclose(RECORD.record, DRAFT.items)[Field.CHIP_PORTRAIT] == sm3(world.portraits()[0].image)
    assert cddl.valid("signed-message", RECORD.message)
    assert cddl.valid("record", DRAFT.payload)


@pytest.mark.slow
def test_record_every_bit_flip_and_every_cut_is_refused() -> None:
    good = RECORD.message
    for bit in range(8 * len(good)):
        flip = good[: bit // 8] + bytes([good[bit // 8] ^ 1 << bit % 8]) + good[bit // 8 + 1 :]
        with pytest.raises((SignatureRefused, Malformed)):
            verify_record(flip, keyring=RECORD_KEYS)
    for length in range(len(good)):
        with pytest.raises(SignatureRefused):
            verify_record(good[:length], keyring=RECORD_KEYS)


def test_approval_under_gm_opens_its_issue_data() -> None:
    found = check_approval(approval(), record=RECORD, keyring=OPERATOR_KEYS, sealed=SEALED, situation=SITUATION)
    _, plain = open_issue_data(SEALED, private_key=PROFILE_SECRET, approval=found, provider=PROVIDER)
    assert plain == world.PLAIN_PROFILE
    with pytest.raises(IssueDataRefused):
        open_issue_data(SEALED, private_key=VAULT_SECRET, approval=found, provider=PROVIDER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signer": STRANGER}, "R704"),
        ({"aad": hashlib.sha256(RECORD.message).digest()}, "R704"),
        ({"c262": hashlib.sha256(SEALED).digest()}, "R707"),
        ({"signer": world.OPERATOR_KEY}, "R704"),
    ],
)
def test_approval_of_another_key_digest_or_suite_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ApprovalRefused) as caught:
        check_approval(approval(**changes), record=RECORD, keyring=OPERATOR_KEYS, sealed=SEALED, situation=SITUATION)
    assert caught.value.code == code


def refusal(message: bytes, keyring: Keyring, purpose: Purpose = Purpose.RECORD) -> SignatureFault:
    with pytest.raises(SignatureRefused) as caught:
        cose.verify1(message, typ=cose.Type.RECORD, keyring=keyring, purpose=purpose)
    return caught.value.reason


class Renamed(Sm2Signer):
    """An SM2 key that says of itself that it signs ES256, or signs in another's name."""

    @property
    def kid(self) -> bytes:
        return world.TERMINAL_KEY.kid


@pytest.mark.clause("DS-25")
def test_algorithm_swapped_in_the_header_is_refused_for_keys_of_both_suites() -> None:
    lying_sm2, lying_es256 = replace(TERMINAL, alg=-7), replace(world.TERMINAL_KEY, alg=-65537)
    both = Keyring(
        [Key.from_spki(TERMINAL.spki, Purpose.RECORD, accepted=PROVIDERS), Key.from_spki(world.TERMINAL_KEY.spki, Purpose.RECORD)]
    )
    for signer in (lying_sm2, lying_es256):
        assert refusal(cose.sign1(DRAFT.payload, typ=cose.Type.RECORD, signer=signer), both) is SignatureFault.ALGORITHM
    renamed = Renamed(TERMINAL.key, alg=-7)
    assert refusal(cose.sign1(DRAFT.payload, typ=cose.Type.RECORD, signer=renamed), both) is SignatureFault.SIGNATURE
    assert refusal(RECORD.message, world.RECORD_KEYS) is SignatureFault.KEY
    assert refusal(world.RECORD.message, RECORD_KEYS) is SignatureFault.KEY


def test_purposes_and_time_bind_keys_of_either_suite() -> None:
    assert refusal(RECORD.message, RECORD_KEYS, Purpose.APPROVAL) is SignatureFault.KEY
    dated = Keyring([Key.from_spki(TERMINAL.spki, Purpose.RECORD, accepted=PROVIDERS, not_after=world.SIGNED_AT)])
    with pytest.raises(SignatureRefused):
        verify_record(RECORD.message, keyring=dated, seconds=world.SIGNED_AT)
    assert verify_record(RECORD.message, keyring=dated, seconds=world.SIGNED_AT - 1) == RECORD


def test_record_drafted_for_one_suite_is_not_signed_by_a_key_of_the_other() -> None:
    with pytest.raises(ValueError, match="suite"):
        sign_record(DRAFT, world.TERMINAL_KEY)
    with pytest.raises(ValueError, match="suite"):
        sign_record(world.draft(), TERMINAL)
    with pytest.raises(ValueError, match="record"):
        build_record(world.facts(), (world.person(),), salts=world.SALTS, suite=GM)


def test_signature_of_one_suite_over_claims_of_the_other_is_no_record() -> None:
    message = cose.sign1(world.draft().payload, typ=cose.Type.RECORD, signer=TERMINAL)
    with pytest.raises(Malformed):
        verify_record(message, keyring=RECORD_KEYS)


@pytest.mark.parametrize("provider", [INTERNATIONAL_PROVIDER, PROVIDER])
def test_sealed_items_open_for_their_key_and_session_alone(provider: Provider) -> None:
    secret, public = provider.new_key()
    sealed = seal_items(DRAFT, vault_key=public, provider=provider)
    info = items_info(world.SESSION)
    assert provider.open_sealed(sealed, private_key=secret, info=info) == DRAFT.items
    others = [(sealed, provider.new_key()[0], info), (sealed, secret, info + b"."), (sealed[:-1], secret, info), (b"", secret, info)]
    flips = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    for content, key, bound in others + [(flip, secret, info) for flip in flips]:
        with pytest.raises(CannotOpen):
            provider.open_sealed(content, private_key=key, info=bound)


def test_sealing_to_no_point_of_the_curve_is_a_callers_error() -> None:
    for wrong in (bytes(65), b"", VAULT_KEY[:-1] + bytes([VAULT_KEY[-1] ^ 1]), bytes(32)):
        with pytest.raises(ValueError, match="point"):
            PROVIDER.seal(b"x", public_key=wrong, info=b"")


def trust(signer: cose.Signer, vault_key: bytes) -> dict[str, Any]:
    entry = {"kid": signer.kid.hex(), "spki": base64.b64encode(signer.spki).decode(), "purpose": "approval"}
    vault = base64.b64encode(vault_key).decode()
    return {"operator_id": "operator-test", "backend_url": "https://localhost:1", "approval_keys": [entry], "vault_key": vault}


def test_trust_list_with_a_key_of_the_other_suite_is_refused() -> None:
    assert Trust.from_json(trust(OPERATOR, VAULT_KEY), PROVIDER).provider.suite is GM
    mixed: list[tuple[dict[str, Any], Provider]] = [
        (trust(OPERATOR, VAULT_KEY), INTERNATIONAL_PROVIDER),
        (trust(world.OPERATOR_KEY, VAULT_KEY), PROVIDER),
        (trust(OPERATOR, bytes(32)), PROVIDER),
        (trust(world.OPERATOR_KEY, bytes(32)), PROVIDER),
    ]
    for content, provider in mixed:
        with pytest.raises(Malformed):
            Trust.from_json(content, provider)


def test_report_and_checkpoint_under_gm_are_answered_over_their_sm3() -> None:
    result = sign_result(Result(world.SERIAL, 1, world.SESSION, Verdict.CANCELLED, "R207", RECORD.digest), TERMINAL)
    ack = cbor.encode({1: world.OPERATOR, 6: 2, 7: world.SESSION, 256: 1, 257: "released"})
    answer = cose.sign1(ack, typ=cose.Type.ACK, signer=OPERATOR, aad=sm3(result.message))
    assert verify_ack(answer, result=result, keyring=OPERATOR_KEYS, operator=world.OPERATOR).seconds == 2
    shown = sign_checkpoint(Checkpoint(world.SERIAL, 1, 7, bytes(32), world.BOOT, 9), TERMINAL)
    seen = cbor.encode({1: world.OPERATOR, 6: 3, 256: 1, 257: world.SERIAL, 258: 7, 259: bytes(32)})
    answer = cose.sign1(seen, typ=cose.Type.COUNTERSIGNATURE, signer=OPERATOR, aad=sm3(shown.message))
    assert verify_countersignature(answer, checkpoint=shown, keyring=OPERATOR_KEYS).seconds == 3


def test_bundle_under_gm_proves_chosen_fields() -> None:
    shown = build_bundle(RECORD.message, DRAFT.items, [Field.NAME], approval=approval())
    keys = Keyring(
        [
            Key.from_spki(TERMINAL.spki, Purpose.RECORD, accepted=PROVIDERS),
            Key.from_spki(OPERATOR.spki, Purpose.APPROVAL, accepted=PROVIDERS),
        ]
    )
    found = verify_bundle(shown, keyring=keys)
    assert (dict(found.values), found.approved) == ({Field.NAME: "测试甲"}, True)
