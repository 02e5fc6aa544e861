# SPDX-License-Identifier: Apache-2.0
"""The bytes of a receipt: our builder and the simulator's decoder, with the vectors as referee."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.errors import ProtocolError
from hal.printer import escpos
from simulators.printer.decoder import CUT, LINE, REPORT, RESET, UNKNOWN, Action, Decoder

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/printer/escpos.json").read_text())
READERS = {"paper": escpos.paper_present, "online": escpos.online, "printed": escpos.printed}


@pytest.mark.parametrize("vector", VECTORS["jobs"], ids=lambda v: v["name"])
def test_job_vector_is_built_byte_for_byte(vector: dict[str, Any]) -> None:
    assert escpos.job(vector["lines"], cut=vector["cut"]) == bytes.fromhex(vector["hex"])


@pytest.mark.parametrize("vector", VECTORS["jobs"], ids=lambda v: v["name"])
def test_decoder_vector_is_printed_line_for_line(vector: dict[str, Any]) -> None:
    actions = Decoder().feed(bytes.fromhex(vector["hex"]))
    assert [action.text for action in actions if action.kind == LINE] == vector["printed"]
    assert [action.kind for action in actions if action.kind != LINE] == [RESET, CUT, REPORT] if vector["cut"] else [RESET, REPORT]


@pytest.mark.parametrize("vector", VECTORS["status"], ids=lambda v: f"{v['question']}-{v['byte']}")
def test_status_vector_is_read_or_refused(vector: dict[str, Any]) -> None:
    read, byte = READERS[vector["question"]], int(vector["byte"], 16)
    if vector.get("error"):
        with pytest.raises(ProtocolError):
            read(byte)
    else:
        assert read(byte) is vector["value"]


def readers_of(byte: int) -> list[str]:
    taken = []
    for name, read in READERS.items():
        try:
            read(byte)
        except ProtocolError:
            continue
        taken.append(name)
    return taken


def test_status_any_byte_answers_one_kind_of_question_at_most() -> None:
    assert {tuple(readers_of(byte)) for byte in range(256)} == {(), ("printed",), ("paper", "online")}


@pytest.mark.parametrize("lines", [["x" * 97], [""] * 201])
def test_job_more_than_a_receipt_is_the_callers_mistake(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="at most"):
        escpos.job(lines, cut=True)


def test_job_of_more_papers_than_a_session_has_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at most"):
        escpos.job(*[["x"]] * 5, cut=True)


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=24), max_size=6), st.booleans())
def test_job_any_text_is_printed_as_text_and_never_obeyed(lines: list[str], cut: bool) -> None:  # noqa: FBT001  # drawn by Hypothesis
    actions = Decoder().feed(escpos.job(lines, cut=cut))
    assert [action.kind for action in actions] == [RESET, *[LINE] * len(lines), *[CUT] * cut, REPORT]
    assert b"\x10\x04" not in b"".join(escpos.encode(line) for line in lines)
    for line, action in zip(lines, [action for action in actions if action.kind == LINE], strict=True):
        assert len(action.text) == len(line)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 7))
def test_decoder_random_bytes_in_any_pieces_give_the_same_paper(data: bytes, step: int) -> None:
    whole = Decoder().feed(data)
    decoder = Decoder()
    pieces: list[Action] = []
    for at in range(0, len(data), step):
        pieces += decoder.feed(data[at : at + step])
    assert pieces == whole


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, 8 * len(escpos.job(["实名 real 12"], cut=True)) - 1), st.integers(0, 40))
def test_decoder_bit_flipped_or_truncated_job_prints_something_or_nothing(bit: int, cut_off: int) -> None:
    job = bytearray(escpos.job(["实名 real 12"], cut=True))
    job[bit // 8] ^= 1 << bit % 8
    for action in Decoder().feed(bytes(job[: len(job) - cut_off])):
        assert action.kind in {LINE, CUT, REPORT, RESET, UNKNOWN}


def test_decoder_without_the_mode_switch_prints_rubbish() -> None:
    actions = Decoder().feed(b"\x1b@" + "中国".encode("gb18030") + b"\n")
    assert actions[1].text != "中国"
    assert len(actions[1].text) == 4
