# SPDX-License-Identifier: Apache-2.0
"""Any bytes at all are answered by the simulated UICC, once, with two bytes or more, and without an exception."""

from collections.abc import Iterator

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

PARAMETERS = (0, 0, 0, 1, 2, 3, 4, 5, 6, 8, 9, 0x0A, 0x0C, 0x10, 0x81, 0x91)


def commands(noise: bytes) -> Iterator[bytes]:
    """Turn noise into commands: raw bytes, known headers with any parameters and data, whole known commands and their beginnings."""
    at = 0
    while at + 5 <= len(noise):
        kind, which, first, second, size = noise[at : at + 5]
        rest = noise[at + 5 : at + 5 + size]
        at += 5 + size // 8
        known = bytes.fromhex(SEEDS[which % len(SEEDS)])
        header = HEADERS[which % len(HEADERS)] + bytes([PARAMETERS[first & 15], PARAMETERS[second & 15]] if kind & 4 else [first, second])
        yield (rest, known, known[: first & 15], header + bytes([size]) + rest)[kind & 3]
        if kind & 8:
            yield header + bytes([first])


@pytest.mark.slow
@settings(max_examples=2500, deadline=None)
@given(st.sampled_from(NAMES), st.binary(min_size=20, max_size=160))
def test_uicc_answers_every_command_once_and_without_an_exception(name: str, noise: bytes) -> None:
    persona = CARDS[name]
    card = Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=None))
    sizes = {path: len(content) for path, content in card.memory.contents.items()}
    for command in commands(noise):
        answer = card.process(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] >> 4 in (6, 9)
    assert {path: len(content) for path, content in card.memory.contents.items()} == sizes
    assert all(0 <= left <= 10 for left in card.memory.tries.values())


def test_uicc_noise_reaches_every_known_command() -> None:
    noise = bytes(byte for which in range(len(HEADERS)) for byte in (15, which, 0, 4, 1))
    reached = {command[:2] for command in commands(noise)}
    assert reached >= set(HEADERS)
