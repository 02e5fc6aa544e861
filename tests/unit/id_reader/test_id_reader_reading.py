# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.document import LONG_TERM, PortraitProvenance
from hal.id_reader.codes import ETHNICITIES, ethnicity_name
from hal.id_reader.errors import BlockRefused, UnknownDocument
from hal.id_reader.photo import PHOTO_HEADER
from hal.id_reader.reading import to_holder

CARDS = json.loads((Path(__file__).parents[2] / "vectors/id_reader/cards.json").read_text())
PHOTO = PHOTO_HEADER + bytes(1024 - len(PHOTO_HEADER))
RESIDENT = bytes.fromhex(CARDS["cards"][0]["text"])


def with_field(offset: int, text: str, block: bytes = RESIDENT) -> bytes:
    data = text.encode("utf-16-le", "surrogatepass")
    return block[:offset] + data + block[offset + len(data) :]


UNITS = [
    unit.to_bytes(2, "little")
    for unit in (
        *range(0x20, 0x7F), *range(0x4E00, 0x4E40), *[0x20] * 32, *range(0xD840, 0xD84A), *range(0xDC00, 0xDC0A), *range(0xE000, 0xE010),
        0, 9, 10, 13, 0x85, 0xA0, 0xB7, 0x200B, 0x200D, 0x200E, 0x2028, 0x202E, 0x2066, 0x3000, 0x3402, 0x7F, 0xD800, 0xDBFF, 0xDFFE,
        0xDFFF, 0xFDD0, 0xFEFF, 0xFFFE, 0xFFFF, 0x301, 0x0F40, 0x0671, 0xAC00, 0xFF10,
    )
]  # fmt: skip
"""256 code units: what cards hold, and what a hostile one might."""


@pytest.mark.parametrize("card", CARDS["cards"], ids=lambda card: card["name"])
def test_card_vector_is_read_field_by_field(card: dict[str, Any]) -> None:
    holder, portrait = to_holder(bytes.fromhex(card["text"]), PHOTO, bytes.fromhex(card["appended"]) if card["appended"] else None)
    told = {field.name: getattr(holder, field.name) for field in dataclasses.fields(holder)}
    assert told == card["holder"] | {"provenance": "chip", "extras": ()}
    assert (portrait.image, portrait.media_type, portrait.provenance) == (PHOTO, "image/x-wlt", PortraitProvenance.CHIP)


def test_photo_header_vector_is_the_drivers() -> None:
    assert bytes.fromhex(CARDS["photo_header"]) == PHOTO_HEADER


def test_holder_says_what_stands_there_even_when_it_is_wrong() -> None:
    block = with_field(122, "990101199003070019", with_field(188, "20209999"))
    holder, _ = to_holder(block, PHOTO, None)
    assert (holder.number, holder.valid_from) == ("990101199003070019", "20209999")


@pytest.mark.parametrize(("sex", "agrees"), [("1", True), ("2", False), ("0", None), ("9", None), (" ", None)])
def test_sex_is_told_only_as_agreeing_with_the_number(sex: str, agrees: bool | None) -> None:  # noqa: FBT001  # a table's column
    assert to_holder(with_field(30, sex), PHOTO, None)[0].sex_agrees is agrees


@pytest.mark.clause("DS-04", "JX-44a")
@pytest.mark.parametrize(
    ("code", "name"), [("01", "汉"), ("56", "基诺"), ("97", "其他"), ("98", "外国血统中国籍人士"), ("57", None), ("00", None)]
)
def test_ethnicity_leaves_the_reader_only_for_a_pack_that_needs_it(code: str, name: str | None) -> None:
    block = with_field(32, code)
    assert to_holder(block, PHOTO, None)[0].extras == ()
    assert to_holder(block, PHOTO, None, keep=frozenset({"sex"}))[0].extras == (("sex", "1"),)
    assert to_holder(block, PHOTO, None, keep=frozenset({"sex", "ethnicity"}))[0].extras == (("ethnicity", code), ("sex", "1"))
    assert ethnicity_name(code) == name


def test_ethnicities_are_the_fifty_six_and_two_more() -> None:
    assert len(ETHNICITIES) == 58
    assert [ETHNICITIES[code] for code in ("05", "11", "36", "46", "55")] == ["维吾尔", "满", "毛南", "德昂", "珞巴"]


def test_pack_cannot_ask_for_what_no_layout_gives() -> None:
    with pytest.raises(ValueError, match="ethnicity, sex"):
        to_holder(RESIDENT, PHOTO, None, keep=frozenset({"fingerprint"}))


@pytest.mark.clause("XT-ID", "GA-35")
@pytest.mark.parametrize("name", ["𠮷样例", "样例江·测试买买提", "\ue863样例", "AN NA", "样　例"])
def test_rare_names_come_through_unchanged(name: str) -> None:
    assert to_holder(with_field(0, name.ljust(15)), PHOTO, None)[0].name == name


@pytest.mark.parametrize(
    ("block", "field", "reason"),
    [
        (with_field(0, "\ud842样例"), "name", "surrogate"),
        (with_field(52, "虚构\x00省"), "address", "control"),
        (with_field(158, "样例\n"), "issuer", "control"),
        (with_field(0, " " * 15), "name", "empty"),
        (with_field(122, " " * 18), "number", "empty"),
        (with_field(52, " " * 35), "address", "empty"),
        (with_field(158, " " * 15), "issuer", "empty"),
        (with_field(36, " " * 8), "birth", "empty"),
        (with_field(204, " " * 8), "valid_to", "empty"),
        (with_field(0, "样\u202e例"), "name", "control"),
        (with_field(52, "样\u2028例"), "address", "control"),
        (with_field(0, "样\ufdd0例"), "name", "control"),
        (with_field(0, "样\U0002ffff"), "name", "control"),
    ],
)
def test_field_that_is_no_text_is_refused_by_name_only(block: bytes, field: str, reason: str) -> None:
    with pytest.raises(BlockRefused) as refused:
        to_holder(block, PHOTO, None)
    assert refused.value.data == {"field": field, "reason": reason}
    assert refused.value.__cause__ is None
    assert "样例" not in str(refused.value)


@pytest.mark.parametrize("letter", ["Z", "j", "\0", "\ud800", "0"])
def test_unknown_type_is_refused_with_its_code_point(letter: str) -> None:
    with pytest.raises(UnknownDocument) as refused:
        to_holder(with_field(248, letter), PHOTO, None)
    assert refused.value.data == {"type": ord(letter)}


def test_validity_without_an_end_is_long_term() -> None:
    assert to_holder(with_field(204, "长期".ljust(8)), PHOTO, None)[0].valid_to == LONG_TERM


@pytest.mark.parametrize(
    ("appended", "address"),
    [
        (("一路1号",), "一路1号"),
        (("一路1号", "二路2号", "三路3号", "四路4号"), "四路4号"),
        (("一路1号", "", "", ""), "一路1号"),
        (("", "", "", ""), "虚构省样例市测试路1号 3单元402室"),
    ],
)
def test_address_is_the_latest_appended_one(appended: tuple[str, ...], address: str) -> None:
    block = "".join(slot.ljust(35) for slot in appended).encode("utf-16-le")
    assert to_holder(RESIDENT, PHOTO, block)[0].address == address


@pytest.mark.parametrize("size", [1, 69, 71, 350])
def test_appended_of_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(BlockRefused):
        to_holder(RESIDENT, PHOTO, b" \0" * size if size % 70 else b" " * size)


@pytest.mark.parametrize("photo", [b"", PHOTO[:-1], PHOTO + b"\0", bytes(1024), b"BM" + PHOTO[2:]])
def test_photo_that_is_none_is_refused(photo: bytes) -> None:
    with pytest.raises(BlockRefused) as refused:
        to_holder(RESIDENT, photo, None)
    assert refused.value.data["block"] == "photo"


@settings(max_examples=2000, deadline=None)
@given(text=st.one_of(st.binary(max_size=300), st.binary(min_size=256, max_size=256)), appended=st.none() | st.binary(max_size=300))
def test_card_text_random_bytes_only_the_declared_errors(text: bytes, appended: bytes | None) -> None:
    typed = text[:248] + b" \0" + text[250:] if len(text) == 256 else text
    for block in (text, typed):
        with contextlib.suppress(BlockRefused, UnknownDocument):
            to_holder(block, PHOTO, appended)


@pytest.mark.slow
def test_card_text_hostile_text_only_the_declared_errors_and_texts_that_can_be_stored() -> None:
    """20,000 cards, half of them hostile all over, half in one place: those are read as far as the place allows."""
    chance, accepted = random.Random(8), 0  # noqa: S311  # noise, no secret
    for number in range(20_000):
        start, end = (0, 128) if number % 2 else sorted(chance.sample(range(129), 2))
        block = bytearray.fromhex(chance.choice(CARDS["cards"])["text"])
        block[2 * start : 2 * end] = b"".join(chance.choices(UNITS, k=end - start))
        with contextlib.suppress(BlockRefused, UnknownDocument):
            holder, _ = to_holder(bytes(block) if number % 4 else with_field(248, chance.choice(" JIY"), bytes(block)), PHOTO, None)
            accepted += 1
            for field in (holder.name, holder.number, holder.address, holder.issuer, holder.nationality or ""):
                assert field.encode().decode() == field
                assert field.splitlines() in ([], [field])
                assert not any(
                    unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"} for c in field
                )
    assert 100 < accepted < 10_000


@settings(max_examples=2000, deadline=None)
@given(card=st.sampled_from(CARDS["cards"]), at=st.integers(0, 255), bit=st.integers(0, 7), cut=st.integers(0, 256))
def test_card_text_flipped_or_cut_only_the_declared_errors(card: dict[str, Any], at: int, bit: int, cut: int) -> None:
    block = bytearray.fromhex(card["text"])
    block[at] ^= 1 << bit
    for candidate in (bytes(block), bytes(block[:cut])):
        with contextlib.suppress(BlockRefused, UnknownDocument):
            holder, _ = to_holder(candidate, PHOTO, None)
            holder.name.encode()  # what is accepted can be signed and stored as UTF-8
            holder.address.encode()
