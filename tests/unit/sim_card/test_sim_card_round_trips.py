# SPDX-License-Identifier: Apache-2.0
"""Every codec of the table: values survive both ways, and hostile bytes raise the declared error only."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim_card.codecs import location
from hal.sim_card.codecs.basic import BASIC
from hal.sim_card.codecs.fiveg import SuciCalculation
from hal.sim_card.codecs.location import Context, Location
from hal.sim_card.codecs.names import NetworkName, OperatorArea
from hal.sim_card.codecs.numbers import EmergencyNumber, Number
from hal.sim_card.codecs.table import CODECS, TABLE, Codec
from hal.sim_card.errors import MalformedCardData
from tests.support.noise import dice, noise

MANY = settings(max_examples=2000, deadline=None)
FEW = settings(max_examples=300, deadline=None)
LONG = 255


def _digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


network = st.builds(str.__add__, _digits(3, 3), _digits(2, 3))
wild_network = st.builds(str.__add__, _digits(3, 3), st.text("0123456789D", min_size=2, max_size=3))
with_access = st.builds(lambda n, a: f"{n}:{a:04X}", network, st.integers(0, 0xFFFF))
letters = st.text(BASIC.replace("\x1b", ""), max_size=7) | st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=3)
languages = st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=2), max_size=9).map(tuple)
services = st.frozensets(st.integers(1, 8 * LONG), max_size=20)
objects = st.lists(st.tuples(st.sampled_from([0x80, 0x81, 0x82, 0x85]), st.binary(max_size=33)), max_size=5).map(tuple).map(Context)


def _located(form: location.Form) -> st.SearchStrategy[Location]:
    def exactly(length: int) -> st.SearchStrategy[bytes]:
        return st.binary(min_size=length, max_size=length)

    identity, area, spare = exactly(form.identity), exactly(len(form.area)), exactly(len(form.between))
    return st.builds(Location, identity, network | st.just(""), area, st.integers(0, 255), spare)


def _areas(most: int) -> st.SearchStrategy[OperatorArea | None]:
    area = st.integers(0, most)
    return st.none() | st.builds(OperatorArea, wild_network, area, area, st.integers(0, 255))


@st.composite
def _suci(draw: st.DrawFn) -> SuciCalculation:
    keys = draw(st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=33)), max_size=3).map(tuple))
    schemes = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(0, len(keys))), max_size=4).map(tuple))
    return SuciCalculation(schemes, keys)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ICCID": st.text("0123456789ABCDE", min_size=1, max_size=20),
    "IMSI": _digits(1, 15),
    "AD": st.sampled_from([2, 3]),
    "ACC": st.frozensets(st.integers(0, 15)),
    "SPN": letters,
    "HPPLMN": st.integers(0, 255),
    "SMSP": _digits(1, 20),
    "MSISDN": st.builds(Number, _digits(1, 20), letters, st.integers(0, 254)),
    "ECC": st.builds(EmergencyNumber, _digits(1, 6), letters, st.integers(0, 255)),
    "PNN": st.none() | st.builds(NetworkName, letters, letters),
    "OPL": _areas(0xFFFF),
    "OPL5G": _areas(0xFFFFFF),
    "UAC_AIC": st.frozensets(st.integers(1, 8)),
    "SUCI_Calc_Info": _suci(),
    "Routing_Indicator": _digits(0, 4),
    "LOCI": _located(location.LOCI),
    "PSLOCI": _located(location.PSLOCI),
    "EPSLOCI": _located(location.EPSLOCI),
    **dict.fromkeys(("5GS3GPPLOCI", "5GSN3GPPLOCI"), _located(location.LOCI_5GS)),
    **dict.fromkeys(("PL", "LI"), languages),
    **dict.fromkeys(("UST", "EST"), services),
    **dict.fromkeys(("FPLMN", "EHPLMN"), st.lists(network, max_size=20).map(tuple)),
    **dict.fromkeys(("PLMNwAcT", "OPLMNwAcT", "HPLMNwAcT"), st.lists(with_access, max_size=20).map(tuple)),
    **dict.fromkeys(("EPSNSC", "5GS3GPPNSC", "5GSN3GPPNSC", "5GAUTHKEYS", "SUPI_NAI"), objects),
}
WITHOUT_OWN_LENGTH = {"OPL": 8, "OPL5G": 10, "Routing_Indicator": 4, "HPPLMN": 1}


def test_every_codec_of_the_table_has_a_round_trip() -> None:
    assert set(VALUES) == set(CODECS)


@pytest.mark.parametrize("codec", TABLE, ids=lambda codec: codec.name)
@FEW
@given(data=st.data())
def test_codec_gives_back_the_value_it_was_given(codec: Codec, data: st.DataObject) -> None:
    value = data.draw(VALUES[codec.name])
    encoded = codec.encode(value, WITHOUT_OWN_LENGTH.get(codec.name, LONG))
    decoded = codec.decode(encoded)
    if codec.name in {"PNN", "SUCI_Calc_Info", "PL", "LI"} and not encoded.strip(b"\xff"):
        return  # nothing written reads as nothing
    if isinstance(value, Context) and codec.name.endswith("NSC") and not value.present:
        assert not decoded.present
        return
    assert decoded == value


@pytest.mark.parametrize("codec", TABLE, ids=lambda codec: codec.name)
@FEW
@given(data=st.data(), length=st.integers(0, 60))
def test_codec_given_any_length_encodes_or_says_it_does_not_fit(codec: Codec, data: st.DataObject, length: int) -> None:
    with contextlib.suppress(ValueError):
        codec.encode(data.draw(VALUES[codec.name]), length)


LIKELY = bytes.fromhex("FF0010918008F064A0A14380816282")
CUTS = (0, 1, 2, 4, 8, 9, 10, 11, 14, 17, 18, 20, 28, 53)


def hostile(raw: bytes, length: int, *, likely: bool) -> None:
    """Give every codec the same bytes: of values that mean something when ``likely``, and of ``length`` unless that is 0."""
    data = bytes(LIKELY[byte % len(LIKELY)] for byte in raw) if likely else raw
    data = data[:length].ljust(length, b"\xff") if length else data
    for codec in TABLE:
        with contextlib.suppress(MalformedCardData):
            codec.decode(data)


@pytest.mark.slow
@MANY
@given(raw=st.binary(max_size=70), likely=st.booleans(), length=st.sampled_from(CUTS))
def test_codecs_given_hostile_bytes_raise_only_malformed(raw: bytes, likely: bool, length: int) -> None:  # noqa: FBT001  # drawn
    hostile(raw, length, likely=likely)


@pytest.mark.slow
def test_codecs_given_20000_noises_raise_only_malformed() -> None:
    drawn = dice("shape")
    for raw in noise("codecs", 70):
        hostile(raw, drawn.choice(CUTS), likely=drawn.random() < 0.5)


@pytest.mark.slow
@MANY
@given(data=st.data())
def test_codecs_given_good_bytes_flipped_or_cut_raise_only_malformed(data: st.DataObject) -> None:
    codec = data.draw(st.sampled_from(TABLE))
    encoded = codec.encode(data.draw(VALUES[codec.name]), WITHOUT_OWN_LENGTH.get(codec.name, LONG))
    drawn = dice(encoded.hex())
    for _ in range(10):  # of each good file ten bad ones: 20,000 in all
        changed = bytearray(encoded)
        for _ in range(drawn.randint(0, 3)):
            place = drawn.randrange(len(encoded) * 8)
            changed[place // 8] ^= 1 << place % 8
        with contextlib.suppress(MalformedCardData):
            codec.decode(bytes(changed[: drawn.randint(0, len(encoded))]))
