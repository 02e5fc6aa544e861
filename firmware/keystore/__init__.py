# SPDX-License-Identifier: Apache-2.0
"""Device keys behind one :class:`Signer`, opened from one URI, and the store key of the journal."""

from __future__ import annotations

from firmware.core.cose import Signer
from firmware.keystore.csr import certificate_request
from firmware.keystore.errors import KeyExists, KeyMissing, KeystoreError, KeyUnfit, KeyUnsafe, UnknownScheme
from firmware.keystore.schemes import create_key, open_signer, tls_key_path
from firmware.keystore.store_key import create_store_key, load_store_key

__all__ = [
    "KeyExists",
    "KeyMissing",
    "KeyUnfit",
    "KeyUnsafe",
    "KeystoreError",
    "Signer",
    "UnknownScheme",
    "certificate_request",
    "create_key",
    "create_store_key",
    "load_store_key",
    "open_signer",
    "tls_key_path",
]
