# SPDX-License-Identifier: Apache-2.0
"""Key files that the controller seals: what stands in them, what opens them, and what nothing opens any more."""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.suite import GM, INTERNATIONAL
from firmware.keystore import (
    KeyUnavailable,
    KeyUnfit,
    KeyUnsafe,
    SealBroken,
    SealedElsewhere,
    create_key,
    create_store_key,
    load_store_key,
    open_signer,
    provider_for,
    public_key,
    store_key_length,
    tls_key_file,
)
from firmware.keystore.csr import SignerKey
from firmware.keystore.sealed import LABEL, unwrap, wrap
from tests.support.seals import Hmac

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.core.suite import Suite

URI = "file:keys/record.pem"
SECRET = bytes(range(32))


@pytest.fixture
def seal() -> Hmac:
    return Hmac(SECRET)


@pytest.mark.parametrize("suite", [INTERNATIONAL, GM], ids=lambda suite: suite.name)
def test_sealed_key_signs_beside_its_controller_only(tmp_path: Path, seal: Hmac, suite: Suite) -> None:
    made = create_key(URI, tmp_path, suite, seal)
    opened = open_signer(URI, tmp_path, seal)
    assert (opened.kid, opened.protection) == (made.kid, "software")
    assert provider_for(made.spki).verifier(made.spki)(opened.sign(b"x"), b"x")
    with pytest.raises(SealedElsewhere):
        open_signer(URI, tmp_path, Hmac(bytes(32)))
    with pytest.raises(KeyUnavailable):
        open_signer(URI, tmp_path)
    seal.silent = True
    with pytest.raises(KeyUnavailable):
        open_signer(URI, tmp_path, seal)
    seal.silent, seal.tampered = False, True
    with pytest.raises(SealBroken):
        open_signer(URI, tmp_path, seal)


def test_sealed_file_shows_its_public_half_and_nothing_of_the_key(tmp_path: Path, seal: Hmac) -> None:
    made = create_key(URI, tmp_path, INTERNATIONAL, seal)
    text = (tmp_path / "keys" / "record.pem").read_text(encoding="ascii")
    assert text.startswith(f"-----BEGIN {LABEL}-----\n")
    assert "PRIVATE KEY" not in text
    asked = len(seal.asked)
    shown = public_key(URI, tmp_path)
    assert (shown.spki, shown.kid, shown.protection, len(seal.asked)) == (made.spki, made.kid, "software", asked)


def test_every_file_has_its_own_half_and_asks_for_its_own_share(tmp_path: Path, seal: Hmac) -> None:
    for name in ("record", "tls"):
        create_key(f"file:keys/{name}.pem", tmp_path, INTERNATIONAL, seal)
    create_store_key(tmp_path / "keys" / "store.key", INTERNATIONAL, seal)
    assert len(set(seal.asked)) == 3


def test_sealed_file_in_anothers_place_does_not_open(tmp_path: Path, seal: Hmac) -> None:
    create_key(URI, tmp_path, INTERNATIONAL, seal)
    (tmp_path / "keys" / "tls.pem").write_bytes((tmp_path / "keys" / "record.pem").read_bytes())
    (tmp_path / "keys" / "tls.pem").chmod(0o600)
    with pytest.raises(SealedElsewhere):
        open_signer("file:keys/tls.pem", tmp_path, seal)


def test_listener_on_the_controllers_line_and_thief_of_the_flash_each_lack_half(seal: Hmac) -> None:
    """A key made of the share alone, or of the file alone, opens nothing; the two together do."""
    plain = os.urandom(32)
    sealed = wrap(plain, "store.key", seal)
    (context,) = seal.asked
    heard = Hmac(SECRET).share(context)

    class Replay:
        def share(self, asked: bytes) -> bytes:
            return heard if asked == context else hashlib.sha256(asked).digest()

    assert (
        unwrap(sealed, "store.key", Replay()) == plain
    )  # whoever has both has the key: that is the controller's and the flash's own secret
    other = wrap(os.urandom(32), "store.key", seal)
    with pytest.raises(SealedElsewhere):
        unwrap(other, "store.key", Replay())  # a share heard for one file opens no other


@pytest.mark.parametrize("suite", [INTERNATIONAL, GM], ids=lambda suite: suite.name)
def test_store_key_is_sealed_too_and_its_length_can_be_told_without_opening(tmp_path: Path, seal: Hmac, suite: Suite) -> None:
    path = tmp_path / "keys" / "store.key"
    key = create_store_key(path, suite, seal)
    assert key not in path.read_bytes()
    assert load_store_key(path, seal) == key
    assert store_key_length(path) == (suite.store_key_length, True)
    with pytest.raises(SealedElsewhere):
        load_store_key(path, Hmac(bytes(32)))


def test_plain_files_of_before_are_read_with_and_without_a_controller(tmp_path: Path, seal: Hmac) -> None:
    made, store = create_key(URI, tmp_path), create_store_key(tmp_path / "keys" / "store.key")
    assert open_signer(URI, tmp_path, seal).kid == made.kid == open_signer(URI, tmp_path).kid == public_key(URI, tmp_path).kid
    assert load_store_key(tmp_path / "keys" / "store.key", seal) == store
    assert store_key_length(tmp_path / "keys" / "store.key") == (32, False)
    assert seal.asked == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_loose_permissions_are_refused_sealed_or_not(tmp_path: Path, seal: Hmac, mode: int) -> None:
    create_key(URI, tmp_path, INTERNATIONAL, seal)
    (tmp_path / "keys" / "record.pem").chmod(mode)
    for call in (lambda: open_signer(URI, tmp_path, seal), lambda: public_key(URI, tmp_path)):
        with pytest.raises(KeyUnsafe):
            call()


def test_sealed_tls_key_is_loaded_by_ssl_and_lies_in_no_file_system(tmp_path: Path, seal: Hmac) -> None:
    signer = create_key("file:keys/tls.pem", tmp_path, INTERNATIONAL, seal)
    key, name = SignerKey(signer), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "RNT-000001")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = tmp_path / "tls-cert.pem"
    certificate.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    with tls_key_file("file:keys/tls.pem", tmp_path, seal) as path:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path)
        assert path.parts[:3] == ("/", "proc", "self")
    assert not path.exists()
    assert all(b"PRIVATE KEY" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


SEALED = wrap(b"a secret", "record.pem", Hmac(SECRET), b"public")
HEAD = f"-----BEGIN {LABEL}-----".encode()


@pytest.mark.slow
@settings(max_examples=2000)
@given(st.data())
def test_changed_sealed_file_is_refused_as_unfit_or_foreign(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SEALED) - 1))
    changed = bytearray(SEALED)
    changed[at] ^= data.draw(st.integers(1, 255))
    content = bytes(changed[: data.draw(st.integers(1, len(SEALED)))]) if data.draw(st.booleans()) else bytes(changed)
    if not content.startswith(HEAD):
        content = HEAD + content
    with pytest.raises((KeyUnfit, SealedElsewhere)):
        unwrap(content, "record.pem", Hmac(SECRET))


@settings(max_examples=2000)
@given(st.binary(max_size=200))
def test_any_content_behind_the_label_is_refused_as_unfit(content: bytes) -> None:
    with pytest.raises(KeyUnfit):
        unwrap(HEAD + content, "record.pem", Hmac(SECRET))
