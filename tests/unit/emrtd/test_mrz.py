# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.emrtd.mrz import MrzRefused, check_digit, parse_passport

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/emrtd/mrz.json").read_text())
FIRST, SECOND = VECTORS["passports"][0]["lines"]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"


@pytest.mark.parametrize("vector", VECTORS["check_digits"], ids=lambda v: v["text"])
def test_check_digit_vector(vector: dict[str, Any]) -> None:
    assert check_digit(vector["text"]) == vector["digit"]


@pytest.mark.parametrize("vector", VECTORS["passports"], ids=lambda v: v["name"])
def test_passport_vector_is_read_field_by_field(vector: dict[str, Any]) -> None:
    zone = parse_passport(tuple(vector["lines"]))
    assert {name: getattr(zone, name) for name in vector["zone"]} == vector["zone"]
    assert zone.surname not in repr(zone)


@pytest.mark.parametrize(
    ("lines", "field", "reason"),
    [
        ((FIRST[:-1], SECOND), "line 1", "length"),
        ((FIRST, SECOND + "<"), "line 2", "length"),
        ((FIRST.lower(), SECOND), "line 1", "character"),
        (("I" + FIRST[1:], SECOND), "document code", "kind"),
        ((FIRST[:10] + "0" + FIRST[11:], SECOND), "name", "character"),
        ((FIRST[:5] + "<" * 39, SECOND), "name", "empty"),
        ((FIRST, SECOND[:10] + "UT0" + SECOND[13:]), "nationality", "character"),
        ((FIRST, SECOND[:21] + "1<" + SECOND[23:]), "expiry", "character"),
        ((FIRST, "M" + SECOND[1:]), "number", "check digit"),
        ((FIRST, SECOND[:13] + "75" + SECOND[15:]), "birth", "check digit"),
        ((FIRST, SECOND[:21] + "13" + SECOND[23:]), "expiry", "check digit"),
        ((FIRST, SECOND[:28] + "A" + SECOND[29:]), "optional", "check digit"),
        ((FIRST, SECOND[:-1] + "1"), "composite", "check digit"),
    ],
)
def test_passport_misread_is_refused_by_field(lines: tuple[str, str], field: str, reason: str) -> None:
    with pytest.raises(MrzRefused) as refused:
        parse_passport(lines)
    assert refused.value.data == {"field": field, "reason": reason}


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=60), st.text(ALPHABET, min_size=44, max_size=44), st.text(ALPHABET, min_size=44, max_size=44))
def test_passport_random_lines_only_the_declared_error(noise: str, one: str, two: str) -> None:
    for lines in ((noise, SECOND), (FIRST, noise), (one, two), ("P" + one[1:], two)):
        with contextlib.suppress(MrzRefused):
            assert parse_passport(lines).surname


@settings(max_examples=2000, deadline=None)
@given(at=st.integers(0, 43), character=st.sampled_from(ALPHABET))
def test_passport_one_wrong_character_of_a_checked_field_is_noticed_or_equal_in_value(at: int, character: str) -> None:
    spoiled = SECOND[:at] + character + SECOND[at + 1 :]
    same = check_digit(character) == check_digit(SECOND[at])  # weight 7 at the first place: equal only when equal modulo 10
    unchecked = 10 <= at <= 12 or at == 20
    try:
        parse_passport((FIRST, spoiled))
    except MrzRefused:
        return
    assert same or unchecked
