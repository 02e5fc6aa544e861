# SPDX-License-Identifier: Apache-2.0
"""A token's key for mutual TLS, where the platform's OpenSSL can use one.

Python's :mod:`ssl` takes a client key as a PEM file only. OpenSSL 3 with a PKCS#11 provider accepts a PEM that holds a key's *URI* instead
of a key; which provider is loaded is the platform's configuration (``OPENSSL_CONF``), not ours. So this module writes that PEM, proves
with a throw-away certificate that this very process can load it, and otherwise says in one sentence what to configure instead.
Decision and figures: ADR 0010.
"""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from firmware.keystore import files
from firmware.keystore.csr import SignerKey
from firmware.keystore.errors import KeyMissing, KeyUnfit

if TYPE_CHECKING:
    from firmware.core.cose import Signer

LABEL: Final = "PKCS#11 PROVIDER URI"
"""PEM label and content as pkcs11-provider documents them: SEQUENCE { VisibleString version, UTF8String uri }."""
VERSION: Final = b"PKCS#11 Provider URI v1.0"
_SEQUENCE, _VISIBLE_STRING, _UTF8_STRING = 0x30, 0x1A, 0x0C
_SHORT: Final = 0x80
_LINE: Final = 64


def reference(name: str, base: Path, uri: str, signer: Signer) -> Path:
    """Return the PEM file ``keys/NAME.uri.pem`` under ``base``, written if need be, that names the key; raises ``KeystoreError``."""
    path = files.place(f"keys/{name}.uri.pem", base)
    content = pem(uri)
    try:
        old = files.read_secret(path)
    except KeyMissing:
        old = b""
    if old and old != content:
        path.unlink()
    if old != content:
        files.write_secret(path, content)
    if not usable(path, signer):
        raise KeyUnfit("this platform's OpenSSL has no PKCS#11 provider that could use the token for TLS; give [keys] tls a file: URI")
    return path


def pem(uri: str) -> bytes:
    """Return the PEM that names a key by its URI."""
    der = _tlv(_SEQUENCE, _tlv(_VISIBLE_STRING, VERSION) + _tlv(_UTF8_STRING, uri.encode()))
    lines = textwrap.wrap(base64.b64encode(der).decode(), _LINE)
    return "\n".join((f"-----BEGIN {LABEL}-----", *lines, f"-----END {LABEL}-----", "")).encode()


def usable(path: Path, signer: Signer) -> bool:
    """Return whether :mod:`ssl`, in this process, loads the key at ``path`` and finds it to be ``signer``'s."""
    with tempfile.TemporaryDirectory(prefix="rnt-tls-") as folder:
        certificate = Path(folder) / "cert.pem"
        certificate.write_bytes(_throw_away(signer))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path)
        except ssl.SSLError:
            return False
    return True


def _throw_away(signer: Signer) -> bytes:
    """Return a self-signed certificate of the key, PEM, over before it begins."""
    key, name, end = SignerKey(signer), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rnt")]), dt.datetime(2000, 1, 2, tzinfo=dt.UTC)
    begin = end - dt.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _tlv(tag: int, value: bytes) -> bytes:
    """Return DER tag, definite length, value."""
    if len(value) < _SHORT:
        return bytes((tag, len(value))) + value
    size = (len(value).bit_length() + 7) // 8
    return bytes((tag, _SHORT | size)) + len(value).to_bytes(size) + value
