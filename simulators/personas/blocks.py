# SPDX-License-Identifier: Apache-2.0
"""What the chip of a persona's card holds, byte for byte.

The 256-byte text block is UTF-16LE, padded with U+0020; the character at byte 248 tells the layout. Clause: card layouts of GA/T 490 as
published by several independent reader programs (facts: id_reader §3). Offsets and lengths are bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.personas.people import Persona

TEXT_SIZE, PHOTO_SIZE, ADDRESS_SIZE, ADDRESS_SLOTS = 256, 1024, 70, 4
TYPE_OFFSET = 248
PHOTO_HEADER = bytes.fromhex("574c66007e00320000ff85")
"""WLT: "WL", width 102, height 126 …"""

_RESIDENT = {
    "name": (0, 30),
    "sex": (30, 2),
    "ethnicity": (32, 4),
    "birth": (36, 16),
    "address": (52, 70),
    "number": (122, 36),
    "issuer": (158, 30),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
}
_PERMIT = {name: at for name, at in _RESIDENT.items() if name != "ethnicity"} | {"pass_number": (220, 18), "issue_count": (238, 4)}
_FOREIGN_2017 = {
    "english_name": (0, 120),
    "sex": (120, 2),
    "number": (122, 30),
    "nationality": (152, 6),
    "name": (158, 30),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
    "birth": (220, 16),
    "issuer": (240, 8),
}
_FOREIGN_2023 = {
    "name": (0, 30),
    "sex": (30, 2),
    "issue_count": (32, 4),
    "birth": (36, 16),
    "number": (122, 36),
    "valid_from": (188, 16),
    "valid_to": (204, 16),
    "nationality": (242, 6),
}
_LAYOUTS = {"J": _PERMIT, "I": _FOREIGN_2017, "Y": _FOREIGN_2023}


def text_block(persona: Persona) -> bytes:
    """Return the 256 bytes of the text block; a type character no layout has gets the resident fields."""
    block = bytearray(" ".encode("utf-16-le") * (TEXT_SIZE // 2))
    for name, (offset, size) in _LAYOUTS.get(persona.layout, _RESIDENT).items():
        _put(block, offset, size, getattr(persona, name))
    if persona.layout == "Y":
        _put(block, 52, 70, persona.english_name[:35])
        _put(block, 220, 22, persona.english_name[35:46])
    _put(block, TYPE_OFFSET, 2, persona.layout)
    return bytes(block)


def photo_block(persona: Persona) -> bytes:
    """Return 1,024 bytes with the right header and noise of the persona's own behind it: no decoder is known, so nothing is drawn."""
    noise = hashlib.shake_256(b"portrait/" + persona.key.encode()).digest(PHOTO_SIZE - len(PHOTO_HEADER))
    return PHOTO_HEADER + noise


def appended_block(persona: Persona) -> bytes:
    """Return one 70-byte slot for each address change, none for none."""
    block = bytearray()
    for address in persona.appended[-ADDRESS_SLOTS:]:
        slot = bytearray(" ".encode("utf-16-le") * (ADDRESS_SIZE // 2))
        _put(slot, 0, ADDRESS_SIZE, address)
        block += slot
    return bytes(block)


def _put(block: bytearray, offset: int, size: int, text: str) -> None:
    data = text.encode("utf-16-le", "surrogatepass")
    if len(data) > size:
        raise ValueError(f"{len(data)} bytes do not fit the {size} bytes at {offset}")
    block[offset : offset + len(data)] = data
