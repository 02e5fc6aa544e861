# SPDX-License-Identifier: Apache-2.0
"""The gateway's own COSE and HPKE against libraries it does not use: python-cwt and pyhpke accept what it makes, and the other way."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhpke import AEADId, CipherSuite, KDFId, KEMId

from simulators.backend import signatures, strict_cbor
from simulators.backend.strict_cbor import Malformed
from tests.contract.backend.operator_messages import private_pem, sign1, spki, verify1

KEY = ec.generate_private_key(ec.SECP256R1())
PEM, SPKI = private_pem(KEY), spki(KEY)
KID = signatures.key_id(SPKI)
VAULT = X25519PrivateKey.generate()
SUITE: Any = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)
CLAIMS = st.dictionaries(st.integers(0, 2**40), st.integers(0, 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=40), max_size=5)
SHORT = settings(max_examples=200, deadline=None)
THOROUGH = settings(max_examples=2000, deadline=None)


@SHORT
@given(CLAIMS, st.binary(max_size=40))
def test_python_cwt_accepts_what_the_gateway_signs(claims: dict[int, Any], aad: bytes) -> None:
    message = signatures.sign(strict_cbor.dumps(claims), typ="rnt-ack", key_pem=PEM, kid=KID, aad=aad)
    assert verify1(message, SPKI, "rnt-ack", aad) == claims


@SHORT
@given(CLAIMS, st.binary(max_size=40))
def test_the_gateway_accepts_what_python_cwt_signs(claims: dict[int, Any], aad: bytes) -> None:
    payload = strict_cbor.dumps(claims)
    assert signatures.verify(sign1(payload, KEY, "rnt-record", aad), typ="rnt-record", keys={KID: SPKI}, aad=aad) == payload


@SHORT
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_pyhpke_opens_what_the_gateway_seals_and_seals_what_it_opens(plain: bytes, info: bytes) -> None:
    sealed = signatures.seal(plain, public_key=VAULT.public_key().public_bytes_raw(), info=info)
    private = SUITE.kem.deserialize_private_key(VAULT.private_bytes_raw())
    assert SUITE.create_recipient_context(sealed[:32], private, info=info).open(sealed[32:]) == plain
    enc, context = SUITE.create_sender_context(SUITE.kem.deserialize_public_key(VAULT.public_key().public_bytes_raw()), info=info)
    assert signatures.unseal(enc + context.seal(plain), private_key=VAULT.private_bytes_raw(), info=info) == plain


@THOROUGH
@given(st.integers(0, 7), st.integers(0, 2**64 - 1))
def test_heads_are_those_of_the_library(major: int, number: int) -> None:
    kinds = {0: number, 1: -1 - number}
    if major in kinds:
        assert strict_cbor.head(major, number) == cbor2.dumps(kinds[major])
    assert strict_cbor.head(major, number)[0] >> 5 == major


@THOROUGH
@given(st.binary(max_size=70))
def test_a_byte_string_is_taken_exactly_when_the_library_would_write_it_so(data: bytes) -> None:
    try:
        value, end = strict_cbor.take_octets(data, 0)
    except Malformed:
        return
    assert cbor2.dumps(value) == data[:end]


@pytest.mark.parametrize("data", ["", "58", "5817", "5800", "590017", "41", "5901", "60", "5f", "5b00000000ffffffff"])
def test_other_heads_of_byte_strings_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        strict_cbor.take_octets(bytes.fromhex(data.ljust(len(data) + len(data) % 2, "0")), 0)
