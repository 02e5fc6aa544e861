# SPDX-License-Identifier: Apache-2.0
"""The SAM's identity: 16 bytes, and the text printed on the reader. Compare the bytes; the text is for people."""

from __future__ import annotations

import re
import struct
from typing import Final

SAM_ID_LENGTH: Final = 16
_FIELDS: Final = "<HHIII"
_LABEL: Final = re.compile(r"([0-9]{2,5})\.([0-9]{2,5})-([0-9]{8,10})-([0-9]{10})-([0-9]{10})", re.ASCII)


def sam_id_text(raw: bytes) -> str:
    """Return ``05.01-20101129-0001228293-0296863149`` for the 16 little-endian bytes (u16 u16 u32 u32 u32); ``ValueError`` otherwise."""
    if len(raw) != SAM_ID_LENGTH:
        raise ValueError("a SAM id has 16 bytes")
    kind, version, date, serial, check = struct.unpack(_FIELDS, raw)
    return f"{kind:02d}.{version:02d}-{date:08d}-{serial:010d}-{check:010d}"


def sam_id_bytes(text: str) -> bytes:
    """Return the 16 bytes of a SAM id given as on the label (``05.01-20101129-…``) or as 32 hex digits; ``ValueError`` otherwise."""
    label = _LABEL.fullmatch(text)
    try:
        raw = struct.pack(_FIELDS, *map(int, label.groups())) if label else bytes.fromhex(text)
    except struct.error:
        raise ValueError("a number of the SAM id is too large") from None
    if len(raw) != SAM_ID_LENGTH or (not label and len(text) != 2 * SAM_ID_LENGTH):
        raise ValueError("a SAM id has 16 bytes")
    return raw
