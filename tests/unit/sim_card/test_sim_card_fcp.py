# SPDX-License-Identifier: Apache-2.0
"""FCP templates from a hostile card: cut, flipped, oversized, random."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card import fcp
from hal.sim_card.errors import MalformedCardData

MANY = settings(max_examples=2000, deadline=None)
GOOD = bytes.fromhex("62198205422100350283026F428A01058B032F06038002006A8800")
TAGS = (0x62, 0x80, 0x82, 0x83, 0x84, 0x88, 0x8A, 0x8B, 0xA5, 0xC6, 0x82, 0x83)


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


@MANY
@given(st.binary(max_size=300))
def test_fcp_random_raises_only_malformed(template: bytes) -> None:
    _parse(template)
    _parse(b"\x62" + template)


@MANY
@given(st.binary(max_size=200))
def test_fcp_of_random_objects_raises_only_malformed(noise: bytes) -> None:
    fields, at = b"", 0
    while at + 2 <= len(noise):
        length = noise[at + 1] % 6
        fields += _tlv(TAGS[noise[at] % len(TAGS)], noise[at + 2 : at + 2 + length])
        at += 2 + length
    _parse(_tlv(0x62, fields))
    _parse(_tlv(0x62, GOOD[2:] + fields))


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
