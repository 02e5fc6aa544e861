# SPDX-License-Identifier: Apache-2.0
"""Device keys behind one :class:`Signer`, opened from one URI, and the store key of the journal."""

from __future__ import annotations

from firmware.core.cose import Signer
from firmware.keystore.csr import certificate_request, certified_sm2_key, requested_key
from firmware.keystore.errors import (
    KeyExists,
    KeyMissing,
    KeystoreError,
    KeyUnavailable,
    KeyUnfit,
    KeyUnsafe,
    KeyUriMalformed,
    PinLocked,
    PinRefused,
    SealBroken,
    SealedElsewhere,
    UnknownScheme,
)
from firmware.keystore.schemes import PublicKey, create_key, has_key, open_signer, public_key, retire_keys, tls_key_file
from firmware.keystore.sealed import Seal
from firmware.keystore.store_key import create_store_key, load_store_key, store_key_file, store_key_length
from firmware.keystore.suites import PROVIDERS, provider_for, provider_of, suite_of_store_key
from firmware.keystore.token_key import close as close_tokens

__all__ = [
    "PROVIDERS",
    "KeyExists",
    "KeyMissing",
    "KeyUnavailable",
    "KeyUnfit",
    "KeyUnsafe",
    "KeyUriMalformed",
    "KeystoreError",
    "PinLocked",
    "PinRefused",
    "PublicKey",
    "Seal",
    "SealBroken",
    "SealedElsewhere",
    "Signer",
    "UnknownScheme",
    "certificate_request",
    "certified_sm2_key",
    "close_tokens",
    "create_key",
    "create_store_key",
    "has_key",
    "load_store_key",
    "open_signer",
    "provider_for",
    "provider_of",
    "public_key",
    "requested_key",
    "retire_keys",
    "store_key_file",
    "store_key_length",
    "suite_of_store_key",
    "tls_key_file",
]
