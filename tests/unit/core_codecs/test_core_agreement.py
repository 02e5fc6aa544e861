# SPDX-License-Identifier: Apache-2.0
"""The agreement: what stands in it, what is signed, and that no byte of it can change unnoticed."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import packs
from firmware.core import agreement, cbor
from firmware.core.agreement import PARTS, Agreement, Template, fill, read_strokes, sign, verify
from firmware.core.errors import Malformed

TEMPLATE = packs.agreement()
NAMES = ("operator", "licence", "phone", "appeal", "tariff", "kind", "customer", "document", "session", "terminal", "date", "copies")
VALUES = {name: (f"〈{name}〉", f"<{name}>") for name in NAMES}
DRAWN = fill(TEMPLATE, VALUES)
STROKES = [[[100 + 40 * step, 200 + step * step, step * 15] for step in range(12)]]
SIGNED = sign(DRAWN, read_strokes(STROKES), bytes(16))
ITEM = SIGNED.to_item()


def section(name: str) -> agreement.Section:
    return next(found for found in DRAWN.sections if found.name == name)


@pytest.mark.clause("JX-32a", "JX-09/10", "JX-37/42")
def test_agreement_says_operator_licence_kind_tariff_term_and_disputes() -> None:
    assert set(PARTS) <= {found.name for found in DRAWN.sections}
    for name, words in (
        ("parties", ("operator", "licence")),
        ("business", ("kind",)),
        ("tariff", ("tariff",)),
        ("disputes", ("phone", "appeal")),
    ):
        assert all(f"〈{word}〉" in section(name).zh and f"<{word}>" in section(name).en for word in words)


@pytest.mark.clause("XJ-2.1.3", "XJU-2b", "XJU-14", "SMS-09", "XJ-11.6")
def test_agreement_bans_resale_lending_and_changed_numbers() -> None:
    assert section("resale").flagged
    assert all(word in section("resale").zh for word in ("出租", "出借", "转售", "过户"))
    assert all(word in section("numbers").en for word in ("change", "hide", "lease", "automatic"))


@pytest.mark.clause("XJ-6…10", "XJ-12")
def test_agreement_says_its_term_and_numbers_its_copies() -> None:
    assert "thirty days" in section("term").en
    assert "一年" in section("term").zh
    assert "〈copies〉" in section("copies").zh


@pytest.mark.clause("SMS-10/11", "XT-AF30")
def test_flagged_clauses_are_prominent_in_both_forms_and_price_and_way_out_come_before_the_rest() -> None:
    flagged = [found.name for found in DRAWN.sections if found.flagged]
    assert flagged == ["tariff", "leaving", "resale", "fraud"]
    assert sum("【重要】" in line for line in DRAWN.text()) == 4
    assert DRAWN.html().count("<strong>") == 4
    names = [found.name for found in DRAWN.sections]
    assert names.index("tariff") < names.index("leaving") < names.index("term")


@pytest.mark.clause("JX-32a")
@pytest.mark.parametrize("part", PARTS)
def test_template_without_a_part_makes_no_agreement(part: str) -> None:
    source = tomllib.loads(packs.FOLDER.joinpath("agreement.toml").read_text(encoding="utf-8"))
    source["section"] = [entry for entry in source["section"] if entry["id"] != part]
    with pytest.raises(Malformed):
        Template.of(source)


def test_placeholder_nobody_fills_in_makes_no_agreement_and_none_is_left() -> None:
    for name in NAMES:
        with pytest.raises(KeyError):
            fill(TEMPLATE, {key: value for key, value in VALUES.items() if key != name})
    assert not any("{" in found.zh + found.en for found in DRAWN.sections)


def test_value_that_looks_like_a_placeholder_is_not_filled_in() -> None:
    drawn = fill(TEMPLATE, {**VALUES, "customer": ("{licence}", "{licence}")})
    assert "{licence}" in drawn.sections[0].zh


@pytest.mark.clause("TB-15")
def test_any_change_of_the_template_is_another_digest() -> None:
    first = TEMPLATE.sections[0]
    others = [replace(first, zh=first.zh + "。"), replace(first, en=first.en + " "), replace(first, flagged=True), replace(first, name="x")]
    changed = [replace(TEMPLATE, sections=(other, *TEMPLATE.sections[1:])) for other in others]
    changed += [replace(TEMPLATE, version=2), replace(TEMPLATE, name="cn/other"), replace(TEMPLATE, sections=TEMPLATE.sections[::-1])]
    assert len({TEMPLATE.digest, *(other.digest for other in changed)}) == 8
    assert len({DRAWN.digest, *(fill(other, VALUES).digest for other in changed)}) == 8


@pytest.mark.clause("JX-32b")
def test_every_changed_byte_of_the_item_fails_verification() -> None:
    assert verify(ITEM, SIGNED.digest) == (DRAWN, SIGNED)
    for place in range(len(ITEM)):
        changed = bytearray(ITEM)
        changed[place] ^= 1 << place % 8
        with pytest.raises(Malformed):
            verify(bytes(changed), SIGNED.digest)
    for cut in range(0, len(ITEM), 13):
        with pytest.raises(Malformed):
            verify(ITEM[:cut], SIGNED.digest)
    with pytest.raises(Malformed):
        verify(ITEM + b"\0", SIGNED.digest)
    with pytest.raises(Malformed):
        verify(ITEM, bytes(32))


@pytest.mark.clause("JX-32b")
def test_another_program_computes_the_same_digest_from_the_item() -> None:
    from hashlib import sha256  # noqa: PLC0415  # the other program's own

    document, strokes, salt = cbor2.loads(ITEM)
    both = [sha256(document).digest(), sha256(salt + strokes).digest()]
    assert sha256(cbor2.dumps(both, canonical=True)).digest() == SIGNED.digest
    assert [row[0] for row in cbor2.loads(document)[4]] == [found.name for found in DRAWN.sections]


def test_forms_are_made_of_the_document_alone() -> None:
    again = Agreement.read(DRAWN.document)
    assert (again.text(), again.html(), again.digest) == (DRAWN.text(), DRAWN.html(), DRAWN.digest)


class Shown(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_html_of_any_value_is_plain(value: str) -> None:
    drawn = fill(TEMPLATE, {**VALUES, "customer": (value, value)})
    assert Shown(drawn.html()).tags <= {"article", "h1", "small", "p", "code", "ol", "li", "span", "strong", "br"}


def test_salt_of_another_length_is_a_callers_error_and_hides_the_strokes() -> None:
    with pytest.raises(ValueError, match="salt"):
        sign(DRAWN, read_strokes(STROKES), bytes(15))
    assert sign(DRAWN, read_strokes(STROKES), b"\1" * 16).commitment != SIGNED.commitment
    assert "strokes" not in repr(SIGNED)


@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [[]],
        [[[1, 1, 0]]],
        [[[5, 5, ms] for ms in range(20)]],
        [[[100 * n, 0, 100 - n] for n in range(12)]],
        [[[100 * n, 0, 0] for n in range(12)], []],
        [[[4096, n, n] for n in range(0, 1200, 100)]],
        [[[n, n, 120_001] for n in range(0, 1200, 100)]],
        [[[n % 4000, n, n] for n in range(401)]],
        [[[n * 100, n, n, 0] for n in range(12)]],
        [[[n * 100, n, True] for n in range(12)]],
        [[[n * 100.0, n, n] for n in range(12)]],
        [[["张", n, n] for n in range(12)]],
    ],
    ids=[
        "none",
        "empty",
        "dot",
        "still",
        "back-in-time",
        "empty-stroke",
        "outside",
        "too-long",
        "too-many",
        "four",
        "flag",
        "float",
        "text",
    ],
)
def test_strokes_that_are_no_signature_are_refused(strokes: list[Any]) -> None:
    with pytest.raises(Malformed):
        read_strokes(strokes)


NUMBER: st.SearchStrategy[Any] = st.integers(-1, 4200) | st.sampled_from([None, True, 1.5, "1", []])
POINT = st.lists(NUMBER, min_size=2, max_size=4)
STROKE_LIKE = st.lists(POINT | NUMBER, max_size=10)
ANYTHING = st.lists(STROKE_LIKE | NUMBER, max_size=3) | st.lists(
    st.lists(st.tuples(*[st.integers(0, 4095)] * 3).map(list), max_size=12), max_size=2
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(ANYTHING)
def test_any_strokes_are_a_signature_or_malformed(value: list[Any]) -> None:
    try:
        kept = read_strokes(value)
    except Malformed:
        return
    assert cbor.decode(kept) == value


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_agreement(data: bytes) -> None:
    with pytest.raises(Malformed):
        verify(data, SIGNED.digest)
    with pytest.raises(Malformed):
        Agreement.read(data)
