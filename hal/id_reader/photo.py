# SPDX-License-Identifier: Apache-2.0
"""The photograph on the chip: 1,024 bytes of WLT, opaque. Pure.

Decides only whether a block looks like one. It is never decoded here: no open decoder is known, every published one is a closed binary,
some licensed to one SAM id. Bytes are handed on unchanged; :mod:`hal.portrait` is the seam for a decoder somebody owns.

Clause: facts id_reader §3.7 (header, high confidence).
"""

from __future__ import annotations

from typing import Final

from hal.id_reader.errors import BlockRefused
from hal.id_reader.frames import PHOTO_LENGTH

PHOTO_HEADER: Final = bytes.fromhex("574c66007e00320000ff85")
"""Start of every WLT picture: "WL", 102 wide, 126 high …"""
PHOTO_MEDIA_TYPE: Final = "image/x-wlt"


def check_photo(block: bytes) -> bytes:
    """Return ``block`` when it looks like a photograph; :class:`~hal.id_reader.errors.BlockRefused` otherwise."""
    if len(block) != PHOTO_LENGTH:
        raise BlockRefused("photo block of the wrong size", block="photo", length=len(block))
    if not block.startswith(PHOTO_HEADER):
        raise BlockRefused("this is no photo", block="photo", reason="header")
    return block
