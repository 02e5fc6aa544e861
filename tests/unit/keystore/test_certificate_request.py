# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.keystore import KeyUnfit, Signer, certificate_request, create_key
from firmware.keystore.csr import SignerKey

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return create_key("file:keys/record.pem", tmp_path_factory.mktemp("csr"))


@pytest.mark.parametrize("purpose", ["record", "tls"])
def test_request_says_who_what_for_and_how_protected(signer: Signer, purpose: str) -> None:
    request = x509.load_der_x509_csr(certificate_request(signer, serial="RNT-000001", purpose=purpose, nonce="b3JkZXI_-1"))
    assert request.is_signature_valid
    assert request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == signer.spki
    assert [(name.oid, name.value) for name in request.subject] == [
        (NameOID.SERIAL_NUMBER, "RNT-000001"),
        (NameOID.COMMON_NAME, "RNT-000001"),
    ]
    san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:rnt:terminal:RNT-000001"]
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    value = usage.value
    assert not any((value.key_cert_sign, value.crl_sign, value.key_encipherment, value.key_agreement))
    claims = request.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")).value
    assert isinstance(claims, x509.UnrecognizedExtension)
    text = f"purpose={purpose};protection=software;order=b3JkZXI_-1".encode()
    assert claims.value == bytes([0x0C, len(text)]) + text
    assert len(list(request.extensions)) == 3


def test_longest_claims_still_fit_the_short_length(signer: Signer) -> None:
    request = x509.load_der_x509_csr(certificate_request(signer, serial="S" * 32, purpose="record", nonce="n" * 64))
    claims = request.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")).value
    assert isinstance(claims, x509.UnrecognizedExtension)
    assert claims.value[1] == len(claims.value) - 2
    assert claims.value[1] < 0x80


@pytest.mark.parametrize(
    ("serial", "purpose", "nonce"),
    [
        ("", "record", "n"),
        ("RNT 1", "record", "n"),
        ("S" * 33, "record", "n"),
        ("终端", "record", "n"),
        ("S", "both", "n"),
        ("S", "", "n"),
        ("S", "record", ""),
        ("S", "record", "a;purpose=tls"),
        ("S", "record", "n" * 65),
        ("S", "record", "n\n"),
    ],
)
def test_request_of_malformed_words_is_refused(signer: Signer, serial: str, purpose: str, nonce: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        certificate_request(signer, serial=serial, purpose=purpose, nonce=nonce)


@given(serial=st.text(max_size=40), nonce=st.text(max_size=70))
@settings(max_examples=2000, deadline=None)
def test_request_of_random_words_is_signed_or_refused(signer: Signer, serial: str, nonce: str) -> None:
    try:
        request = x509.load_der_x509_csr(certificate_request(signer, serial=serial, purpose="tls", nonce=nonce))
    except ValueError:
        return
    assert request.is_signature_valid


def test_key_behind_the_request_signs_and_nothing_else(signer: Signer) -> None:
    """What the X.509 builder needs of a key that stays on its token; an upgrade of the library that ends this fails here."""
    key = SignerKey(signer)
    assert (key.key_size, key.curve.name) == (256, "secp256r1")
    key.public_key().verify(key.sign(b"tbs", ec.ECDSA(SHA256())), b"tbs", ec.ECDSA(SHA256()))
    assert copy.copy(key) is key
    assert copy.deepcopy(key) is key
    with pytest.raises(TypeError):
        key.sign(b"tbs", ec.ECDSA(SHA384()))
    with pytest.raises(TypeError):
        key.exchange(ec.ECDH(), key.public_key())
    with pytest.raises(TypeError):
        key.private_numbers()
    with pytest.raises(TypeError):
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class _OtherCurve:
    alg, kid, protection = -35, bytes(16), "token"
    spki = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, tbs: bytes) -> bytes:
        return tbs


def test_request_for_a_key_on_another_curve_is_refused() -> None:
    with pytest.raises(KeyUnfit):
        certificate_request(_OtherCurve(), serial="S", purpose="record", nonce="n")


def test_private_key_is_not_in_the_request(tmp_path: Path) -> None:
    signer = create_key("file:k.pem", tmp_path)
    der = certificate_request(signer, serial="S", purpose="record", nonce="n")
    number = signer._key.private_numbers().private_value  # type: ignore[attr-defined]  # looked at on purpose
    assert number.to_bytes(32, "big") not in der
