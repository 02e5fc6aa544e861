# SPDX-License-Identifier: Apache-2.0
"""SM2 record keys in files, their certificate requests, and store keys of 16 bytes."""

import stat
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.core.suite import GM, INTERNATIONAL, SM2_SM3
from firmware.journal import Journal, JournalCorrupt
from firmware.keystore import (
    KeyExists,
    KeyUnfit,
    KeyUnsafe,
    certificate_request,
    create_key,
    create_store_key,
    load_store_key,
    open_signer,
    provider_for,
    provider_of,
    requested_key,
    suite_of_store_key,
    tls_key_file,
)
from firmware.runtime.certificates import UNREADABLE
from tests.unit.suites.suite_world import DISTID, openssl

URI = "file:keys/record.pem"
SESSION = bytes(range(16))


def test_sm2_key_file_is_private_reopens_and_is_openssls_too(tmp_path: Path) -> None:
    made = create_key(URI, tmp_path, GM)
    path = tmp_path / "keys" / "record.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    opened = open_signer(URI, tmp_path)
    assert (opened.kid, opened.spki, opened.alg, opened.protection) == (made.kid, made.spki, SM2_SM3, "software")
    assert openssl("pkey", "-in", path, "-pubout", "-outform", "DER") == made.spki
    assert provider_for(made.spki).verifier(made.spki)(opened.sign(b"x"), b"x")
    assert provider_of(opened).suite is GM
    assert made.kid.hex() in repr(opened)
    with pytest.raises(KeyExists):
        create_key(URI, tmp_path, GM)
    path.chmod(0o640)
    with pytest.raises(KeyUnsafe):
        open_signer(URI, tmp_path)


def test_sm2_key_of_openssls_making_opens(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    path = tmp_path / "keys" / "record.pem"
    path.touch(mode=0o600)
    path.write_bytes(openssl("genpkey", "-algorithm", "SM2"))
    assert open_signer(URI, tmp_path).alg == SM2_SM3


def test_sm2_key_is_neither_a_tls_key_nor_a_tokens(tmp_path: Path) -> None:
    create_key(URI, tmp_path, GM)
    with pytest.raises(KeyUnfit), tls_key_file(URI, tmp_path):
        pass
    with pytest.raises(KeyUnfit, match="gm"):
        create_key("pkcs11:token=rnt;object=record?module-path=/x&pin-source=/y", tmp_path, GM)


@pytest.mark.parametrize("suite", [GM, INTERNATIONAL])
def test_request_of_either_suite_signs_itself_and_openssl_agrees(tmp_path: Path, suite: object) -> None:
    signer = create_key(URI, tmp_path, GM if suite is GM else INTERNATIONAL)
    der = certificate_request(signer, serial="RNT-000001", purpose="record", nonce="order")
    assert requested_key(x509.load_der_x509_csr(der)) == (signer.spki, True)
    (tmp_path / "request.der").write_bytes(der)
    check: list[str | Path] = ["req", "-inform", "DER", "-in", tmp_path / "request.der", "-verify", "-noout", "-text"]
    text = openssl(*check, *(["-vfyopt", DISTID] if suite is GM else [])).decode()
    assert ("SM2-with-SM3" in text) == (suite is GM)
    for part in ("serialNumber = RNT-000001, CN = RNT-000001", "URI:urn:rnt:terminal:RNT-000001", "purpose=record;protection=software"):
        assert part in text


def test_request_of_sm2_every_bit_flip_is_refused(tmp_path: Path) -> None:
    der = certificate_request(create_key(URI, tmp_path, GM), serial="RNT-000001", purpose="record", nonce="order")
    for bit in range(0, 8 * len(der), 3):
        flip = der[: bit // 8] + bytes([der[bit // 8] ^ 1 << bit % 8]) + der[bit // 8 + 1 :]
        with suppress(*UNREADABLE):
            assert not requested_key(x509.load_der_x509_csr(flip))[1], bit


def test_request_of_openssls_making_is_read_here(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(openssl("genpkey", "-algorithm", "SM2"))
    request: list[str | Path] = ["req", "-new", "-key", tmp_path / "key.pem", "-sm3", "-subj", "/CN=x", "-outform", "DER"]
    spki = openssl("pkey", "-in", tmp_path / "key.pem", "-pubout", "-outform", "DER")
    assert requested_key(x509.load_der_x509_csr(openssl(*request, "-sigopt", DISTID))) == (spki, True)
    other = openssl(*request, "-sigopt", "distid:8765432187654321")
    assert requested_key(x509.load_der_x509_csr(other)) == (spki, False)


def test_store_key_tells_its_suite_by_its_length(tmp_path: Path) -> None:
    for suite, name in ((INTERNATIONAL, "a"), (GM, "b")):
        key = create_store_key(tmp_path / name, suite)
        assert len(key) == suite.store_key_length
        assert suite_of_store_key(load_store_key(tmp_path / name)) is suite


@pytest.mark.parametrize("length", [16, 32])
def test_journal_under_either_cipher_seals_and_forgets(tmp_path: Path, length: int) -> None:
    path, key = tmp_path / "journal.db", bytes(range(length))
    journal = Journal.open(path, key)
    journal.append(SESSION, "first", b"", items={"name": b"a canary of this test"})
    journal.close()
    assert b"a canary" not in path.read_bytes()
    for wrong in (bytes(length), bytes(48 - length), key + bytes(16) if length == 16 else key[:16]):
        with pytest.raises(JournalCorrupt):
            Journal.open(path, wrong)
    journal = Journal.open(path, key)
    assert journal.item(SESSION, "name") == b"a canary of this test"
    journal.close()


@pytest.mark.parametrize("length", [0, 15, 17, 24, 31, 33])
def test_journal_with_a_key_of_another_length_is_a_callers_error(tmp_path: Path, length: int) -> None:
    with pytest.raises(ValueError, match="store key"):
        Journal.open(tmp_path / "journal.db", bytes(length))


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200).map(lambda body: b"-----BEGIN PRIVATE KEY-----\n" + body + b"\n-----END PRIVATE KEY-----\n"))
def test_key_file_of_any_content_is_unfit(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys" / "record.pem"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyUnfit):
        open_signer(URI, tmp_path)
