# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.camera.frame import MAX_IMAGE, MEDIA_TYPE, build, parse
from hal.camera.portrait import live_portrait
from hal.camera.watermark import Watermark, stamp
from hal.document import Portrait, PortraitProvenance
from hal.errors import ProtocolError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/camera/frames.json").read_text())
GOOD = build(64, 64, bytes(range(256)) * 16)
MARK = Watermark("MOBILE", "T01", "2026-11-30", "AB" * 16)


def image_of(vector: dict[str, Any]) -> bytes:
    header, fill = bytes.fromhex(vector["header_hex"]), bytes.fromhex(vector["fill_hex"])
    return header + fill * int(vector["pixels"])


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda v: v["name"])
def test_frame_good_vector_is_read_with_its_size(vector: dict[str, Any]) -> None:
    image = image_of(vector)
    frame = parse(image)
    assert (frame.width, frame.height, frame.image) == (vector["width"], vector["height"], image)


@pytest.mark.parametrize("vector", VECTORS["bad"], ids=lambda v: v["name"])
def test_frame_bad_vector_is_refused_with_its_reason(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse(image_of(vector))
    assert refused.value.data["reason"] == vector["reason"]


@settings(max_examples=2000, deadline=None)
@given(width=st.integers(64, 80), height=st.integers(64, 80), fill=st.integers(0, 255))
def test_frame_built_picture_is_read_back(width: int, height: int, fill: int) -> None:
    image = build(width, height, bytes([fill]) * (width * height))
    assert (parse(image).width, parse(image).height) == (width, height)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=512))
def test_frame_random_bytes_only_the_declared_error(data: bytes) -> None:
    for candidate in (data, b"P5\n" + data, b"P5\n64 64\n255" + data):
        with pytest.raises(ProtocolError):
            parse(candidate)


@settings(max_examples=2000, deadline=None)
@given(cut=st.integers(0, len(GOOD) - 1))
def test_frame_truncated_picture_is_refused(cut: int) -> None:
    with pytest.raises(ProtocolError):
        parse(GOOD[:cut])


@settings(max_examples=2000, deadline=None)
@given(bit=st.integers(0, 8 * 32 - 1))
def test_frame_bit_flipped_header_is_a_frame_or_the_declared_error(bit: int) -> None:
    flipped = bytearray(GOOD)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        frame = parse(bytes(flipped))
    except ProtocolError:
        return
    assert frame.image == bytes(flipped)


def test_frame_oversized_bytes_are_refused_before_they_are_read() -> None:
    with pytest.raises(ProtocolError) as refused:
        parse(bytes(MAX_IMAGE + 1))
    assert refused.value.data["reason"] == "oversize"


def test_frame_build_with_wrong_pixel_count_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="fill"):
        build(64, 64, b"")


def test_live_portrait_of_a_picture_is_minted_with_camera_provenance() -> None:
    marked = stamp(parse(GOOD), MARK, across=False).image
    portrait = live_portrait(marked, MARK)
    assert isinstance(portrait, Portrait)
    assert (portrait.provenance, portrait.image, portrait.media_type) == (PortraitProvenance.CAMERA, marked, MEDIA_TYPE)


def test_live_portrait_of_anything_else_is_the_declared_error() -> None:
    with pytest.raises(ProtocolError):
        live_portrait(stamp(parse(GOOD), MARK, across=False).image + b"\x00", MARK)
