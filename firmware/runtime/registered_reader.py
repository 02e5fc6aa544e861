# SPDX-License-Identifier: Apache-2.0
"""Which ID reader this terminal was provisioned with: one small file beside the trust list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.id_reader.sam_id import sam_id_bytes

if TYPE_CHECKING:
    from pathlib import Path

SAM_ID = "trust/sam-id"
"""The SAM id of the one reader this terminal works with, 32 hex digits."""


def registered_sam_id(state_dir: Path) -> bytes:
    """Return the 16 bytes of the registered reader's SAM id; none when there is none. Raises ``ValueError`` for a damaged file."""
    try:
        text = (state_dir / SAM_ID).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return b""
    return sam_id_bytes(text)


def sam_file(sam_id: str) -> dict[str, bytes]:
    """Return the file, for installation, that registers the reader with this SAM id (hex)."""
    return {SAM_ID: sam_id_bytes(sam_id).hex().encode() + b"\n"}
