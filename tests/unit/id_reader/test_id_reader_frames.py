# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.errors import HalError
from hal.id_reader import frames
from hal.id_reader.errors import CardLifted, CardRejected, FrameError, NoCard, ReaderFault
from hal.id_reader.sam_id import sam_id_text
from hal.id_reader.status import Verdict, error_for, verdict

ANY_COMMAND = st.sampled_from(frames.COMMANDS)


def framed(sw3: int, data: bytes = b"") -> bytes:
    counted = (len(data) + 4).to_bytes(2, "big") + bytes([0, 0, sw3]) + data
    return frames.PREAMBLE + counted + bytes([frames.checksum(counted)])


GOOD = framed(0x90, bytes.fromhex("01000400") + bytes(range(256)) * 5)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(command=ANY_COMMAND, data=st.data(), code=st.integers(0, 255))
def test_answer_built_for_a_command_is_parsed_back(command: frames.Command, data: st.DataObject, code: int) -> None:
    size = data.draw(st.sampled_from(sorted(command.sizes | {0})))
    content = data.draw(st.binary(min_size=size, max_size=size)) if size < 300 else bytes(size)
    answer = frames.parse_frame(framed(code, content), command)
    assert (answer.code, answer.data, answer.card_status) == (code, content[: command.keep], 0)
    assert answer.dropped == max(0, size - command.keep)


@settings(max_examples=2000, deadline=None)
@given(command=ANY_COMMAND, noise=st.binary(max_size=80), head=st.sampled_from([b"", frames.PREAMBLE, frames.MARK, GOOD[:20]]))
def test_frame_random_bytes_only_the_declared_error(command: frames.Command, noise: bytes, head: bytes) -> None:
    for parse in (frames.parse_frame, frames.parse_header):
        try:
            parse(head + noise, command)
        except FrameError as error:
            assert error.data["reason"]  # noqa: PT017  # either it parses or it says why
    assert 0 <= frames.missing(head + noise) <= 6


@settings(max_examples=2000, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7))
def test_frame_one_flipped_bit_is_refused(at: int, bit: int) -> None:
    spoiled = bytearray(GOOD)
    spoiled[at] ^= 1 << bit
    with pytest.raises(FrameError):
        frames.parse_frame(bytes(spoiled), frames.READ)


@settings(max_examples=2000, deadline=None)
@given(cut=st.integers(0, len(GOOD) - 1), extra=st.binary(min_size=1, max_size=9))
def test_frame_cut_short_or_with_a_tail_is_refused(cut: int, extra: bytes) -> None:
    for wrong in (GOOD[:cut], GOOD + extra):
        with pytest.raises(FrameError):
            frames.parse_frame(wrong, frames.READ)


@settings(max_examples=2000, deadline=None)
@given(junk=st.binary(max_size=70))
def test_missing_leads_to_the_header_behind_any_junk(junk: bytes) -> None:
    stream, heard = junk + GOOD, b""
    for _ in range(len(stream)):
        more = frames.missing(heard)
        if not more:
            break
        heard, stream = heard + stream[:more], stream[more:]
    assert frames.missing(heard) == 0
    assert len(heard) <= heard.find(frames.MARK) + len(frames.MARK) + 2 + 6


@pytest.mark.parametrize("length", [0, 3, 4090, 0xFFFF])
def test_header_impossible_length_is_refused_before_a_body(length: int) -> None:
    with pytest.raises(FrameError) as refused:
        frames.parse_header(frames.PREAMBLE + length.to_bytes(2, "big"), frames.READ)
    assert refused.value.data["reason"] == "length"


@pytest.mark.parametrize("fingers", [0, 512, 1024])
def test_fingerprints_nobody_asked_for_are_no_part_of_the_answer(fingers: int) -> None:
    data = bytes.fromhex("01000400") + fingers.to_bytes(2, "big") + b"T" * 256 + b"P" * 1024 + b"F" * fingers
    answer = frames.parse_frame(framed(0x90, data), frames.READ)
    assert b"F" not in answer.data
    assert answer.dropped == fingers
    assert frames.parse_blocks(answer) == (b"T" * 256, b"P" * 1024)


@pytest.mark.parametrize("size", [1, 511, 513, 1536])
def test_answer_with_something_else_behind_the_photo_is_refused_at_its_length(size: int) -> None:
    data = bytes.fromhex("01000400") + size.to_bytes(2, "big") + bytes(256 + 1024 + size)
    with pytest.raises(FrameError) as refused:
        frames.parse_header(framed(0x90, data)[: frames.HEADER_LENGTH], frames.READ)
    assert refused.value.data == {"reason": "unexpected", "length": len(data) + 4}


@pytest.mark.parametrize(("told", "sent"), [(512, 0), (0, 512), (1024, 512), (256, 0)])
def test_fingerprints_of_another_size_than_told_void_the_answer(told: int, sent: int) -> None:
    data = bytes.fromhex("01000400") + told.to_bytes(2, "big") + bytes(256 + 1024 + sent)
    with pytest.raises(FrameError):
        frames.parse_blocks(frames.parse_frame(framed(0x90, data), frames.READ))


@settings(max_examples=2000, deadline=None)
@given(data=st.binary(max_size=1400), dropped=st.integers(0, 3000))
def test_blocks_random_bytes_only_the_declared_error(data: bytes, dropped: int) -> None:
    for candidate in (data, bytes.fromhex("01000400") + data):
        try:
            text, photo = frames.parse_blocks(frames.Answer(0, 0x90, candidate, dropped))
        except FrameError:
            continue
        assert (len(text), len(photo)) == (256, 1024)


@pytest.mark.clause("DS-04", "JX-44a")
def test_fingerprint_command_does_not_exist() -> None:
    assert all(command.body[:2] != b"\x30\x10" for command in frames.COMMANDS)


@pytest.mark.parametrize("size", [23, 256])
def test_max_rf_out_of_range_is_a_callers_mistake(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 255"):
        frames.set_max_rf(size)


@pytest.mark.parametrize("code", range(256))
def test_status_every_code_has_a_verdict_and_an_error(code: int) -> None:
    error = error_for(code)
    assert isinstance(verdict(code), Verdict)
    assert isinstance(error, HalError)
    assert error.data == {"code": code}


def test_status_errors_tell_card_from_reader() -> None:
    expected = {0x41: CardLifted, 0x80: NoCard, 0x81: NoCard, 0x40: CardRejected, 0x32: CardRejected, 0x60: ReaderFault, 0x66: ReaderFault}
    assert {code: type(error_for(code)) for code in expected} == expected


@pytest.mark.parametrize("length", [0, 15, 17])
def test_sam_id_of_wrong_length_is_a_callers_mistake(length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        sam_id_text(bytes(length))
