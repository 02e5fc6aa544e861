# SPDX-License-Identifier: Apache-2.0
"""The store key: 32 random bytes in a file of mode 0600, under which the journal wraps its session keys.

Removing the file makes every sealed item of this terminal unreadable for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from firmware.keystore import files
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path

STORE_KEY_BYTES: Final = 32


def create_store_key(path: Path) -> bytes:
    """Make, store and return a new store key; raises :class:`KeyExists`, :class:`KeyUnsafe`."""
    key = os.urandom(STORE_KEY_BYTES)
    files.write_secret(path, key)
    return key


def load_store_key(path: Path) -> bytes:
    """Return the store key; raises :class:`KeyMissing`, :class:`KeyUnsafe`, :class:`KeyUnfit`."""
    key = files.read_secret(path)
    if len(key) != STORE_KEY_BYTES:
        raise KeyUnfit("store key has a wrong length")
    return key
