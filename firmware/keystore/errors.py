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


class KeyUriMalformed(KeystoreError):
    """The key URI does not say what this software needs, or says what it must not. Correct the configuration."""


class SealBroken(KeystoreError):
    """The controller was tampered with and has destroyed its secret: what it sealed is gone for ever."""


class SealedElsewhere(KeystoreError):
    """The connected controller is not the one that sealed the key, or has no secret. Connect that one, or provision anew."""


class KeyUnavailable(KeystoreError):
    """The token or controller does not answer now. Nothing was signed; ask again later. ``why`` is one word for programs."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(text)
        self.why = why


class PinRefused(KeystoreError):
    """The token did not take the PIN, or has counted a wrong one. It is not tried again until a person has put that right."""


class PinLocked(PinRefused):
    """The token takes no PIN now. A TPM takes it again when its recovery time is over; another token's security officer must unlock it."""
