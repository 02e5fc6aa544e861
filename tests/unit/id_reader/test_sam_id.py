# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.id_reader.sam_id import sam_id_bytes, sam_id_text

(VECTOR,) = json.loads((Path(__file__).parents[2] / "vectors/id_reader/cards.json").read_text())["sam_ids"]


def test_label_and_hex_of_the_vector_are_its_bytes() -> None:
    raw = bytes.fromhex(VECTOR["raw"])
    assert sam_id_bytes(VECTOR["text"]) == sam_id_bytes(VECTOR["raw"]) == sam_id_bytes(VECTOR["raw"].upper()) == raw


@pytest.mark.parametrize(
    "text",
    ["", "05.01", VECTOR["raw"][:-2], VECTOR["raw"] + "00", VECTOR["raw"][:2] + " " + VECTOR["raw"][2:], VECTOR["text"] + "0",
     VECTOR["text"].replace("0296863149", "9999999999"), "٠٥.01-20101129-0001228293-0296863149"],
)  # fmt: skip
def test_text_that_is_no_sam_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the declared error; its words are for people
        sam_id_bytes(text)


@settings(max_examples=2000, deadline=None)
@given(st.binary(min_size=16, max_size=16))
def test_label_of_any_id_is_read_back(raw: bytes) -> None:
    assert sam_id_bytes(sam_id_text(raw)) == raw


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=50) | st.text("0123456789abcdef.-", max_size=50))
def test_any_text_gives_an_id_or_the_declared_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert len(sam_id_bytes(text)) == 16
