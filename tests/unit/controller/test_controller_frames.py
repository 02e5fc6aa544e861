# SPDX-License-Identifier: Apache-2.0
"""The driver's codec against the vectors and against bad input; the simulator's codec against the same vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from cobs import cobs
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.controller import frames, messages
from hal.controller.frames import Frame
from hal.errors import ProtocolError
from simulators.controller import codec

VECTORS = Path(__file__).parents[2] / "vectors" / "controller"
FRAMES: dict[str, Any] = json.loads((VECTORS / "frames.json").read_text())
COBS: dict[str, Any] = json.loads((VECTORS / "cobs.json").read_text())

some_frames = st.builds(Frame, seq=st.integers(0, 255), type=st.integers(0, 255), payload=st.binary(max_size=frames.MAX_PAYLOAD))


def named(entry: dict[str, Any]) -> str:
    return str(entry["name"])


@pytest.mark.parametrize("vector", FRAMES["frames"], ids=named)
def test_frame_vector_driver_codec_agrees(vector: dict[str, Any]) -> None:
    frame = Frame(vector["seq"], vector["type"], bytes.fromhex(vector["payload"]))
    assert frames.build(frame).hex() == vector["wire"]
    assert frames.parse(bytes.fromhex(vector["wire"]).strip(b"\0")) == frame


@pytest.mark.parametrize("vector", FRAMES["frames"], ids=named)
def test_frame_vector_simulator_codec_agrees(vector: dict[str, Any]) -> None:
    parts = vector["seq"], vector["type"], bytes.fromhex(vector["payload"])
    assert codec.build(*parts).hex() == vector["wire"]
    assert codec.parse(bytes.fromhex(vector["wire"]).strip(b"\0")) == parts


@pytest.mark.parametrize("vector", FRAMES["refused"], ids=named)
def test_frame_spoiled_driver_refuses(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        frames.parse(bytes.fromhex(vector["wire"])[1:-1])


def test_frame_payload_too_long_not_built() -> None:
    with pytest.raises(ValueError, match="240 allowed"):
        frames.build(Frame(1, 1, bytes(241)))


@pytest.mark.parametrize("vector", COBS["vectors"], ids=named)
def test_cobs_vector_simulator_codec_agrees(vector: dict[str, Any]) -> None:
    assert codec.stuff(bytes.fromhex(vector["data"])).hex() == vector["stuffed"]
    assert codec.unstuff(bytes.fromhex(vector["stuffed"])) == bytes.fromhex(vector["data"])


@pytest.mark.parametrize("vector", COBS["refused"], ids=named)
def test_cobs_refused_simulator_codec_agrees(vector: dict[str, Any]) -> None:
    assert codec.unstuff(bytes.fromhex(vector["stuffed"])) is None


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([b"\0", b"\1", b"\xff" * 127, b"\x7f" * 254]), max_size=8).map(b"".join))
def test_cobs_runs_simulator_codec_equals_library(data: bytes) -> None:
    assert codec.stuff(data) == cobs.encode(data)
    assert codec.unstuff(codec.stuff(data)) == data


@settings(max_examples=2000, deadline=None)
@given(some_frames)
def test_frame_any_round_trips(frame: Frame) -> None:
    wire = frames.build(frame)
    assert wire.count(0) == 2
    assert len(wire) <= 250
    assert frames.parse(wire[1:-1]) == frame


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=600))
def test_frame_random_bytes_only_protocol_error(data: bytes) -> None:
    try:
        frame = frames.parse(data)
    except ProtocolError:
        return
    assert frames.parse(frames.build(frame)[1:-1]) == frame


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(some_frames, st.data())
def test_frame_bit_flipped_or_cut_refused(frame: Frame, data: st.DataObject) -> None:
    stuffed = frames.build(frame)[1:-1]
    if data.draw(st.booleans(), "cut"):
        spoiled = stuffed[: data.draw(st.integers(0, len(stuffed) - 1), "length")]
    else:
        bit = data.draw(st.integers(0, 8 * len(stuffed) - 1), "bit")
        changed = bytearray(stuffed)
        changed[bit // 8] ^= 1 << bit % 8
        spoiled = bytes(changed)
    with pytest.raises(ProtocolError):
        frames.parse(spoiled)


@settings(max_examples=2000, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=64), st.builds(lambda head, rest: head + rest, st.sampled_from([b"\0\1\0", b"\0\1\4"]), st.binary(max_size=64))
    )
)
def test_answer_random_payload_only_protocol_error(payload: bytes) -> None:
    try:
        answer = messages.parse_answer(payload)
    except ProtocolError:
        return
    for read in (messages.parse_report, lambda a: messages.parse_hello(a, bytes(8))):
        try:
            read(answer)
        except ProtocolError:
            continue


def test_hello_answer_to_another_challenge_refused() -> None:
    answer = messages.parse_answer(b"\0\1\0" + b"c" * 8 + b"b" * 8 + b"\1" + b"1.0.0")
    assert messages.parse_hello(answer, b"c" * 8).version == "1.0.0"
    with pytest.raises(ProtocolError, match="another question"):
        messages.parse_hello(answer, b"d" * 8)


def test_report_nonce_without_flag_refused() -> None:
    with pytest.raises(ProtocolError):
        messages.parse_report(messages.parse_answer(b"\0\1\0" + bytes(8) + bytes(16)))
