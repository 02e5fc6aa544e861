# SPDX-License-Identifier: Apache-2.0
"""The file that keeps what was learned of card models: believed only when it is whole, its own, and of today's rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card import layouts
from hal.sim_card.access import Layout
from hal.sim_card.cards import CARD_TYPES
from hal.sim_card.layouts import Layouts

ROW = CARD_TYPES[0]
KNOWN = Layout({"IMSI": 9, "HPLMNwAcT": 50, "2G IMSI": 9}, {"SPN": 0})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "layouts.json"
    Layouts(str(path)).learn(ROW, KNOWN)
    return path


def test_layouts_learned_are_known_to_the_next_process_and_to_no_other_model(file: Path) -> None:
    assert Layouts(str(file)).get(ROW) == KNOWN
    assert Layouts(str(file)).get(CARD_TYPES[1]) is None
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_layouts_of_every_row_are_kept_apart_and_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "layouts.json"
    for size, row in enumerate(CARD_TYPES, 1):
        Layouts(str(path)).learn(row, Layout({f"EF {number}": size for number in range(30)}))
    again = Layouts(str(path))
    assert [layout and layout.lengths["EF 0"] for layout in map(again.get, CARD_TYPES)] == list(range(1, len(CARD_TYPES) + 1))
    assert path.stat().st_size < layouts.LARGEST / 2


def test_layouts_without_a_file_last_as_long_as_the_process() -> None:
    kept = Layouts(None)
    kept.learn(ROW, KNOWN)
    assert kept.get(ROW) == KNOWN
    assert Layouts("").get(ROW) is None


def test_layouts_are_copied_and_written_only_when_they_say_something_new(file: Path) -> None:
    kept, layout = Layouts(str(file)), KNOWN.copy()
    before = file.stat().st_ino
    kept.learn(ROW, layout)
    assert file.stat().st_ino == before
    layout.lengths["IMSI"] = 1
    assert kept.get(ROW) == KNOWN
    kept.learn(ROW, layout)
    assert file.stat().st_ino != before


def test_layouts_on_a_disk_that_takes_nothing_last_as_long_as_the_process(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "layouts.json", tmp_path):
        kept = Layouts(str(path))
        kept.learn(ROW, KNOWN)
        assert kept.get(ROW) == KNOWN


def changed(text: str, change: dict[str, Any], model: dict[str, Any]) -> str:
    told = json.loads(text)
    told["models"][ROW.name] |= model
    told["check"] = layouts._check(told["models"])  # a file that is wrong in one thing alone
    return json.dumps(told | change)


@pytest.mark.parametrize(
    ("change", "model"),
    [
        ({"version": 2}, {}),
        ({"check": "00"}, {}),
        ({"models": []}, {}),
        ({}, {"row": "0123456789abcdef"}),
        ({}, {"lengths": {"IMSI": 0}}),
        ({}, {"lengths": {"IMSI": 9.0}}),
        ({}, {"lengths": {"IMSI": True}}),
        ({}, {"lengths": {"IMSI": 99999}}),
        ({}, {"lengths": {"": 9}}),
        ({}, {"lengths": None}),
        ({}, {"sfis": {"IMSI": 31}}),
        ({}, {"sfis": []}),
    ],
)
def test_layouts_of_another_form_are_not_there(file: Path, change: dict[str, Any], model: dict[str, Any]) -> None:
    file.write_text(changed(file.read_text("ascii"), change, model), "ascii")
    assert Layouts(str(file)).get(ROW) is None


def test_layouts_too_large_or_nested_too_deep_are_not_there(file: Path) -> None:
    for text in (file.read_text("ascii") + " " * layouts.LARGEST, "[" * 60000, ""):
        file.write_text(text, "ascii")
        assert Layouts(str(file)).get(ROW) is None


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_layouts_of_any_bytes_are_the_known_ones_or_not_there(noise: bytes, at: int, byte: int) -> None:
    told = layouts._told({ROW.name: KNOWN})  # without a disk in between, two thousand times
    damaged = told[:at] + bytes([byte]) + told[at + 1 :]
    for text in (noise, told[:at], damaged, told + noise):
        found = layouts._understood(text)  # as above
        assert found.get(ROW.name) in (None, KNOWN)
