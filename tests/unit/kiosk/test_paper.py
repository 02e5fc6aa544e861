# SPDX-License-Identifier: Apache-2.0
"""Where lines on paper are broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.kiosk.paper import COLUMNS, columns, wrap


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("  ", []),
        ("one line", ["one line"]),
        ("x" * 48 + " y", ["x" * 48, "y"]),
        ("ab " * 20, ["ab " * 15 + "ab", "ab ab ab ab"]),
        ("word " + "y" * 60, ["word", "y" * 48, "y" * 12]),
        ("实名" * 13, ["实名" * 12, "实名"]),
        ("x" + "实" * 24, ["x" + "实" * 23, "实"]),
        ("实" * 23 + "SIM", ["实" * 23, "SIM"]),
    ],
)
def test_lines_end_between_words_and_beside_wide_signs(text: str, lines: list[str]) -> None:
    assert list(wrap(text)) == lines


@settings(max_examples=2000, deadline=None)
@given(st.text(st.one_of(st.sampled_from("ab 实。　"), st.characters(max_codepoint=0x9FFF)), max_size=200))
def test_any_text_fits_and_loses_nothing_but_spaces(text: str) -> None:
    lines = list(wrap(text))
    assert all(0 < columns(line) <= COLUMNS and line.strip() == line for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
