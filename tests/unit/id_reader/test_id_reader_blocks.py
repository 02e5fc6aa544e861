# SPDX-License-Identifier: Apache-2.0
"""Numbered blocks: the published commands and sizes referee between driver and simulator; nothing else is taken for a card."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.id_reader import blocks
from hal.id_reader.driver import Reading
from hal.id_reader.errors import FrameError
from simulators.block_reader import field
from simulators.personas import PERSONAS, photo_block, text_block

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/id_reader/blocks.json").read_text())
MOVED = PERSONAS["moved"]


@pytest.mark.parametrize("vector", VECTORS["blocks"], ids=lambda vector: f"block-{vector['block']}")
def test_block_vector_is_what_the_driver_asks_and_the_simulator_answers(vector: dict[str, Any]) -> None:
    assert blocks.request(vector["block"]).hex() == vector["request"]
    assert blocks.SIZES[vector["block"]] == vector["size"]
    answer = field.blocks(MOVED)[vector["block"]]
    whole = {"text": text_block(MOVED), "photo": photo_block(MOVED)}[vector["holds"]]
    assert (len(answer), answer[vector["behind"] :]) == (vector["size"], whole[vector["from"] : vector["to"]])


@pytest.mark.parametrize("atr", [*VECTORS["atr"]["identity"], field.ATR.hex()])
def test_answer_to_reset_with_the_mark_is_an_identity_card(atr: str) -> None:
    assert blocks.is_identity_card(bytes.fromhex(atr))


@pytest.mark.parametrize("atr", [*VECTORS["atr"]["other"], field.OTHER_ATR.hex()])
def test_answer_to_reset_without_the_mark_is_another_card(atr: str) -> None:
    assert not blocks.is_identity_card(bytes.fromhex(atr))


def test_six_blocks_are_joined_to_the_card() -> None:
    assert blocks.join(field.blocks(MOVED)) == Reading(text_block(MOVED), photo_block(MOVED), None)


@pytest.mark.parametrize("number", [-1, 6, 255])
def test_request_for_a_block_there_is_not_is_a_mistake(number: int) -> None:
    with pytest.raises(ValueError, match="six"):
        blocks.request(number)


SIZES = st.sampled_from([0, 1, 3, 4, 5, 252, 255, 256, 257, 260, 261, 65535])


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=3), SIZES)
def test_blocks_of_any_size_are_a_reading_or_the_declared_error(changed: list[int], size: int) -> None:
    given_blocks = [bytes(size) if number in changed else block for number, block in enumerate(field.blocks(MOVED))]
    sizes = [len(block) for block in given_blocks]
    fits = sizes[:5] == list(blocks.SIZES[:5]) and sizes[5] >= blocks.SIZES[5]
    if fits:
        reading = blocks.join(given_blocks)
        assert (len(reading.text), len(reading.photo)) == (256, 1024)
    else:
        with pytest.raises(FrameError):
            blocks.join(given_blocks)
