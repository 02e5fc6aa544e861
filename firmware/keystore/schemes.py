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

from firmware.core.suite import GM, INTERNATIONAL, Suite
from firmware.keystore import file_key, sm2_file, token_key
from firmware.keystore.errors import KeyUnfit, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from firmware.core.cose import Signer


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one kind of key can do; each function takes the URI without its scheme, and the base directory. ``create`` is by suite."""

    create: Mapping[Suite, Callable[[str, Path], Signer]]
    open: Callable[[str, Path], Signer]
    tls_path: Callable[[str, Path], Path]
    exists: Callable[[str, Path], bool]
    retire: Callable[[str, Path], int]


SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        "file": Scheme(
            {INTERNATIONAL: file_key.create, GM: sm2_file.create}, file_key.open_key, file_key.tls_path, file_key.exists, file_key.retire
        ),
        "pkcs11": Scheme({INTERNATIONAL: token_key.create}, token_key.open_key, token_key.tls_path, token_key.exists, token_key.retire),
    },
)


def _split(uri: str) -> tuple[Scheme, str]:
    name, colon, rest = uri.partition(":")
    scheme = SCHEMES.get(name) if colon else None
    if scheme is None:
        raise UnknownScheme(f"key URI must begin with one of: {', '.join(f'{known}:' for known in SCHEMES)}")
    return scheme, rest


def create_key(uri: str, base: Path, suite: Suite = INTERNATIONAL) -> Signer:
    """Generate the key named by ``uri`` on this device; never overwrites. ``KeystoreError``, ``KeyUnfit`` for no such suite there."""
    scheme, rest = _split(uri)
    if suite not in scheme.create:
        raise KeyUnfit(f"a key of the {suite.name} suite cannot be made there; use a file: URI")
    return scheme.create[suite](rest, base)


def open_signer(uri: str, base: Path) -> Signer:
    """Open the key named by ``uri``; raises ``KeystoreError`` when it is missing, unsafe or unfit."""
    scheme, rest = _split(uri)
    return scheme.open(rest, base)


def tls_key_path(uri: str, base: Path) -> Path:
    """Return a PEM path :mod:`ssl` can load the key from; raises as :func:`open_signer`."""
    scheme, rest = _split(uri)
    return scheme.tls_path(rest, base)


def has_key(uri: str, base: Path) -> bool:
    """Return whether there is a key that :func:`open_signer` would open; it may still be unfit. Raises ``KeystoreError``."""
    scheme, rest = _split(uri)
    return scheme.exists(rest, base)


def retire_keys(uri: str, base: Path) -> int:
    """Destroy what the key of ``uri`` under ``base`` has replaced and its place still keeps; returns how many. Raises ``KeystoreError``."""
    scheme, rest = _split(uri)
    return scheme.retire(rest, base)
