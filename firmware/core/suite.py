# SPDX-License-Identifier: Apache-2.0
"""What a suite decides, and the two there are (ADR 0011): the international one and 国密 (``gm``).

| | international | gm |
|---|---|---|
| signature of messages, raw r || s | ES256: P-256, SHA-256 | SM2 with SM3, distinguishing id ``1234567812345678`` |
| digests of what is signed or sealed | SHA-256 | SM3 |
| sealing to a public key | HPKE, X25519 (:mod:`firmware.core.hpke`) | SM2 key transport, SM4-GCM (``messages.cddl``: sealed-gm) |
| items at rest, by the length of the store key | 32 bytes: AES-256-GCM | 16 bytes: SM4-GCM |

Rules
* A terminal has one suite, chosen when it is provisioned. From then on its record key decides; no message, claim or setting does.
* The algorithm in a signed header must be the one of the key that ``kid`` names. It never chooses, it is only compared.
* Names of public things stay SHA-256 in both: kid, texts, policy packs, software, a card in an event, the log and its tree.

This module is data and digests. What needs a curve is behind :class:`Provider`; the international one is in the core
(:mod:`firmware.core.international`), the other one stands on the platform's OpenSSL and is handed in (:mod:`firmware.keystore.suites`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.hashes import SM3, Hash

if TYPE_CHECKING:
    from collections.abc import Mapping

ES256: Final = -7
"""ECDSA with SHA-256 over P-256 (RFC 9053 §2.1)."""
SM2_SM3: Final = -65537
"""SM2 with SM3 (GB/T 32918.2). COSE registers no id for it; this one is of the range for private use (RFC 9053 §2)."""

Verifier = Callable[[bytes, bytes], bool]
"""Takes a raw signature of :data:`SIGNATURE_LENGTH` bytes and what was signed; tells whether they belong together."""
SIGNATURE_LENGTH: Final = 64
"""r || s, of either curve."""


def sha256(data: bytes) -> bytes:
    """Return the 32-byte digest of FIPS 180-4."""
    return hashlib.sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """Return the 32-byte digest of GB/T 32905."""
    state = Hash(SM3())
    state.update(data)
    return state.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """The facts of a suite; lengths in bytes."""

    name: str
    alg: int
    """COSE algorithm of its keys."""
    digest: Callable[[bytes], bytes] = field(repr=False)
    """32-byte digest."""
    sealing_key_length: int
    """Length of a public key that things are sealed to."""
    store_key_length: int
    """Length of the journal's store key, which decides how items lie at rest."""


INTERNATIONAL: Final = Suite("international", ES256, sha256, 32, 32)
GM: Final = Suite("gm", SM2_SM3, sm3, 65, 16)
SUITES: Final[Mapping[int, Suite]] = MappingProxyType({suite.alg: suite for suite in (INTERNATIONAL, GM)})
"""By COSE algorithm."""


class Provider(Protocol):
    """What of a suite needs its curve. Sealing draws random numbers, as it must; nothing the core decides depends on them."""

    @property
    def suite(self) -> Suite:
        """The suite this is of."""

    def verifier(self, spki: bytes) -> Verifier:
        """Return the verifier of a DER SubjectPublicKeyInfo; :class:`~firmware.core.errors.Malformed` when it is no key of the suite."""

    def new_key(self) -> tuple[bytes, bytes]:
        """Return a new key to be sealed to: private half in the provider's own form, public half as messages carry it."""

    def seal(self, plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
        """Return ``plaintext`` sealed to ``public_key`` and bound to ``info``; ``ValueError`` when that is no usable key."""

    def open_sealed(self, sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
        """Return the plaintext; :class:`~firmware.core.errors.CannotOpen` for another key, info or content."""
