# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import os
import pickle
import ssl
import stat
import traceback
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.keystore import (
    KeyExists,
    KeyMissing,
    KeystoreError,
    KeyUnfit,
    KeyUnsafe,
    Signer,
    UnknownScheme,
    create_key,
    open_signer,
    tls_key_file,
)
from firmware.keystore.file_key import _parse
from firmware.keystore.schemes import SCHEMES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

URI = "file:keys/record.pem"


def tls_key_path(uri: str, base: Path) -> Path:
    """Return where a key that is not sealed lies."""
    with tls_key_file(uri, base) as path:
        return path


def _pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return create_key(URI, tmp_path)


def _put(base: Path, content: bytes) -> Path:
    path = base / "keys" / "record.pem"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_created_key_is_private_and_opens_as_the_same_key(tmp_path: Path, signer: Signer) -> None:
    path = tmp_path / "keys" / "record.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert [entry.name for entry in path.parent.iterdir()] == ["record.pem"]
    assert open_signer(URI, tmp_path).kid == signer.kid


def test_created_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key("file:a/b/key.pem", tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a/b/key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_signer_says_what_the_house_agreed_on(signer: Signer) -> None:
    assert (signer.alg, signer.protection) == (-7, "software")
    assert signer.kid == sha256(signer.spki).digest()[:16]
    public = load_der_public_key(signer.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)


@given(tbs=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_signature_is_raw_and_verifies_with_the_public_key(tmp_path_factory: pytest.TempPathFactory, tbs: bytes) -> None:
    signer = create_key(URI, tmp_path_factory.mktemp("key"))
    signature = signer.sign(tbs)
    assert len(signature) == 64
    public = load_der_public_key(signer.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public.verify(der, tbs, ec.ECDSA(SHA256()))


def test_key_is_never_overwritten(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(KeyExists):
        create_key(URI, tmp_path)
    assert open_signer(URI, tmp_path).kid == signer.kid
    assert [entry.name for entry in (tmp_path / "keys").iterdir()] == ["record.pem"]


def test_missing_key_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        open_signer(URI, tmp_path)
    (tmp_path / "keys").write_bytes(b"a file where the directory should be")
    with pytest.raises(KeystoreError):
        open_signer(URI, tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_key_open_to_others_is_unsafe(tmp_path: Path, signer: Signer, mode: int) -> None:
    (tmp_path / "keys" / "record.pem").chmod(mode)
    with pytest.raises(KeyUnsafe):
        open_signer(URI, tmp_path)
    with pytest.raises(KeyUnsafe):
        tls_key_path(URI, tmp_path)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_key_in_a_directory_others_can_write_is_unsafe(tmp_path: Path, signer: Signer, mode: int) -> None:
    (tmp_path / "keys").chmod(mode)
    with pytest.raises(KeyUnsafe):
        open_signer(URI, tmp_path)
    with pytest.raises(KeyUnsafe):
        create_key("file:keys/other.pem", tmp_path)


def test_key_of_another_user_is_unsafe(tmp_path: Path, signer: Signer) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path / "keys" / "record.pem", 65534, 65534)
        uri, base = URI, tmp_path
    else:  # another user's file that is always there
        uri, base = "file:etc/hostname", Path("/")
    with pytest.raises(KeyUnsafe):
        open_signer(uri, base)


@pytest.mark.parametrize("path", ["../record.pem", "keys/../../record.pem", "/etc/passwd", "", ".", "..", "keys/..", "a\0b", "x" * 5000])
def test_key_path_out_of_the_base_is_unsafe(tmp_path: Path, path: str) -> None:
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    _put(tmp_path, _pem(ec.generate_private_key(ec.SECP256R1())))
    for call in (open_signer, create_key, tls_key_path):
        with pytest.raises(KeyUnsafe):
            call(f"file:{path}", base)


def test_absolute_key_path_inside_the_base_is_taken(tmp_path: Path, signer: Signer) -> None:
    assert open_signer(f"file:{tmp_path}/keys/record.pem", tmp_path).kid == signer.kid


def test_symlinked_directory_out_of_the_base_is_unsafe(tmp_path: Path, signer: Signer) -> None:
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    (base / "keys").symlink_to(tmp_path / "keys")
    with pytest.raises(KeyUnsafe):
        open_signer(URI, base)
    with pytest.raises(KeyUnsafe):
        create_key("file:keys/new.pem", base)


def test_symlinked_key_is_unsafe_even_inside_the_base(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "keys" / "link.pem").symlink_to("record.pem")
    with pytest.raises(KeyUnsafe):
        open_signer("file:keys/link.pem", tmp_path)


def test_base_reached_by_a_symlink_is_taken(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "way").symlink_to(tmp_path)
    assert open_signer(URI, tmp_path / "way").kid == signer.kid


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_that_is_no_file_is_unsafe(tmp_path: Path, make: object) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    make(tmp_path / "keys" / "record.pem", 0o600)  # type: ignore[operator]  # either of the two
    with pytest.raises(KeystoreError):
        open_signer(URI, tmp_path)


def test_key_on_another_curve_or_of_another_kind_is_unfit(tmp_path: Path) -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()):
        _put(tmp_path, _pem(key))
        for call in (open_signer, tls_key_path):
            with pytest.raises(KeyUnfit):
                call(URI, tmp_path)


def test_encrypted_public_or_oversized_pem_is_unfit(tmp_path: Path, signer: Signer) -> None:
    pem = (tmp_path / "keys" / "record.pem").read_bytes()
    key = load_pem_private_key(pem, None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for content in (encrypted, signer.spki, b"", pem[:-40], pem + b"\n" * 20_000):
        _put(tmp_path, content)
        with pytest.raises(KeyUnfit):
            open_signer(URI, tmp_path)


PEM = _pem(ec.generate_private_key(ec.SECP256R1()))


@given(
    st.binary(max_size=500)
    | st.builds(lambda body: b"-----BEGIN PRIVATE KEY-----\n" + body + b"\n-----END PRIVATE KEY-----\n", st.binary())
)
@settings(max_examples=2000, deadline=None)
def test_random_bytes_are_unfit(content: bytes) -> None:
    with pytest.raises(KeyUnfit):
        _parse(content)


@given(st.integers(0, len(PEM) * 8 - 1), st.integers(0, len(PEM)))
@settings(max_examples=2000, deadline=None)
def test_flipped_or_truncated_pem_is_a_key_or_unfit(bit: int, length: int) -> None:
    changed = bytearray(PEM)
    changed[bit // 8] ^= 1 << bit % 8
    for content in (bytes(changed), PEM[:length]):
        try:
            key = _parse(content)
        except KeyUnfit as error:
            shown = "".join(traceback.format_exception(error))
            assert PEM.split(b"\n")[1].decode() not in shown
        else:
            assert isinstance(key.curve, ec.SECP256R1)


@given(st.text(max_size=60))
@settings(max_examples=2000, deadline=None)
def test_random_uri_gives_only_keystore_errors(tmp_path_factory: pytest.TempPathFactory, uri: str) -> None:
    base = tmp_path_factory.getbasetemp()
    for text in (uri, f"file:{uri}"):
        with pytest.raises(KeystoreError):
            open_signer(text, base)


@pytest.mark.parametrize(
    "uri", ["PKCS11:token=terminal;object=record", "tpm2:x", "keys/record.pem", "", "file", "FILE:keys/record.pem", "https:x"]
)
def test_unknown_scheme_is_named_as_such_and_lists_the_known_ones(tmp_path: Path, uri: str) -> None:
    for call in (open_signer, create_key, tls_key_path):
        with pytest.raises(UnknownScheme, match="file:"):
            call(uri, tmp_path)
    assert set(SCHEMES) == {"file", "pkcs11"}


@pytest.mark.clause("DS-17")
def test_signer_shows_no_key_and_is_not_copied_out(tmp_path: Path, signer: Signer) -> None:
    assert repr(signer) == f"FileSigner(kid={signer.kid.hex()})"
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(signer)
    assert copy.copy(signer).kid == signer.kid


def test_tls_key_file_is_what_ssl_loads(tmp_path: Path) -> None:
    create_key("file:keys/tls.pem", tmp_path)
    path = tls_key_path("file:keys/tls.pem", tmp_path)
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "RNT-000001")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = tmp_path / "tls-cert.pem"
    certificate.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path)
