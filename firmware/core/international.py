# SPDX-License-Identifier: Apache-2.0
"""The international suite's curves: ES256 on P-256, and HPKE with X25519. One encoding of a key is accepted, the uncompressed one."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from firmware.core import hpke
from firmware.core.errors import Malformed
from firmware.core.suite import INTERNATIONAL, SIGNATURE_LENGTH, Suite, Verifier


class International:
    """See :class:`firmware.core.suite.Provider`. A private key to open with is a raw X25519 value."""

    suite: Final[Suite] = INTERNATIONAL

    def verifier(self, spki: bytes) -> Verifier:
        """Return the verifier of a P-256 key; ``Malformed`` for any other."""
        try:
            key = load_der_public_key(spki)
        except (ValueError, UnsupportedAlgorithm):
            raise Malformed("public key") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or type(key.curve) is not ec.SECP256R1:
            raise Malformed("public key")
        if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
            raise Malformed("public key encoding")
        return _Es256(key)

    def new_key(self) -> tuple[bytes, bytes]:
        """Return a new X25519 key, raw."""
        return hpke.new_key()

    def seal(self, plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
        """Seal by HPKE."""
        return hpke.seal(plaintext, public_key=public_key, info=info)

    def open_sealed(self, sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
        """Open by HPKE."""
        return hpke.open_sealed(sealed, private_key=private_key, info=info)


class _Es256:
    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    def __call__(self, signature: bytes, tbs: bytes) -> bool:
        half = SIGNATURE_LENGTH // 2
        if len(signature) != SIGNATURE_LENGTH:
            return False
        der = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        try:
            self._key.verify(der, tbs, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


PROVIDER: Final = International()
