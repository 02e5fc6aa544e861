# SPDX-License-Identifier: Apache-2.0
"""Personal items at rest: one random key per session, that key wrapped by the store key (DS-10).

The length of a key decides its cipher, and a session's key is as long as the store key: 32 bytes AES-256-GCM, 16 bytes SM4-GCM (the suites
of ADR 0011). Nothing stored says which.

Pictures of faces and papers lie in a drawer of their own (:class:`Drawer`): other tables, another key per session, and that key wrapped by
one derived from the store key for nothing else. Who holds what opens the texts cannot open a picture with it.

Sealed form: nonce (12 bytes) || ciphertext || tag (16 bytes). The associated data names the purpose, the session and the item, so
nothing sealed opens in another place. Nonces are random: a session seals a handful of items, the store key one key per session.
This module keeps no key; whoever deletes the wrapped key has erased the items.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

AES_KEY_BYTES = 32
SM4_KEY_BYTES = 16
NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_CHECK = b"rnt/journal/store-key/1"


@dataclass(frozen=True, slots=True)
class Drawer:
    """Where items of one sort lie. ``label`` is in the associated data of all that is sealed in it; ``derived``: under a key of its own."""

    keys: str
    """Table of the wrapped session keys."""
    items: str
    """Table of the sealed items."""
    label: bytes
    derived: bool

    def wrapping_key(self, store_key: bytes) -> bytes:
        """Return what wraps the session keys of this drawer."""
        if not self.derived:
            return store_key
        return HKDF(SHA256(), len(store_key), salt=None, info=b"rnt/journal/wrap/1|" + self.label).derive(store_key)


TEXTS: Final = Drawer("session_key", "item", b"", derived=False)
BIOMETRIC: Final = Drawer("biometric_key", "biometric", b"biometric-", derived=True)
DRAWERS: Final = (TEXTS, BIOMETRIC)


class Unsealable(Exception):
    """The sealed bytes, the key and the place do not belong together. Never says which."""


def _seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    cipher = Cipher(_algorithm(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(place)
    return nonce + cipher.update(plain) + cipher.finalize() + cipher.tag


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes:
    if len(sealed) < NONCE_BYTES + _TAG_BYTES:
        raise Unsealable
    try:
        cipher = Cipher(_algorithm(key), modes.GCM(sealed[:NONCE_BYTES], sealed[-_TAG_BYTES:])).decryptor()
        cipher.authenticate_additional_data(place)
        return cipher.update(sealed[NONCE_BYTES:-_TAG_BYTES]) + cipher.finalize()
    except InvalidTag:
        raise Unsealable from None


def check_store_key(store_key: bytes) -> None:
    """Raise ``ValueError`` unless a store key has the length of one of the ciphers."""
    if len(store_key) not in {AES_KEY_BYTES, SM4_KEY_BYTES}:
        raise ValueError(f"store key must be {AES_KEY_BYTES} or {SM4_KEY_BYTES} bytes")


def _algorithm(key: bytes) -> CipherAlgorithm:
    """Return the cipher of a key; ``ValueError`` for a key of another length."""
    return algorithms.SM4(key) if len(key) == SM4_KEY_BYTES else algorithms.AES256(key)


def _key_place(drawer: Drawer, session: bytes) -> bytes:
    return b"rnt/journal/" + drawer.label + b"key/1|" + session


def _item_place(drawer: Drawer, session: bytes, name: str) -> bytes:
    return b"rnt/journal/" + drawer.label + b"item/1|" + session + b"|" + name.encode()


def new_session_key(store_key: bytes, session: bytes, drawer: Drawer = TEXTS) -> bytes:
    """Return a fresh session key, wrapped."""
    return _seal(drawer.wrapping_key(store_key), os.urandom(len(store_key)), _key_place(drawer, session))


def seal_item(store_key: bytes, wrapped: bytes, session: bytes, name: str, plain: bytes, drawer: Drawer = TEXTS) -> bytes:
    """Seal one item under the wrapped session key; raises :class:`Unsealable` when the key does not unwrap."""
    return _seal(_unwrap(store_key, wrapped, session, drawer), plain, _item_place(drawer, session, name))


def open_item(store_key: bytes, wrapped: bytes, session: bytes, name: str, sealed: bytes, drawer: Drawer = TEXTS) -> bytes:
    """Return what :func:`seal_item` was given; raises :class:`Unsealable` for anything else."""
    return _open(_unwrap(store_key, wrapped, session, drawer), sealed, _item_place(drawer, session, name))


def _unwrap(store_key: bytes, wrapped: bytes, session: bytes, drawer: Drawer) -> bytes:
    return _open(drawer.wrapping_key(store_key), wrapped, _key_place(drawer, session))


def new_key_check(store_key: bytes) -> bytes:
    """Return bytes by which :func:`is_store_key` knows this store key again."""
    return _seal(store_key, b"", _KEY_CHECK)


def is_store_key(store_key: bytes, key_check: bytes) -> bool:
    """Tell whether ``store_key`` is the one that made ``key_check``."""
    try:
        _open(store_key, key_check, _KEY_CHECK)
    except Unsealable:
        return False
    return True
