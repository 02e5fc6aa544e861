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
    UnknownScheme,
)
from firmware.keystore.schemes import create_key, has_key, open_signer, retire_keys, tls_key_path
from firmware.keystore.store_key import create_store_key, load_store_key
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
    "requested_key",
    "retire_keys",
    "suite_of_store_key",
    "tls_key_path",
]
