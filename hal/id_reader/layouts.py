# SPDX-License-Identifier: Apache-2.0
"""The text block of the four card layouts, as tables: which bytes are which field.

A text block is 256 bytes of UTF-16LE, padded with U+0020; the character at byte 248 names the layout. A type that is not in the table is
refused, never guessed. Renewal counts, pass numbers and the rest are not in the tables at all: what is not named here cannot leave the
driver (DS-04). Sex is named to be compared with the number, ethnicity for a policy pack that needs it; both are dropped otherwise.

Clause: file layout of GA/T 490 as published by several independent reader programs (facts: id_reader §3.1–3.4; confidence high for
resident, ``J`` and ``I``, medium for ``Y``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hal.id_reader.errors import BlockRefused, UnknownDocument
from hal.id_reader.frames import ADDRESS_LENGTH, TEXT_LENGTH

TYPE_OFFSET: Final = 248
LONG_TERM_MARK: Final = "长期"
_PADDING: Final = " \0"
_ADDRESS_SLOTS: Final = 4
_NONCHARACTERS: Final = "".join(f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
_HOSTILE: Final = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufdd0-\\ufdef{_NONCHARACTERS}]")
"""What no name or address holds: C0, C1, line and order controls (UAX #9), noncharacters."""

Spans = tuple[tuple[int, int], ...]
"""(offset, length) in bytes; a long field may continue elsewhere."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: document kind and fields. A field the card does not have has no spans and reads as empty."""

    kind: str
    name: Spans
    number: Spans
    birth: Spans
    valid_from: Spans
    valid_to: Spans
    sex: Spans
    ethnicity: Spans = ()
    address: Spans = ()
    issuer: Spans = ()
    nationality: Spans = ()
    other_name: Spans = ()
    """Read when ``name`` is empty."""
    always: tuple[str, ...] = ("name", "number", "birth", "valid_from", "valid_to")
    """Fields without which the card says too little to be used."""
    citizen_number: bool = True
    """Whether the number is an 18-character one of GB 11643, whose 17th digit tells the sex."""


_CITIZEN: Final = ("name", "number", "birth", "address", "issuer", "valid_from", "valid_to")
_RESIDENT: Final = Layout(
    kind="D01",
    always=_CITIZEN,
    name=((0, 30),),
    sex=((30, 2),),
    ethnicity=((32, 4),),
    birth=((36, 16),),
    address=((52, 70),),
    number=((122, 36),),
    issuer=((158, 30),),
    valid_from=((188, 16),),
    valid_to=((204, 16),),
)

LAYOUTS: Final[dict[str, Layout]] = {
    " ": _RESIDENT,
    "J": Layout(
        kind="D08",
        always=_CITIZEN,
        name=((0, 30),),
        sex=((30, 2),),
        birth=((36, 16),),
        address=((52, 70),),
        number=((122, 36),),
        issuer=((158, 30),),
        valid_from=((188, 16),),
        valid_to=((204, 16),),
    ),
    "I": Layout(
        kind="D10",
        name=((0, 120),),
        other_name=((158, 30),),
        sex=((120, 2),),
        number=((122, 30),),
        nationality=((152, 6),),
        valid_from=((188, 16),),
        valid_to=((204, 16),),
        birth=((220, 16),),
        issuer=((240, 8),),
        citizen_number=False,
    ),
    "Y": Layout(
        kind="D10",
        name=((52, 70), (220, 22)),
        other_name=((0, 30),),
        sex=((30, 2),),
        birth=((36, 16),),
        number=((122, 36),),
        valid_from=((188, 16),),
        valid_to=((204, 16),),
        nationality=((242, 6),),
    ),
}
"""Type character → layout."""


def layout_of(block: bytes) -> Layout:
    """Return the layout of a text block; :class:`UnknownDocument` for a type no layout has, :class:`BlockRefused` for a wrong size."""
    if len(block) != TEXT_LENGTH:
        raise BlockRefused("text block of the wrong size", block="text", length=len(block))
    code = int.from_bytes(block[TYPE_OFFSET : TYPE_OFFSET + 2], "little")
    layout = LAYOUTS.get(chr(code))
    if layout is None:
        raise UnknownDocument("no layout for this card", type=code)
    return layout


def field_text(block: bytes, spans: Spans, name: str) -> str:
    """Return a field's text without its trailing padding.

    Spaces inside stay. Nothing is replaced: a lone surrogate, a control character or a noncharacter, and whatever changes the order or the
    line in which a text is shown, is :class:`BlockRefused` with the field's name. Rare characters (surrogate pairs, private use) come
    through unchanged.
    """
    data = b"".join(block[offset : offset + length] for offset, length in spans)
    try:
        text = data.decode("utf-16-le").rstrip(_PADDING)
    except UnicodeDecodeError:
        raise BlockRefused("a field is no text", field=name, reason="surrogate") from None  # the cause would quote the field
    if _HOSTILE.search(text):
        raise BlockRefused("a field holds control characters", field=name, reason="control")
    return text


def latest_address(appended: bytes | None) -> str | None:
    """Return the text of the latest non-empty 70-byte slot, the current address; ``None`` when there is none."""
    if not appended:
        return None
    slots, rest = divmod(len(appended), ADDRESS_LENGTH)
    if rest or slots > _ADDRESS_SLOTS:
        raise BlockRefused("appended addresses of the wrong size", block="appended", length=len(appended))
    texts = [field_text(appended, ((at * ADDRESS_LENGTH, ADDRESS_LENGTH),), "appended") for at in range(slots)]
    return next((text for text in reversed(texts) if text), None)
