# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor
from firmware.core.errors import Malformed

VECTORS = json.loads(Path("tests/vectors/core/cbor.json").read_text(encoding="utf-8"))

scalars = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20) | st.booleans() | st.none()
keys = st.integers(0, 2**64 - 1)
inner = scalars | st.lists(scalars, max_size=3) | st.dictionaries(keys, scalars, max_size=3)
values = inner | st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda v: v["hex"][:24])
def test_decode_published_encoding_gives_value_and_same_bytes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert repr(cbor.decode(data)) == vector["python"]
    assert cbor.encode(cbor.decode(data)) == data


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["why"])
def test_decode_other_encoding_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        cbor.decode(bytes.fromhex(vector["hex"]))


def test_decode_shared_references_in_map_key_is_refused_at_once() -> None:
    levels, fan = 20, 8  # who resolves them builds 8**20 hashes
    head = b"".join(b"\xd8\x1c" + bytes([0x80 + fan]) for _ in range(levels)) + b"\xd8\x1c\x81\x00"
    tail = b"".join((b"\xd8\x1d" + bytes([level])) * (fan - 1) for level in range(levels, 0, -1))
    with pytest.raises(Malformed):
        cbor.decode(b"\xa1" + head + tail + b"\x01")


@pytest.mark.parametrize("size", [0, 1, 2])
def test_decode_size_at_and_over_limit(size: int) -> None:
    data = cbor.encode(bytes(size))
    assert cbor.decode(data, limit=len(data)) == bytes(size)
    with pytest.raises(Malformed):
        cbor.decode(data, limit=len(data) - 1)


def test_depth_sixteen_passes_seventeen_is_refused() -> None:
    value: Any = 0
    for _ in range(16):
        value = [value]
    assert cbor.decode(cbor.encode(value)) == value
    with pytest.raises(ValueError, match="deep"):
        cbor.encode([value])
    with pytest.raises(Malformed):
        cbor.decode(b"\x81" + cbor.encode(value))


@pytest.mark.parametrize(
    "value", [1.0, {True: 1}, {"a": 1}, {-1: 1}, (1,), {1}, bytearray(b"x"), 2**64, -(2**64) - 1, object(), cbor2.undefined, "\ud800"]
)
def test_encode_value_outside_the_rules_is_a_callers_error(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        cbor.encode(value)


def test_encode_unpaired_surrogate_error_holds_no_text() -> None:
    with pytest.raises(ValueError, match="Unicode") as caught:
        cbor.encode("name \ud800")
    assert "name" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("argument", [n + d for n in (0, 24, 1 << 8, 1 << 16, 1 << 32, 1 << 64) for d in (-1, 0, 1)])
@pytest.mark.parametrize("kind", [lambda n: n, lambda n: -1 - n, lambda n: {n: n}], ids=["unsigned", "negative", "key"])
def test_head_around_each_length_is_the_referees(kind: Callable[[int], Any], argument: int) -> None:
    value = kind(argument)
    if argument < 0 or argument >= 1 << 64:
        if isinstance(value, dict):
            with pytest.raises((TypeError, ValueError)):
                cbor.encode(value)
        return
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)
    assert cbor.decode(cbor.encode(value)) == value


@pytest.mark.parametrize("size", [n + d for n in (24, 1 << 8, 1 << 16) for d in (-1, 0)])
@pytest.mark.parametrize(
    "kind", [bytes, lambda n: "x" * n, lambda n: [0] * n, lambda n: dict.fromkeys(range(n))], ids=["bytes", "text", "array", "map"]
)
def test_length_around_each_head_is_the_referees(kind: Callable[[int], Any], size: int) -> None:
    data = cbor.encode(kind(size))
    assert data == cbor2.dumps(kind(size), canonical=True)
    assert cbor.decode(data, limit=1 << 20) == kind(size)


def accepted_by_the_referee(data: bytes) -> bool:
    """Return whether ``cbor2`` reads a value of ours out of ``data`` and writes the same bytes for it."""
    try:
        value = cbor2.loads(data)
        return cbor2.dumps(value, canonical=True) == data == cbor.encode(value)
    except Exception:  # noqa: BLE001  # decimals, dates, expressions …: whatever the library trips over, it did not accept
        return False


def assert_same_judgement(data: bytes) -> None:
    """Our reading and the referee's agree whether ``data`` is an encoding, and of what."""
    if accepted_by_the_referee(data):
        assert repr(cbor.decode(data)) == repr(cbor2.loads(data))
    else:
        with pytest.raises(Malformed):
            cbor.decode(data)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(values)
def test_round_trip_any_value_is_identity_in_the_referees_bytes(value: Any) -> None:
    data = cbor.encode(value)
    assert data == cbor2.dumps(value, canonical=True)
    assert cbor.decode(data) == value
    with pytest.raises(Malformed):
        cbor.decode(data + b"\x00")
    with pytest.raises(Malformed):
        cbor.decode(data[:-1])


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(values, st.data())
def test_decode_flipped_bytes_is_judged_as_by_the_referee(value: Any, data: st.DataObject) -> None:
    message = bytearray(cbor.encode(value))
    message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert_same_judgement(bytes(message))


@settings(max_examples=3000, deadline=None)
@given(st.binary(max_size=200))
def test_decode_random_bytes_is_judged_as_by_the_referee(data: bytes) -> None:
    assert_same_judgement(data)
