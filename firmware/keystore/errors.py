# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a key. No message, attribute or cause carries key bytes; a caller's mistake is a ``ValueError``."""

from __future__ import annotations


class KeystoreError(Exception):
    """Root of everything the keystore lets out."""


class UnknownScheme(KeystoreError):
    """The key URI names no scheme of this software. Correct the configuration."""


class KeyMissing(KeystoreError):
    """There is no key at that place. Provision the terminal."""


class KeyExists(KeystoreError):
    """A key stands there already, and is never overwritten."""


class KeyUnsafe(KeystoreError):
    """The key's place is not safe: others can read or replace it, or it lies outside the base directory. Provision anew."""


class KeyUnfit(KeystoreError):
    """What stands there is not a key of the kind that is needed."""
