# SPDX-License-Identifier: Apache-2.0
"""The 国密 suite's provider: SM2 signatures, and things sealed by SM2 key transport and SM4-GCM (``messages.cddl``: sealed-gm).

Sealing, as GB/T 35276 and GM/T 0010 envelope data: a random SM4 key and nonce, used once, are encrypted to the receiver's SM2 key; they
encrypt the content under GCM, whose associated data is the info. The public half of a key travels as its point, 04 || x || y; a private
half to open with is PKCS#8. Curve by :mod:`firmware.keystore.sm2`, SM4 by ``cryptography``.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware.core import cbor, claims
from firmware.core.errors import CannotOpen, Malformed
from firmware.core.suite import GM, Suite, Verifier
from firmware.keystore import sm2

KEY_BYTES: Final = 16
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class Gm:
    """See :class:`firmware.core.suite.Provider`."""

    suite: Final[Suite] = GM

    def verifier(self, spki: bytes) -> Verifier:
        """Return the verifier of an SM2 key; ``Malformed`` for any other, and where the platform has no SM2."""
        try:
            return sm2.PublicKey.from_spki(spki).verify
        except sm2.Sm2Refused as refused:
            raise Malformed(f"public key: {refused}") from None

    def new_key(self) -> tuple[bytes, bytes]:
        """Return a new key: PKCS#8, and its point."""
        key = sm2.PrivateKey.generate()
        return key.pkcs8(), key.spki()[len(sm2.SPKI_HEAD) :]

    def seal(self, plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
        """Return the deterministic CBOR of [wrapped key and nonce, ciphertext || tag]; ``ValueError`` when the point is none."""
        secret = os.urandom(KEY_BYTES + NONCE_BYTES)
        try:
            wrapped = sm2.PublicKey.from_spki(sm2.SPKI_HEAD + public_key).wrap(secret)
        except sm2.Sm2Refused:
            raise ValueError("not a point of the SM2 curve") from None
        return cbor.encode([wrapped, sm4_seal(secret[:KEY_BYTES], secret[KEY_BYTES:], plaintext, info)])

    def open_sealed(self, sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
        """Return the plaintext; ``CannotOpen`` for another key, info or content."""
        try:
            wrapped, content = map(claims.octets, claims.array(cbor.decode(sealed), 2))
            secret = sm2.PrivateKey.from_pkcs8(private_key).unwrap(wrapped)
            if len(secret) != KEY_BYTES + NONCE_BYTES:
                raise CannotOpen("not sealed in this form")
            return sm4_open(secret[:KEY_BYTES], secret[KEY_BYTES:], content, info)
        except (Malformed, sm2.Sm2Refused, InvalidTag):
            raise CannotOpen("not sealed for this key and purpose") from None


def sm4_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return ciphertext || tag of SM4-GCM (GB/T 32907, GB/T 36624)."""
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(aad)
    return cipher.update(plaintext) + cipher.finalize() + cipher.tag


def sm4_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Return the plaintext of ciphertext || tag; ``InvalidTag`` when anything differs."""
    if len(sealed) < TAG_BYTES:
        raise InvalidTag
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
    cipher.authenticate_additional_data(aad)
    return cipher.update(sealed[:-TAG_BYTES]) + cipher.finalize()


PROVIDER: Final = Gm()
