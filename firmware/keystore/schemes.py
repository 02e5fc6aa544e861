# SPDX-License-Identifier: Apache-2.0
"""From a key URI to the module that keeps the key. A new kind of key is one module and one row of :data:`SCHEMES`.

``file:keys/record.pem`` is a path relative to the base directory (an absolute one must lie inside it).
``pkcs11:token=…;object=…?module-path=…&pin-source=…`` is a key on a token (:mod:`firmware.keystore.token_uri`); the base directory holds
the reference that says which of the token's keys it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from firmware.core.keyring import key_id
from firmware.core.suite import GM, INTERNATIONAL, Suite
from firmware.keystore import file_key, sm2_file, token_key
from firmware.keystore.errors import KeyUnfit, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from firmware.core.cose import Signer
    from firmware.keystore.sealed import Seal


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one kind of key can do; each function takes the URI without its scheme, and the base directory. ``create`` is by suite."""

    create: Mapping[Suite, Callable[[str, Path, Seal | None], Signer]]
    open: Callable[[str, Path, Seal | None], Signer]
    public: Callable[[str, Path], tuple[bytes, str]]
    tls_file: Callable[[str, Path, Seal | None], AbstractContextManager[Path]]
    exists: Callable[[str, Path], bool]
    retire: Callable[[str, Path], int]


SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        "file": Scheme(
            {INTERNATIONAL: file_key.create, GM: sm2_file.create},
            file_key.open_key,
            file_key.public,
            file_key.tls_file,
            file_key.exists,
            file_key.retire,
        ),
        "pkcs11": Scheme(
            {INTERNATIONAL: token_key.create},
            token_key.open_key,
            token_key.public,
            token_key.tls_file,
            token_key.exists,
            token_key.retire,
        ),
    },
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Which key it is: DER SubjectPublicKeyInfo and where the private half lives."""

    spki: bytes
    protection: str

    @property
    def kid(self) -> bytes:
        """First 16 bytes of the key's SHA-256."""
        return key_id(self.spki)


def _split(uri: str) -> tuple[Scheme, str]:
    name, colon, rest = uri.partition(":")
    scheme = SCHEMES.get(name) if colon else None
    if scheme is None:
        raise UnknownScheme(f"key URI must begin with one of: {', '.join(f'{known}:' for known in SCHEMES)}")
    return scheme, rest


def create_key(uri: str, base: Path, suite: Suite = INTERNATIONAL, seal: Seal | None = None) -> Signer:
    """Generate the key named by ``uri`` on this device; never overwrites. ``KeystoreError``, ``KeyUnfit`` for no such suite there.

    A key in a file is sealed by ``seal``; a token needs none.
    """
    scheme, rest = _split(uri)
    if suite not in scheme.create:
        raise KeyUnfit(f"a key of the {suite.name} suite cannot be made there; use a file: URI")
    return scheme.create[suite](rest, base, seal)


def open_signer(uri: str, base: Path, seal: Seal | None = None) -> Signer:
    """Open the key named by ``uri``; raises ``KeystoreError`` when it is missing, unsafe or unfit, or its seal does not open."""
    scheme, rest = _split(uri)
    return scheme.open(rest, base, seal)


def public_key(uri: str, base: Path) -> PublicKey:
    """Return which key ``uri`` names, without asking the controller that seals it; raises as :func:`open_signer`."""
    scheme, rest = _split(uri)
    return PublicKey(*scheme.public(rest, base))


def tls_key_file(uri: str, base: Path, seal: Seal | None = None) -> AbstractContextManager[Path]:
    """Return a context in which a PEM path can be loaded by :mod:`ssl`; entering raises as :func:`open_signer`."""
    scheme, rest = _split(uri)
    return scheme.tls_file(rest, base, seal)


def has_key(uri: str, base: Path) -> bool:
    """Return whether there is a key that :func:`open_signer` would open; it may still be unfit. Raises ``KeystoreError``."""
    scheme, rest = _split(uri)
    return scheme.exists(rest, base)


def retire_keys(uri: str, base: Path) -> int:
    """Destroy what the key of ``uri`` under ``base`` has replaced and its place still keeps; returns how many. Raises ``KeystoreError``."""
    scheme, rest = _split(uri)
    return scheme.retire(rest, base)
