# SPDX-License-Identifier: Apache-2.0
"""From the blocks of a card to a Holder and a Portrait. Runs in the terminal's process; here identity values are born.

Rules
* Only fields of the minimisation list go on (DS-04). Sex becomes one flag; sex and ethnicity go on as codes only when the policy pack
  in force says that it needs them (``keep``).
* The current address is the latest appended one, if the card has any. The name of a foreigner's card is the English one, which every such
  card has; the Chinese one stands in only where it is empty.
* Numbers and dates are handed on as they stand: whether check character, birth and validity are right is for ``firmware.core`` to say.
  Refused is only what is no text, no layout we know, no photo block, or a field that no card leaves empty.
"""

from __future__ import annotations

from typing import Final

from hal.document import LONG_TERM, Holder, Portrait, PortraitProvenance, Provenance, number_is_male
from hal.id_reader.codes import sex_is_male
from hal.id_reader.errors import BlockRefused
from hal.id_reader.layouts import LONG_TERM_MARK, Layout, field_text, latest_address, layout_of
from hal.id_reader.photo import PHOTO_MEDIA_TYPE, check_photo
from hal.minting import mint_holder, mint_portrait

KEEPABLE: Final = frozenset({"sex", "ethnicity"})
"""Fields that leave the reader only on a policy pack's demand."""
NOTHING: Final[frozenset[str]] = frozenset()


def to_holder(text: bytes, photo: bytes, appended: bytes | None, *, keep: frozenset[str] = NOTHING) -> tuple[Holder, Portrait]:
    """Return what the card says: ``text`` 256 bytes, ``photo`` 1,024, ``appended`` n×70 (n 1..4) or none.

    ``keep`` names what of :data:`KEEPABLE` goes on as a code (GB/T 2261.1, GB/T 3304); ``ValueError`` for any other name. Raises
    :class:`~hal.id_reader.errors.UnknownDocument` and :class:`~hal.id_reader.errors.BlockRefused`, never with a field's content.
    """
    if not keep <= KEEPABLE:
        raise ValueError(f"a pack may ask for {', '.join(sorted(KEEPABLE))}")
    layout = layout_of(text)
    fields = _fields(layout, text, latest_address(appended))
    portrait = mint_portrait(image=check_photo(photo), media_type=PHOTO_MEDIA_TYPE, provenance=PortraitProvenance.CHIP)
    return _holder(layout, fields, keep), portrait


def _fields(layout: Layout, block: bytes, moved_to: str | None) -> dict[str, str]:
    """Return every field of the layout by its name; :class:`BlockRefused` ``empty`` for one that no card leaves empty."""
    names = ("name", "number", "birth", "sex", "ethnicity", "address", "issuer", "valid_from", "valid_to", "nationality")
    fields = {name: field_text(block, getattr(layout, name), name) for name in names}
    fields["name"] = fields["name"] or field_text(block, layout.other_name, "name")
    fields["address"] = moved_to or fields["address"]
    for name in layout.always:
        if not fields[name]:
            raise BlockRefused("the card leaves out what every card tells", field=name, reason="empty")
    return fields


def _holder(layout: Layout, fields: dict[str, str], keep: frozenset[str]) -> Holder:
    sex, male = sex_is_male(fields["sex"]), number_is_male(fields["number"]) if layout.citizen_number else None
    return mint_holder(
        kind=layout.kind,
        name=fields["name"],
        number=fields["number"],
        address=fields["address"],
        birth=fields["birth"],
        issuer=fields["issuer"],
        valid_from=fields["valid_from"],
        valid_to=LONG_TERM if fields["valid_to"] == LONG_TERM_MARK else fields["valid_to"],
        nationality=fields["nationality"] or None,
        provenance=Provenance.CHIP,
        sex_agrees=None if sex is None or male is None else sex == male,
        extras=tuple((name, fields[name]) for name in sorted(keep) if fields[name]),
    )
