# SPDX-License-Identifier: Apache-2.0
import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.document import (
    Holder,
    Portrait,
    PortraitProvenance,
    Provenance,
    masked_name,
    masked_number,
    number_birth,
    number_check_character,
    number_is_consistent,
    number_is_male,
)
from hal.minting import mint_holder, mint_portrait

NUMBERS = json.loads((Path(__file__).parents[2] / "vectors/id_reader/cards.json").read_text())["numbers"]
FIELDS: dict[str, Any] = {
    "kind": "D01",
    "name": "张样例",
    "number": "990101199003070015",
    "address": "虚构省样例市",
    "birth": "19900307",
    "issuer": "样例市公安局",
    "valid_from": "20200115",
    "valid_to": "20400115",
    "provenance": Provenance.CHIP,
}


def test_holder_made_without_the_mint_is_refused() -> None:
    with pytest.raises(TypeError):
        Holder(object(), nationality=None, **FIELDS)
    with pytest.raises(TypeError):
        Holder(nationality=None, **FIELDS)
    with pytest.raises(TypeError):
        Portrait(None, b"", "image/x-wlt", PortraitProvenance.CHIP)


def test_holder_cannot_be_changed_copied_or_restored() -> None:
    holder = mint_holder(**FIELDS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        holder.name = "李样例"  # type: ignore[misc]  # the point
    with pytest.raises(ValueError, match="mint"):
        dataclasses.replace(holder, name="李样例")  # type: ignore[call-arg]  # the point
    for forge in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            forge(holder)
    with pytest.raises(TypeError):
        holder.__setstate__(["D01"])  # type: ignore[attr-defined]  # the decorator adds it
    with pytest.raises((AttributeError, TypeError)):
        holder.ethnicity = "01"  # type: ignore[attr-defined]  # dropped in the driver


def test_holder_and_portrait_texts_show_nothing_personal() -> None:
    holder = mint_holder(**FIELDS)
    portrait = mint_portrait(image=b"\x57\x4c secret", media_type="image/x-wlt", provenance=PortraitProvenance.CHIP)
    shown = "".join((repr(holder), str(holder), f"{holder}", repr(portrait), str([portrait])))
    assert not any(value in shown for key, value in FIELDS.items() if key not in ("kind", "provenance"))
    assert "secret" not in shown


@pytest.mark.parametrize("wrong", [{"name": None}, {"valid_to": 20400115}, {"provenance": "chip"}])
def test_holder_of_wrong_types_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        mint_holder(**FIELDS | wrong)


@pytest.mark.parametrize("number", NUMBERS["valid"])
def test_number_vector_valid_is_consistent(number: str) -> None:
    assert number_is_consistent(number)


@pytest.mark.parametrize("number", NUMBERS["invalid"])
def test_number_vector_invalid_is_not_consistent(number: str) -> None:
    assert not number_is_consistent(number)


@settings(max_examples=2000, deadline=None)
@given(first17=st.text("0123456789", min_size=17, max_size=17), at=st.integers(0, 16), step=st.integers(1, 9))
def test_number_one_changed_digit_is_noticed(first17: str, at: int, step: int) -> None:
    check = number_check_character(first17)
    changed = first17[:at] + str((int(first17[at]) + step) % 10) + first17[at + 1 :]
    assert number_is_consistent(first17 + check)
    assert not number_is_consistent(changed + check)


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=24))
def test_number_any_text_is_answered(text: str) -> None:
    assert number_is_consistent(text) in (True, False)
    assert len(masked_number(text)) == len(text)
    assert number_is_male(text) in (True, False, None)


def test_number_parts_are_read_at_their_places() -> None:
    assert number_birth("990101199003070015") == "19900307"
    assert number_is_male("990101199003070015") is True
    assert number_is_male("99010119850621002X") is False
    assert number_is_male("99") is None
    with pytest.raises(ValueError, match="17 digits"):
        number_check_character("12")


@pytest.mark.clause("DS-12", "AH-15")
def test_masking_keeps_surname_and_last_four() -> None:
    assert masked_name("张样例") == "张*"
    assert masked_name("") == ""
    assert masked_number("990101199003070015") == "**************0015"
    assert masked_number("0015") == "****"
