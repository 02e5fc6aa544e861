# SPDX-License-Identifier: Apache-2.0
"""The SAM's identity: 16 bytes, and the text printed on the reader. Compare the bytes; the text is for people."""

from __future__ import annotations

import struct
from typing import Final

SAM_ID_LENGTH: Final = 16


def sam_id_text(raw: bytes) -> str:
    """Return ``05.01-20101129-0001228293-0296863149`` for the 16 little-endian bytes (u16 u16 u32 u32 u32); ``ValueError`` otherwise."""
    if len(raw) != SAM_ID_LENGTH:
        raise ValueError("a SAM id has 16 bytes")
    kind, version, date, serial, check = struct.unpack("<HHIII", raw)
    return f"{kind:02d}.{version:02d}-{date:08d}-{serial:010d}-{check:010d}"
