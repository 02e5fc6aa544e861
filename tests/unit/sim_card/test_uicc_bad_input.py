# SPDX-License-Identifier: Apache-2.0
"""Any bytes at all are answered by the simulated UICC, once, with two bytes or more, and without an exception."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.sim_card.card import COMMANDS, Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS

NAMES = ("usim-2g3g", "usim-91xx", "usim-key-command", "usim-long-fcp", "proactive", "usim-key-files")
FIDS = ("3F00", "7F10", "7F20", "7FFF", "6F07", "6F39", "6F3C", "6F44", "2FE2", "5FC0", "4F01", "6F06")
SEEDS = (
    "00A4040C07A0000000871002", "0020000A08A1B2C3D4E5F60718", "0020008108" + "35363738FFFFFFFF", "0028000108" + "31323334FFFFFFFF",
    *(f"{cla}A4000{p2}02{fid}" for fid in FIDS for cla, p2 in (("00", "4"), ("00", "C"), ("A0", "0"))),
    "00C0000000", "8032000003000001", "00A2010401FF", "00B2000200", "00B2000300", "00DC000303000000", "0004000000", "0044000000",
)  # fmt: skip
HEADERS = [bytes(header) for header in COMMANDS] + [bytes([0xA0, ins]) for _, ins in COMMANDS] + [b"\x80\xd4", b"\x84\x82", b"\x80\x50"]

anything = st.binary(max_size=300)
likely = st.builds(
    lambda header, p1, p2, data, le: header + bytes([p1, p2]) + (bytes([len(data)]) + data if data else bytes([le])),
    st.sampled_from(HEADERS),
    st.sampled_from([0, 1, 2, 3, 4, 8, 9, 0x10, 0x81, 0x91]) | st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 0x0A, 0x0C, 0x81]) | st.integers(0, 255),
    st.binary(max_size=255) | st.sampled_from([bytes.fromhex(fid) for fid in FIDS]),
    st.integers(0, 255),
)
cut = st.builds(lambda seed, at: bytes.fromhex(seed)[:at], st.sampled_from(SEEDS), st.integers(0, 16))
known = st.sampled_from([bytes.fromhex(seed) for seed in SEEDS])


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(NAMES), st.lists(anything | likely | cut | known, min_size=1, max_size=12))
def test_uicc_answers_every_command_once_and_without_an_exception(name: str, commands: list[bytes]) -> None:
    persona = CARDS[name]
    card = Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=None))
    sizes = {path: len(content) for path, content in card.memory.contents.items()}
    for command in commands:
        answer = card.process(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] >> 4 in (6, 9)
    assert {path: len(content) for path, content in card.memory.contents.items()} == sizes
    assert all(0 <= left <= 10 for left in card.memory.tries.values())
