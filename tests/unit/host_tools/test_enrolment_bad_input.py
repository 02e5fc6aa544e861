# SPDX-License-Identifier: Apache-2.0
"""Whatever comes from a terminal or an operator, only the declared refusal comes out."""

import datetime as dt
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.backend.answers import Enrolled
from firmware.keystore import certificate_request, create_key
from firmware.runtime import config
from firmware.runtime.certificates import CertificateRefused, check_certificate, spki_of
from firmware.runtime.maintenance import Maintenance, answer
from host_tools.rnt.enrolment import EnrolmentRefused, NewKey, check_enrolment, check_possession, check_trust, read_keys

SERIAL = "RNT-000001"
NOW = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
MANY = settings(max_examples=2000, deadline=None)
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["00" * 32, "30820000", "-----BEGIN CERTIFICATE-----"])
)
json_values = (
    plain | st.lists(plain, max_size=3) | st.dictionaries(st.sampled_from(["csr", "spki", "kid", "record", "op", ""]), plain, max_size=3)
)
CA_KEY, KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate(
    *,
    ca: bool = False,
    serial: str = SERIAL,
    tls: bool = False,
    days: int = 30,
    begins: int = 1,
    issuer: ec.EllipticCurvePrivateKey = CA_KEY,
    urn: str = "",
) -> x509.Certificate:
    key = CA_KEY if ca else KEY
    subject = x509.Name(
        [x509.NameAttribute(NameOID.SERIAL_NUMBER, serial), x509.NameAttribute(NameOID.COMMON_NAME, "CA" if ca else serial)]
    )
    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, SERIAL), x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    usages = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    usage = dict.fromkeys((*usages, "encipher_only", "decipher_only"), False)
    begin = dt.datetime(2026, 1, begins, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, subject, key.public_key(), 7, begin, begin + dt.timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(x509.KeyUsage(**{**usage, "key_cert_sign" if ca else "digital_signature": True}), critical=True)
    uri = x509.UniformResourceIdentifier(urn or f"urn:rnt:terminal:{serial}")
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    if tls:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(issuer, hashes.SHA256())


def pem(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.PEM)


CA = pem(certificate(ca=True))
RECORD, TLS = pem(certificate()), pem(certificate(tls=True))
SPKI = spki_of(certificate())


def check(found: bytes, purpose: str = "record", ca: bytes = CA, spki: bytes = SPKI) -> x509.Certificate:
    return check_certificate(found, ca=ca, spki=spki, serial=SERIAL, purpose=purpose, now=NOW)


def test_fitting_certificates_are_accepted() -> None:
    assert spki_of(check(RECORD)) == SPKI
    assert spki_of(check(TLS, "tls")) == SPKI


@pytest.mark.parametrize(
    ("found", "purpose", "complaint"),
    [
        (pem(certificate(issuer=ec.generate_private_key(ec.SECP256R1()))), "record", "not issued by"),
        (pem(certificate(serial="RNT-000002")), "record", "another serial"),
        (pem(certificate(urn="urn:rnt:terminal:RNT-000002")), "record", "lacks the terminal's name"),
        (CA, "record", "another key"),
        (TLS, "record", "mixes the purposes"),
        (RECORD, "tls", "mixes the purposes"),
        (pem(certificate(days=10)), "record", "not valid"),
        (pem(certificate(begins=17)), "record", "not valid"),
        (RECORD + RECORD, "record", "not one PEM"),
        (b"", "record", "not one PEM"),
    ],
)
def test_certificate_that_does_not_fit_is_refused_for_its_reason(found: bytes, purpose: str, complaint: str) -> None:
    with pytest.raises(CertificateRefused, match=complaint):
        check(found, purpose)


def test_certificate_under_a_ca_that_is_none_is_refused() -> None:
    with pytest.raises(CertificateRefused, match="not issued by"):
        check(RECORD, ca=pem(certificate(issuer=CA_KEY)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a flipped bit makes a serial number of 0 or less
@MANY
@given(st.integers(0, len(RECORD) - 1), st.integers(0, 7), st.integers(0, len(RECORD)))
def test_certificate_with_a_flipped_bit_or_a_cut_raises_only_its_refusal(at: int, bit: int, length: int) -> None:
    changed = bytearray(RECORD)
    changed[at] ^= 1 << bit
    for found in (bytes(changed), RECORD[:length]):
        with suppress(CertificateRefused):
            assert spki_of(check(found)) == SPKI


@pytest.mark.slow
@MANY
@given(json_values)
def test_terminal_answering_anything_to_keygen_raises_only_its_refusal(value: Any) -> None:
    for shaped in (
        value,
        {"record": value, "tls": value},
        {purpose: {"csr": value, "spki": value, "protection": value} for purpose in ("record", "tls")},
    ):
        with pytest.raises(EnrolmentRefused):
            read_keys(shaped, SERIAL)


@pytest.mark.slow
@MANY
@given(json_values, st.binary(max_size=80))
def test_terminal_answering_anything_to_a_challenge_raises_only_its_refusal(value: Any, raw: bytes) -> None:
    certificates = {"record": RECORD.decode(), "tls": TLS.decode()}
    for shaped in (value, {"record": value}, {"record": {"kid": raw.hex(), "signature": raw.hex()}}):
        with pytest.raises(EnrolmentRefused):
            check_possession(shaped, bytes(32), certificates)


@pytest.mark.slow
@MANY
@given(json_values)
def test_operator_with_any_trust_list_raises_only_its_refusal(value: Any) -> None:
    for trust in (value, {"operator_id": "o", "backend_url": "https://b", "vault_key": value, "approval_keys": value}):
        with pytest.raises(EnrolmentRefused):
            check_trust(trust, SPKI)


def test_operator_without_a_trust_list_is_refused_after_its_certificates() -> None:
    certificates = {"record": pem(certificate()), "tls": pem(certificate(tls=True))}
    keys = {purpose: NewKey(b"", SPKI, "software") for purpose in certificates}
    found = Enrolled(certificates["record"].decode(), certificates["tls"].decode(), CA.decode(), b"{}")
    with pytest.raises(EnrolmentRefused, match="trust list"):
        check_enrolment(found, keys=keys, serial=SERIAL, ca=CA, now=NOW)


def test_request_of_another_unit_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        signers = {purpose: create_key(f"file:{purpose}.pem", Path(folder)) for purpose in ("record", "tls")}
        found = {
            purpose: {
                "csr": certificate_request(signer, serial="RNT-000002", purpose=purpose, nonce="n").hex(),
                "spki": signer.spki.hex(),
                "protection": "software",
            }
            for purpose, signer in signers.items()
        }
    with pytest.raises(EnrolmentRefused, match="serial number"):
        read_keys(found, SERIAL)
    assert read_keys(found, "RNT-000002")["record"].spki == signers["record"].spki


CONFIG = b"""
[terminal]
serial = "RNT-000001"
state_dir = "FOLDER/state"
run_dir = "FOLDER/run"
[backend]
url = "https://localhost:1"
[id_reader]
port = "a"
[sim_card]
reader = "b"
[controller]
port = "c"
[camera]
source = "d"
[printer]
port = "e"
[keys]
seal = "none"
"""


@pytest.fixture(scope="module")
def maintenance() -> Iterator[Maintenance]:
    with tempfile.TemporaryDirectory() as folder:
        yield Maintenance(config.parse(CONFIG.replace(b"FOLDER", folder.encode())))


@pytest.mark.slow
@MANY
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_maintenance_asked_anything_answers_bad_request(maintenance: Maintenance, line: bytes) -> None:
    assert answer(maintenance, line) == {"error": "bad_request", "message": "The request was not understood."}


@pytest.mark.slow
@MANY
@given(
    st.sampled_from(["install", "challenge"]),
    st.dictionaries(st.sampled_from(["nonce", "record_cert", "tls_cert", "ca", "trust", "x"]), json_values),
)
def test_maintenance_with_any_arguments_refuses_in_words(maintenance: Maintenance, op: str, arguments: dict[str, Any]) -> None:
    found = answer(maintenance, json.dumps({"op": op, "args": arguments}).encode())
    assert set(found) == {"error", "message"}
    assert found["error"] in {"bad_request", "no_waiting_keys", "not_provisioned"}
