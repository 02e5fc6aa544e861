# SPDX-License-Identifier: Apache-2.0
"""Personal items at rest: AES-256-GCM, one random key per session, that key wrapped by the store key (DS-10).

Sealed form: nonce (12 bytes) || ciphertext || tag (16 bytes). The associated data names the purpose, the session and the item, so
nothing sealed opens in another place. Nonces are random: a session seals a handful of items, the store key one key per session.
This module keeps no key; whoever deletes the wrapped key has erased the items.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_CHECK = b"rnt/journal/store-key/1"


class Unsealable(Exception):
    """The sealed bytes, the key and the place do not belong together. Never says which."""


def _seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes:
    if len(sealed) < NONCE_BYTES + _TAG_BYTES:
        raise Unsealable
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except InvalidTag:
        raise Unsealable from None


def _key_place(session: bytes) -> bytes:
    return b"rnt/journal/key/1|" + session


def _item_place(session: bytes, name: str) -> bytes:
    return b"rnt/journal/item/1|" + session + b"|" + name.encode()


def new_session_key(store_key: bytes, session: bytes) -> bytes:
    """Return a fresh session key, wrapped."""
    return _seal(store_key, os.urandom(KEY_BYTES), _key_place(session))


def seal_item(store_key: bytes, wrapped: bytes, session: bytes, name: str, plain: bytes) -> bytes:
    """Seal one item under the wrapped session key; raises :class:`Unsealable` when the key does not unwrap."""
    return _seal(_open(store_key, wrapped, _key_place(session)), plain, _item_place(session, name))


def open_item(store_key: bytes, wrapped: bytes, session: bytes, name: str, sealed: bytes) -> bytes:
    """Return what :func:`seal_item` was given; raises :class:`Unsealable` for anything else."""
    return _open(_open(store_key, wrapped, _key_place(session)), sealed, _item_place(session, name))


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
