# SPDX-License-Identifier: Apache-2.0
"""Which of a token's keys is the one in use: a small file in the state directory, beside where a ``file:`` key would lie.

A token keeps keys by name and id, and after a renewal it holds two of one name for a while. The file ``keys/NAME.ref`` says which one
counts, and what its public half is. It is installed together with the certificates (:mod:`firmware.runtime.installation`), so that keys
and certificates change in one step, and a token put in the other's place is noticed. It holds nothing secret; who may write it is
guarded like a key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware.keystore import files
from firmware.keystore.errors import KeyMissing, KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeyRef:
    """``id`` is the key's CKA_ID, ``spki`` its DER SubjectPublicKeyInfo."""

    id: bytes
    spki: bytes


def place(name: str, base: Path) -> Path:
    """Return where the reference of the key ``name`` lies under ``base``."""
    return files.place(f"keys/{name}.ref", base)


def write(name: str, base: Path, ref: KeyRef) -> None:
    """Write it durably; raises ``KeyExists``, ``KeyUnsafe``."""
    files.write_secret(place(name, base), json.dumps({"id": ref.id.hex(), "spki": ref.spki.hex()}).encode())


def read(name: str, base: Path) -> KeyRef:
    """Return it; raises ``KeyMissing``, ``KeyUnsafe``, ``KeyUnfit``."""
    try:
        found = json.loads(files.read_secret(place(name, base)))
        return KeyRef(bytes.fromhex(found["id"]), bytes.fromhex(found["spki"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeyUnfit(f"{name}.ref is damaged") from None


def find(name: str, base: Path) -> KeyRef | None:
    """Return it, or ``None`` when there is none; raises ``KeyUnsafe``, ``KeyUnfit``."""
    try:
        return read(name, base) if base.is_dir() else None
    except KeyMissing:
        return None
