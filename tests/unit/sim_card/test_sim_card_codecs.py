# SPDX-License-Identifier: Apache-2.0
"""Codings of card files: round trips, and hostile bytes."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card.codecs import basic as codecs
from hal.sim_card.codecs import location, numbers
from hal.sim_card.errors import MalformedCardData

MANY = settings(max_examples=2000, deadline=None)
digits = st.text("0123456789", min_size=1)
network = st.builds(str.__add__, st.text("0123456789", min_size=3, max_size=3), st.text("0123456789", min_size=2, max_size=3))
with_access = st.builds(lambda n, a: f"{n}:{a:04X}", network, st.integers(0, 0xFFFF))
DECODERS: list[Callable[[bytes], Any]] = [
    codecs.decode_iccid, codecs.decode_imsi, codecs.decode_ad, codecs.decode_acc, codecs.decode_spn, numbers.decode_smsp,
    codecs.decode_plmn, codecs.decode_plmn_list, codecs.decode_plmn_act_list, codecs.decode_text,
]  # fmt: skip


LENGTHS = (2, 3, 4, 9, 10, 11, 17, 28, 53)
LIKELY = bytes.fromhex("FF0010918008F064")


@MANY
@given(st.binary(max_size=60), st.booleans(), st.sampled_from((*LENGTHS, 0, 4096)))
def test_decoders_given_any_bytes_raise_only_malformed(noise: bytes, likely: bool, length: int) -> None:  # noqa: FBT001  # drawn
    data = bytes(LIKELY[byte % 8] for byte in noise) if likely else noise
    if length:
        data = (data + b"\xff")[:length] * (1 if length < 4096 else 100)
        data = data.ljust(min(length, 60), b"\xff")
    for decode in DECODERS:
        with contextlib.suppress(MalformedCardData):
            decode(data)


@given(st.text("0123456789ABCDE", min_size=1, max_size=20))
def test_iccid_round_trips(iccid: str) -> None:
    assert codecs.decode_iccid(codecs.encode_iccid(iccid)) == iccid


@given(st.text("0123456789", min_size=1, max_size=15))
def test_imsi_round_trips(imsi: str) -> None:
    assert codecs.decode_imsi(codecs.encode_imsi(imsi)) == imsi
    assert codecs.decode_acc(codecs.encode_acc(imsi)) == {int(imsi[-1])}


@given(st.sampled_from([2, 3]))
def test_ad_round_trips(length: int) -> None:
    assert codecs.decode_ad(codecs.encode_ad(length)) == length


@given(
    st.text(codecs.BASIC.replace("\x1b", ""), max_size=16) | st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=7)
)
def test_spn_round_trips(name: str) -> None:
    assert codecs.decode_spn(codecs.encode_spn(name)) == name


@given(st.text("0123456789", min_size=1, max_size=20), st.integers(28, 255))
def test_smsp_round_trips_in_a_record_of_any_length(centre: str, length: int) -> None:
    record = numbers.encode_smsp(centre, length)
    assert len(record) == length
    assert numbers.decode_smsp(record) == centre


@given(st.lists(network, max_size=20).map(tuple), st.integers(60, 300))
def test_plmn_list_round_trips(networks: tuple[str, ...], length: int) -> None:
    data = codecs.encode_plmn_list(networks, length)
    assert len(data) == length
    assert codecs.decode_plmn_list(data) == networks


@given(st.lists(with_access, max_size=20).map(tuple), st.integers(100, 300))
def test_plmn_act_list_round_trips(networks: tuple[str, ...], length: int) -> None:
    data = codecs.encode_plmn_act_list(networks, length)
    assert len(data) == length
    assert codecs.decode_plmn_act_list(data) == networks


@given(network)
def test_loci_round_trips_as_not_updated(home: str) -> None:
    for form in (location.LOCI, location.PSLOCI, location.EPSLOCI, location.LOCI_5GS):
        value = location.unused(form, home)
        assert not value.updated
        assert location.decode_location(form, location.encode_location(form, value, form.length)) == value


@pytest.mark.parametrize(
    "encode",
    [
        lambda: codecs.encode_iccid("1" * 21), lambda: codecs.encode_imsi("1" * 16), lambda: codecs.encode_imsi(""),
        lambda: codecs.encode_ad(4), lambda: codecs.encode_spn("x" * 17), lambda: codecs.encode_spn("中" * 8),
        lambda: codecs.encode_spn("\U0001f600"), lambda: numbers.encode_smsp("1", 27), lambda: numbers.encode_smsp("1" * 21, 28),
        lambda: codecs.encode_plmn("4600"), lambda: codecs.encode_plmn_list(("46000",), 2),
        lambda: codecs.encode_plmn_act_list(("46000:4000",), 4),
    ],
)  # fmt: skip
def test_value_that_does_not_fit_is_refused(encode: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode()


def test_default_alphabet_has_one_place_for_each_character() -> None:
    assert len(codecs.BASIC) == len(set(codecs.BASIC)) == 128
    assert (codecs.BASIC.index("A"), codecs.BASIC.index("a"), codecs.BASIC.index(" ")) == (0x41, 0x61, 0x20)
