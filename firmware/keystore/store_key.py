# SPDX-License-Identifier: Apache-2.0
"""The store key: random bytes in a file of mode 0600, under which the journal wraps its session keys; its length is the suite's.

Removing the file makes every sealed item of this terminal unreadable for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from firmware.core.suite import INTERNATIONAL, SUITES, Suite
from firmware.keystore import files
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS: Final = frozenset(suite.store_key_length for suite in SUITES.values())


def create_store_key(path: Path, suite: Suite = INTERNATIONAL) -> bytes:
    """Make, store and return a new store key; raises :class:`KeyExists`, :class:`KeyUnsafe`."""
    key = os.urandom(suite.store_key_length)
    files.write_secret(path, key)
    return key


def load_store_key(path: Path) -> bytes:
    """Return the store key; raises :class:`KeyMissing`, :class:`KeyUnsafe`, :class:`KeyUnfit`."""
    key = files.read_secret(path)
    if len(key) not in LENGTHS:
        raise KeyUnfit("store key has a wrong length")
    return key
