# SPDX-License-Identifier: Apache-2.0
"""FCP templates from a hostile card: cut, flipped, oversized, random."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card import fcp, gsm, tlv
from hal.sim_card.errors import MalformedCardData
from tests.support.noise import dice, noise

MANY = settings(max_examples=2000, deadline=None)
GOOD = bytes.fromhex("62198205422100350283026F428A01058B032F06038002006A8800")
TAGS = (0x62, 0x80, 0x82, 0x83, 0x84, 0x88, 0x8A, 0x8B, 0xA5, 0xC6, 0x82, 0x83)
HEADS = ("", "0000000A6F07040011FFFF0102", "000000586F42040011FF440002012C")


def _parse(template: bytes) -> None:
    try:
        info = fcp.parse(template)
    except MalformedCardData:
        return
    assert 0 <= info.fid <= 0xFFFF
    try:
        assert info.unit > 0
    except MalformedCardData:
        assert not info.size
        assert not info.record_length


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + (bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")) + value


def _random(template: bytes) -> None:
    _parse(template)
    _parse(b"\x62" + template)


def _of_random_objects(drawn: bytes) -> None:
    fields, at = b"", 0
    while at + 2 <= len(drawn):
        length = drawn[at + 1] % 6
        fields += _tlv(TAGS[drawn[at] % len(TAGS)], drawn[at + 2 : at + 2 + length])
        at += 2 + length
    _parse(_tlv(0x62, fields))
    _parse(_tlv(0x62, GOOD[2:] + fields))


def _file_of_2g(head: str, rest: bytes) -> None:
    try:
        info = gsm.parse(bytes.fromhex(head) + rest).info
    except MalformedCardData:
        return
    assert info.directory or info.size is not None


@MANY
@given(st.binary(max_size=300))
def test_fcp_random_raises_only_malformed(template: bytes) -> None:
    _random(template)


@MANY
@given(st.binary(max_size=200))
def test_fcp_of_random_objects_raises_only_malformed(drawn: bytes) -> None:
    _of_random_objects(drawn)


@MANY
@given(st.binary(max_size=40), st.sampled_from(HEADS))
def test_description_of_a_2g_file_of_any_bytes_raises_only_malformed(rest: bytes, head: str) -> None:
    _file_of_2g(head, rest)


@pytest.mark.slow
def test_descriptions_of_20000_noises_raise_only_malformed() -> None:
    drawn = dice("heads")
    for template in noise("fcp", 300):
        _random(template)
    for objects in noise("fcp of objects", 200):
        _of_random_objects(objects)
    for rest in noise("file of 2G", 40):
        _file_of_2g(drawn.choice(HEADS), rest)


def test_fcp_with_any_bit_flipped_and_cut_anywhere_raises_only_malformed() -> None:
    for bit in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        for cut in range(1, len(GOOD) + 1):
            _parse(bytes(flipped[:cut]))
    for cut in range(len(GOOD)):
        with pytest.raises(MalformedCardData):
            fcp.parse(GOOD[:cut])


def test_fcp_with_two_byte_lengths_is_parsed() -> None:
    inner = GOOD[2:] + _tlv(0xA5, bytes(200))
    assert fcp.parse(_tlv(0x62, inner)).record_length == 53
    assert fcp.parse(_tlv(0x62, inner)).sfi is None


def test_fcp_with_every_descriptor_is_parsed() -> None:
    fields = {
        0x82: bytes.fromhex("4621000A05"),
        0x83: bytes.fromhex("6F44"),
        0x80: bytes.fromhex("0032"),
        0x81: bytes.fromhex("0040"),
        0x88: b"",
        0x8A: b"\x04",
        0x8C: bytes.fromhex("7F000000FF"),
        0xA5: bytes.fromhex("C00100"),
        0xC6: bytes.fromhex("90016083010195010883018183010A"),
    }
    info = fcp.parse(_tlv(0x62, b"".join(_tlv(tag, value) for tag, value in fields.items())))
    assert (info.structure, info.record_length, info.records, info.size, info.total) == (fcp.Structure.CYCLIC, 10, 5, 50, 64)
    assert (info.sfi, info.life_cycle, info.active, info.shareable) == (None, fcp.LifeCycle.DEACTIVATED, False, True)
    assert (info.rule, info.proprietary) == ((0x8C, bytes.fromhex("7F000000FF")), ((0xC0, b"\0"),))
    assert info.key_status == (fcp.KeyStatus(0x01, False), fcp.KeyStatus(0x81, True, 0x08), fcp.KeyStatus(0x0A, True))
    assert info.keys == (0x01, 0x81, 0x0A)


@pytest.mark.parametrize(
    ("descriptor", "structure"),
    [
        ("7821", "directory"),
        ("3821", "directory"),
        ("4121", "transparent"),
        ("0121", "transparent"),
        ("7921", "ber-tlv"),
        ("8121", "unknown"),
    ],
)
def test_file_descriptor_byte_tells_the_structure(descriptor: str, structure: str) -> None:
    info = fcp.parse(_tlv(0x62, _tlv(0x82, bytes.fromhex(descriptor)) + _tlv(0x83, b"\x6f\x07")))
    assert info.structure.value == structure


@pytest.mark.parametrize(
    ("status", "told"),
    [("01", "creation"), ("03", "initialisation"), ("05", "activated"), ("06", "deactivated"), ("0C", "terminated"), ("20", "proprietary")],
)
def test_life_cycle_status_is_told(status: str, told: str) -> None:
    info = fcp.parse(_tlv(0x62, _tlv(0x82, b"\x41\x21") + _tlv(0x83, b"\x6f\x07") + _tlv(0x8A, bytes.fromhex(status))))
    assert info.life_cycle.value == told


@given(st.lists(st.tuples(st.sampled_from([0x80, 0x81, 0xA5, 0x9F37, 0x7F20]), st.binary(max_size=300)), max_size=5))
def test_data_objects_round_trip_with_lengths_of_one_to_three_bytes(objects: list[tuple[int, bytes]]) -> None:
    encoded = b"".join(tlv.encode(tag, value) for tag, value in objects)
    assert list(tlv.objects(encoded)) == objects
    assert list(tlv.objects(encoded + b"\xff\xff")) == objects
    with pytest.raises(MalformedCardData):
        list(tlv.objects(encoded + b"\xff\x01"))
