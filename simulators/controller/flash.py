# SPDX-License-Identifier: Apache-2.0
"""NOR flash of the controller: erasing sets bits, programming only clears them, and either can be torn by a power cut.

Decides nothing of what the bytes mean, but for :func:`secret_page`, which lays out the three start states as the factory would leave them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 4096
BLOCKS = 2
PAGE = 256


def secret_page(state: str) -> bytes:
    """Return the 256-byte page for ``ready``, ``tampered`` or ``unprovisioned`` (controller README, "Secret page")."""
    if state == "unprovisioned":
        return b"\xff" * PAGE
    if state == "tampered":
        return bytes(PAGE)
    if state != "ready":
        raise ValueError(f"no such state: {state}")
    used = b"RNTS" + bytes(range(0x40, 0x60))
    return (used + zlib.crc32(used).to_bytes(4, "little")).ljust(PAGE, b"\xff")


class Flash:
    """The storage area: ``BLOCKS`` blocks. With a ``path`` it outlives the process."""

    def __init__(self, first_page: bytes, path: Path | None = None) -> None:
        self._path = path
        self._data = bytearray(b"\xff" * (BLOCK * BLOCKS))
        self._data[:PAGE] = first_page
        if path and path.exists():
            self._data[:] = path.read_bytes()
        self._save()

    def read(self, block: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes."""
        at = self._at(block, offset, length)
        return bytes(self._data[at : at + length])

    def erase(self, block: int, done: int = BLOCK) -> None:
        """Erase a block; a torn erase reaches only the first ``done`` bytes."""
        at = self._at(block, 0, BLOCK)
        self._data[at : at + done] = b"\xff" * done
        self._save()

    def program(self, block: int, offset: int, data: bytes, done: int | None = None) -> None:
        """Clear the bits that are 0 in ``data``; a torn program reaches only the first ``done`` bytes."""
        at = self._at(block, offset, len(data))
        for i, byte in enumerate(data[:done]):
            self._data[at + i] &= byte
        self._save()

    def _at(self, block: int, offset: int, length: int) -> int:
        at = block * BLOCK + offset
        if not 0 <= at <= at + length <= len(self._data):
            raise ValueError("outside the flash")
        return at

    def _save(self) -> None:
        if self._path:
            self._path.write_bytes(self._data)
