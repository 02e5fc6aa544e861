# SPDX-License-Identifier: Apache-2.0
"""From the blocks of a card to a Holder and a Portrait. Runs in the terminal's process; here identity values are born.

Rules
* Only fields of the minimisation list go on (DS-04); sex becomes one flag.
* The current address is the latest appended one, if the card has any.
* Numbers and dates are handed on as they stand: whether check character, birth and validity are right is for ``firmware.core`` to say.
  Refused is only what is no text, no layout we know, or no photo block.
"""

from __future__ import annotations

from typing import Final

from hal.document import LONG_TERM, Holder, Portrait, PortraitProvenance, Provenance, number_is_male
from hal.id_reader.errors import BlockRefused
from hal.id_reader.frames import PHOTO_LENGTH
from hal.id_reader.layouts import LONG_TERM_MARK, Layout, field_text, latest_address, layout_of
from hal.minting import mint_holder, mint_portrait

PHOTO_HEADER: Final = bytes.fromhex("574c66007e00320000ff85")
"""Start of every WLT picture: "WL", 102 wide, 126 high (facts: id_reader §3.7). The rest is opaque: no open decoder exists."""
PHOTO_MEDIA_TYPE: Final = "image/x-wlt"
_SEXES: Final = {"1": True, "2": False}
"""GB/T 2261.1: 1 male, 2 female; 0 and 9 tell nothing."""


def to_holder(text: bytes, photo: bytes, appended: bytes | None) -> tuple[Holder, Portrait]:
    """Return what the card says: ``text`` 256 bytes, ``photo`` 1,024, ``appended`` n×70 (n 1..4) or none.

    Raises :class:`~hal.id_reader.errors.UnknownDocument` and :class:`~hal.id_reader.errors.BlockRefused`, never with a field's content.
    """
    layout = layout_of(text)
    holder = _holder(layout, text, latest_address(appended))
    return holder, _portrait(photo)


def _holder(layout: Layout, block: bytes, moved_to: str | None) -> Holder:
    number = field_text(block, layout.number, "number")
    name = field_text(block, layout.name, "name") or field_text(block, layout.other_name, "name")
    if not name or not number:
        raise BlockRefused("the card names nobody", field="name" if not name else "number", reason="empty")
    valid_to = field_text(block, layout.valid_to, "valid_to")
    sex = _SEXES.get(field_text(block, layout.sex, "sex"))
    male = number_is_male(number) if layout.citizen_number else None
    return mint_holder(
        kind=layout.kind,
        name=name,
        number=number,
        address=moved_to or field_text(block, layout.address, "address"),
        birth=field_text(block, layout.birth, "birth"),
        issuer=field_text(block, layout.issuer, "issuer"),
        valid_from=field_text(block, layout.valid_from, "valid_from"),
        valid_to=LONG_TERM if valid_to == LONG_TERM_MARK else valid_to,
        nationality=field_text(block, layout.nationality, "nationality") or None,
        provenance=Provenance.CHIP,
        sex_agrees=None if sex is None or male is None else sex == male,
    )


def _portrait(photo: bytes) -> Portrait:
    if len(photo) != PHOTO_LENGTH:
        raise BlockRefused("photo block of the wrong size", block="photo", length=len(photo))
    if not photo.startswith(PHOTO_HEADER):
        raise BlockRefused("this is no photo", block="photo", reason="header")
    return mint_portrait(image=photo, media_type=PHOTO_MEDIA_TYPE, provenance=PortraitProvenance.CHIP)
