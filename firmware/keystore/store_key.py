# SPDX-License-Identifier: Apache-2.0
"""The store key: random bytes in a file of mode 0600, sealed by the controller where there is one; its length is the suite's.

The journal wraps its session keys under it.

Removing the file makes every sealed item of this terminal unreadable for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from firmware.core.suite import INTERNATIONAL, SUITES, Suite
from firmware.keystore import files, sealed
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.keystore.sealed import Seal

NAME: Final = "store.key"
LENGTHS: Final = frozenset(suite.store_key_length for suite in SUITES.values())


def create_store_key(path: Path, suite: Suite = INTERNATIONAL, seal: Seal | None = None) -> bytes:
    """Make, store (sealed by ``seal``) and return a new store key; raises :class:`KeyExists`, :class:`KeyUnsafe`, what the seal raises."""
    key = os.urandom(suite.store_key_length)
    files.write_secret(path, store_key_file(key, seal))
    return key


def store_key_file(key: bytes, seal: Seal | None) -> bytes:
    """Return what the file of the store key ``key`` holds."""
    return sealed.wrap(key, NAME, seal)


def load_store_key(path: Path, seal: Seal | None = None) -> bytes:
    """Return the store key; raises :class:`KeyMissing`, :class:`KeyUnsafe`, :class:`KeyUnfit`, what opening the seal raises."""
    key = sealed.unwrap(files.read_secret(path), NAME, seal)
    if len(key) not in LENGTHS:
        raise KeyUnfit("store key has a wrong length")
    return key


def store_key_length(path: Path) -> tuple[int, bool]:
    """Return how long the store key is and whether it is sealed, without opening it; raises :class:`KeyMissing` … as loading it does."""
    content = files.read_secret(path)
    length = sealed.plain_length(content, NAME)
    if length not in LENGTHS:
        raise KeyUnfit("store key has a wrong length")
    return length, sealed.is_sealed(content)
