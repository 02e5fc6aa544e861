# SPDX-License-Identifier: Apache-2.0
"""What every store of keys does, and does alike. Each test runs on each row of the table in ``conftest.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from firmware.core import cbor, cose
from firmware.core.errors import SignatureRefused
from firmware.core.keyring import Key, Keyring, Purpose, key_id
from firmware.core.suite import ES256
from firmware.keystore import KeyExists, KeyMissing, certificate_request, create_key, has_key, open_signer, retire_keys

if TYPE_CHECKING:
    from tests.contract.keystore.conftest import Store

PAYLOAD = cbor.encode({1: "RNT-000001", 10: bytes(16)})


def test_key_made_and_opened_again_is_the_same_key(store: Store) -> None:
    made = create_key(store.uri("record"), store.base)
    opened = open_signer(store.uri("record"), store.base)
    assert (opened.kid, opened.spki, opened.alg, opened.protection) == (made.kid, made.spki, ES256, store.protection)
    assert made.kid == key_id(made.spki)


def test_signature_of_a_store_is_raw_and_verifies_with_its_spki(store: Store) -> None:
    signer = create_key(store.uri("record"), store.base)
    signature = signer.sign(b"to be signed")
    assert len(signature) == 64
    public = load_der_public_key(signer.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    public.verify(encode_dss_signature(r, s), b"to be signed", ec.ECDSA(SHA256()))


def test_request_of_a_store_signs_itself_and_claims_its_protection(store: Store) -> None:
    signer = create_key(store.uri("record"), store.base)
    request = x509.load_der_x509_csr(certificate_request(signer, serial="RNT-000001", purpose="record", nonce="order-1"))
    assert request.is_signature_valid
    assert request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == signer.spki
    claims = request.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")).value
    assert isinstance(claims, x509.UnrecognizedExtension)
    assert f"purpose=record;protection={store.protection};order=order-1" in claims.value.decode(errors="replace")


def test_record_signed_by_a_store_verifies_for_records_only(store: Store) -> None:
    record, tls = (create_key(store.uri(name), store.base) for name in ("record", "tls"))
    assert record.kid != tls.kid
    keyring = Keyring([Key.from_spki(record.spki, Purpose.RECORD)])
    message = cose.sign1(PAYLOAD, typ=cose.Type.RECORD, signer=record)
    assert cose.verify1(message, typ=cose.Type.RECORD, keyring=keyring, purpose=Purpose.RECORD).kid == record.kid
    with pytest.raises(SignatureRefused, match="kid"):
        cose.verify1(message, typ=cose.Type.RECORD, keyring=keyring, purpose=Purpose.APPROVAL)
    by_tls = cose.sign1(PAYLOAD, typ=cose.Type.RECORD, signer=tls)
    with pytest.raises(SignatureRefused, match="kid"):
        cose.verify1(by_tls, typ=cose.Type.RECORD, keyring=keyring, purpose=Purpose.RECORD)


def test_key_is_never_made_over_another(store: Store) -> None:
    made = create_key(store.uri("record"), store.base)
    with pytest.raises(KeyExists):
        create_key(store.uri("record"), store.base)
    assert open_signer(store.uri("record"), store.base).kid == made.kid


def test_key_that_was_never_made_is_missing(store: Store) -> None:
    assert not has_key(store.uri("record"), store.base)
    with pytest.raises(KeyMissing):
        open_signer(store.uri("record"), store.base)
    create_key(store.uri("record"), store.base)
    assert has_key(store.uri("record"), store.base)


def test_new_key_waits_beside_the_old_one_until_it_is_put_in_its_place(store: Store) -> None:
    """As :mod:`firmware.runtime.installation` does it: made under ``next/``, moved over by a rename, then the old key is destroyed."""
    old = create_key(store.uri("record"), store.base)
    stage = store.base / "next"
    stage.mkdir(mode=0o700)
    new = create_key(store.uri("record"), stage)
    assert open_signer(store.uri("record"), store.base).kid == old.kid
    (waiting,) = (stage / "keys").iterdir()
    waiting.replace(store.base / "keys" / waiting.name)
    assert open_signer(store.uri("record"), store.base).kid == new.kid
    assert retire_keys(store.uri("record"), store.base) == (0 if store.protection == "software" else 1)
    assert retire_keys(store.uri("record"), store.base) == 0
    assert len(open_signer(store.uri("record"), store.base).sign(b"x")) == 64


def test_signer_shows_neither_its_place_nor_its_pin(store: Store) -> None:
    signer = create_key(store.uri("record"), store.base)
    assert repr(signer).endswith(f"(kid={signer.kid.hex()})")
