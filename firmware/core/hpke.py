# SPDX-License-Identifier: Apache-2.0
"""HPKE (RFC 9180) as the messages use it: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, empty aad, enc || ciphertext.

Keys are raw 32-byte X25519 values. ``seal`` and ``new_key`` are the two functions of the core whose results are not decided by their
arguments: the library draws a key, as HPKE demands; no decision depends on it. Callers run them where effects run and journal the result.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from firmware.core.errors import CannotOpen

KEY_LENGTH: Final = 32
OVERHEAD: Final = 32 + 16
"""Encapsulated key and authentication tag."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def public_of(private_key: bytes) -> bytes:
    """Return the raw public half of a raw X25519 private key; ``ValueError`` when it has not 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def new_key() -> tuple[bytes, bytes]:
    """Return the raw halves of a new key, private and public."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal(plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
    """Return enc || ciphertext of ``plaintext``; ``ValueError`` when ``public_key`` is no usable X25519 key."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)


def open_sealed(sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
    """Return the plaintext; :class:`~firmware.core.errors.CannotOpen` for another key, info or content."""
    key = X25519PrivateKey.from_private_bytes(private_key)
    if len(sealed) < OVERHEAD:
        raise CannotOpen("too short")
    try:
        return _SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError):  # ValueError: an encapsulated key of low order
        raise CannotOpen("not sealed for this key and purpose") from None
