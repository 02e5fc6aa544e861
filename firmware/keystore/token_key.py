# SPDX-License-Identifier: Apache-2.0
"""``pkcs11:`` keys: made on a token, never outside it, protection level ``token``.

Rules
* A URI with an ``id`` names one key of the token. Without an ``id`` it names the key that ``keys/OBJECT.ref`` under the base directory
  points at; :func:`create` makes a key with a random id and writes that file, never over an existing one.
* A key counts only when it signs for the public half that the token shows and, where there is a reference, the reference holds.
* The module is native code in our service: it must be a file that only root or this user can write.

The level says what this software saw the token claim. Only an attestation could prove it to a third party.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from firmware.core.keyring import key_id
from firmware.core.suite import ES256
from firmware.keystore import key_ref, token_tls, token_uri
from firmware.keystore.errors import KeyExists, KeyMissing, KeyUnavailable, KeyUnfit, KeyUnsafe
from firmware.keystore.key_ref import KeyRef
from firmware.keystore.token_process import TokenProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from firmware.keystore.sealed import Seal
    from firmware.keystore.token_uri import TokenUri

ID_BYTES: Final = 16
PROOF: Final = b"rnt/keystore/proof/1"
"""Prefix of what a key signs when it is opened; good for nothing else."""
_HALF: Final = 32
_LOOSE: Final = 0o022
_processes: Final[dict[tuple[Path, Path], TokenProcess]] = {}
"""One worker for each module and PIN, as long as this process lives: a module is loaded once, a PIN sent once, and a refused one known."""


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A key on a token; holds its name and its public half."""

    process: TokenProcess
    key: dict[str, Any]
    spki: bytes
    kid: bytes
    alg: int = ES256
    protection: str = "token"

    def sign(self, tbs: bytes) -> bytes:
        """Return raw r || s, 64 bytes, over SHA-256 of ``tbs``. Raises ``KeystoreError``, most of all ``KeyUnavailable``."""
        digest = hashlib.sha256(tbs).hexdigest()
        answer = self.process.ask("sign", self.key, digest=digest, kid=self.kid.hex())
        return _hex(answer, "signature")

    def __repr__(self) -> str:
        """Name the key, not where it lies."""
        return f"TokenSigner(kid={self.kid.hex()})"


def create(text: str, base: Path, _: Seal | None = None) -> TokenSigner:
    """Make a key pair on the token and remember it under ``base``. Raises ``KeystoreError``."""
    uri = token_uri.parse(text)
    identity = uri.id or os.urandom(ID_BYTES)
    if uri.id is None and key_ref.find(uri.object, base):
        raise KeyExists(f"{uri.object}.ref exists already")
    process, key = _reach(uri, identity)
    signer = _signer(process, key, _hex(process.ask("create", key), "spki"))
    if uri.id is None:
        key_ref.write(uri.object, base, KeyRef(identity, signer.spki))
    return signer


def open_key(text: str, base: Path, _: Seal | None = None) -> TokenSigner:
    """Open the key after the token has proved that it holds it. Raises ``KeystoreError``."""
    uri = token_uri.parse(text)
    ref = key_ref.read(uri.object, base) if uri.id is None else None
    process, key = _reach(uri, ref.id if ref else uri.id or b"")
    spki = _hex(process.ask("public", key), "spki")
    if ref and ref.spki != spki:
        raise KeyUnfit("the token holds another key than the one made for this terminal")
    return _signer(process, key, spki)


def exists(text: str, base: Path) -> bool:
    """Return whether :func:`open_key` has a key to look for: one that was made here, or the one whose id the URI names."""
    uri = token_uri.parse(text)
    return uri.id is not None or key_ref.find(uri.object, base) is not None


def retire(text: str, base: Path) -> int:
    """Destroy the keys of this name that the reference under ``base`` does not point at; returns how many. Raises ``KeystoreError``."""
    uri = token_uri.parse(text)
    if uri.id is not None:
        return 0
    ref = key_ref.read(uri.object, base)
    process, key = _reach(uri, ref.id)
    return int(process.ask("retire", key, keep=[ref.id.hex()])["destroyed"])


def public(text: str, base: Path) -> tuple[bytes, str]:
    """Return the key's DER SubjectPublicKeyInfo and protection; raises as :func:`open_key`."""
    signer = open_key(text, base)
    return signer.spki, signer.protection


@contextmanager
def tls_file(text: str, base: Path, _: Seal | None = None) -> Iterator[Path]:
    """Yield a PEM file through which :mod:`ssl` uses the key on its token; ``KeyUnfit`` where this platform's OpenSSL cannot."""
    signer, uri = open_key(text, base), token_uri.parse(text)
    yield token_tls.reference(uri.object, base, uri.provider_text(bytes.fromhex(signer.key["id"])), signer)


def close() -> None:
    """End every worker; a later request starts a new one."""
    for process in _processes.values():
        process.close()


def _reach(uri: TokenUri, identity: bytes) -> tuple[TokenProcess, dict[str, Any]]:
    """Return the worker of the URI's module and the key as it is named there."""
    try:
        found = uri.module.stat()
    except OSError:
        raise KeyMissing(f"there is no PKCS#11 module {uri.module.name} at that place") from None
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _LOOSE or found.st_uid not in {0, os.geteuid()}:
        raise KeyUnsafe(f"the PKCS#11 module {uri.module.name} can be replaced by others")
    process = _processes.setdefault((uri.module, uri.pin_file), TokenProcess())
    return process, {
        "module": str(uri.module),
        "pin_file": str(uri.pin_file),
        "token": uri.token,
        "serial": uri.serial,
        "object": uri.object,
        "id": identity.hex(),
    }


def _signer(process: TokenProcess, key: dict[str, Any], spki: bytes) -> TokenSigner:
    """Return the signer once the token has signed for ``spki``."""
    signer = TokenSigner(process, key, spki, key_id(spki))
    tbs = PROOF + os.urandom(_HALF)
    signature = signer.sign(tbs)
    with suppress(ValueError, UnsupportedAlgorithm, InvalidSignature):
        public = load_der_public_key(spki)
        if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
            r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
            public.verify(encode_dss_signature(r, s), tbs, ec.ECDSA(SHA256()))
            return signer
    raise KeyUnfit("the token's private and public key do not belong together")


def _hex(answer: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(answer[name])
    except (KeyError, TypeError, ValueError):
        raise KeyUnavailable("failed", "the token's worker answered something else") from None
