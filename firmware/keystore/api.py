# SPDX-License-Identifier: Apache-2.0
"""The port behind which a device key lives: it signs and says who it is, and never comes out."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

ES256: Final = -7  # COSE algorithm number, RFC 9053 §2.1
KID_BYTES: Final = 16


class Signer(Protocol):
    """One private key with one purpose."""

    @property
    def alg(self) -> int:
        """COSE algorithm number: -7, ES256."""

    @property
    def kid(self) -> bytes:
        """First 16 bytes of SHA-256 over :attr:`spki`."""

    @property
    def protection(self) -> str:
        """``software`` or ``token``."""

    @property
    def spki(self) -> bytes:
        """Public key, DER SubjectPublicKeyInfo."""

    def sign(self, tbs: bytes) -> bytes:
        """Return the ECDSA P-256 / SHA-256 signature over ``tbs``: raw r || s, 64 bytes. Raises ``KeystoreError``."""


def key_id(spki: bytes) -> bytes:
    """Return the kid of a public key given as DER SubjectPublicKeyInfo."""
    return sha256(spki).digest()[:KID_BYTES]
