# SPDX-License-Identifier: Apache-2.0
"""Which software runs here: one digest over the installed files of the shipped packages, as named in every record (``record[267]``)."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGES = ("firmware", "hal")
ROOT = Path(__file__).resolve().parents[2]


def software_digest(root: Path = ROOT) -> bytes:
    """Return the SHA-256 over path and SHA-256 of every source file of the shipped packages, by path. Raises ``OSError``."""
    whole = hashlib.sha256()
    for path in sorted(p for package in PACKAGES for p in (root / package).rglob("*.py")):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.digest()
