# SPDX-License-Identifier: Apache-2.0
"""What the simulated operator accepts: a referee that is lenient anywhere would let the terminal be wrong there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.backend import shapes, signatures, strict_cbor
from simulators.backend.bodies import members, octets
from simulators.backend.errors import ApiError
from simulators.backend.identity import check_digit
from simulators.backend.signatures import NotAuthentic
from simulators.backend.strict_cbor import Malformed

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "backend" / "session.json").read_text(encoding="utf-8"))
THOROUGH = settings(max_examples=2000, deadline=None)
RECORD, RESULT = bytes.fromhex(VECTOR["record"]["message"]), bytes.fromhex(VECTOR["result"]["message"])
SPKI = bytes.fromhex(VECTOR["keys"]["record_spki"])
KEYS = {signatures.key_id(SPKI): SPKI}
LEAF = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=33) | st.text(max_size=9) | st.booleans() | st.none()
LIST = st.lists(LEAF, max_size=3)
VALUES = LEAF | LIST | st.dictionaries(st.integers(0, 2**64 - 1), LEAF | LIST, max_size=3)


@pytest.mark.slow
@THOROUGH
@given(VALUES)
def test_what_is_encoded_is_decoded_again(value: Any) -> None:
    assert strict_cbor.loads(strict_cbor.dumps(value)) == value


@THOROUGH
@given(st.binary(max_size=200))
def test_random_bytes_are_malformed_or_the_one_encoding(data: bytes) -> None:
    try:
        assert strict_cbor.dumps(strict_cbor.loads(data)) == data
    except Malformed:
        return


@pytest.mark.parametrize(
    "data",
    [
        *("", "1800", "a201010101", "a202010101", "a1f501", "a12001", "a1616101", "f93c00"),
        *("c101", "c240", "9fff", "5f4100ff", "0000", "d81800", "f7"),
    ],
)
def test_other_encodings_and_types_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        strict_cbor.loads(bytes.fromhex(data))


def test_too_deep_and_too_long_are_malformed() -> None:
    with pytest.raises(Malformed):
        strict_cbor.loads(b"\x81" * 18 + b"\x00")
    with pytest.raises(Malformed):
        strict_cbor.loads(b"\x81" * 60000)
    with pytest.raises(Malformed):
        strict_cbor.loads(bytes(70000))


def test_the_vectors_messages_are_accepted() -> None:
    payload = signatures.verify(RECORD, typ="rnt-record", keys=KEYS)
    assert payload == bytes.fromhex(VECTOR["record"]["payload"])
    record = shapes.record(payload, RECORD)
    assert record.digest == bytes.fromhex(VECTOR["record"]["digest"])
    vault = bytes.fromhex(VECTOR["keys"]["vault_private"])
    plain = signatures.unseal(bytes.fromhex(VECTOR["items"]["sealed"]), private_key=vault, info=b"rnt/items/1" + record.session)
    assert set(shapes.items(plain, record.claims[260])) == {1, 2, 3, 4, 5, 6, 7, 20, 21}
    result = signatures.verify(RESULT, typ="rnt-result", keys=KEYS, aad=bytes.fromhex(VECTOR["approval"]["id"]))
    assert shapes.result(result)[257] == "written"


@pytest.mark.slow
@THOROUGH
@given(st.sampled_from([RECORD, RESULT]), st.data())
def test_a_flipped_or_cut_message_is_not_authentic(message: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(message) * 8 - 1))
    flipped = bytearray(message)
    flipped[position // 8] ^= 1 << position % 8
    for bad in (bytes(flipped), message[: position // 8], message + b"\x00"):
        with pytest.raises(NotAuthentic):
            signatures.verify(bad, typ="rnt-record" if message is RECORD else "rnt-result", keys=KEYS, aad=bytes(range(64, 80)))


@THOROUGH
@given(st.binary(max_size=300))
def test_random_messages_are_not_authentic(message: bytes) -> None:
    with pytest.raises(NotAuthentic):
        signatures.verify(message, typ="rnt-record", keys=KEYS)


@pytest.mark.slow
@THOROUGH
@given(st.integers(0, 300), VALUES)
def test_a_claim_of_another_type_is_malformed(key: int, value: Any) -> None:
    claims = strict_cbor.loads(bytes.fromhex(VECTOR["record"]["payload"]))
    changed = strict_cbor.dumps({**claims, key: value})
    try:
        assert set(shapes.record(changed, RECORD).claims) == {*claims, key}
    except Malformed:
        return


@pytest.mark.slow
@THOROUGH
@given(
    st.lists(st.tuples(st.binary(min_size=30, max_size=32), st.integers(0, 21), st.binary(max_size=9) | st.text(max_size=9)), max_size=2)
)
def test_random_items_are_malformed(entries: list[tuple[bytes, int, bytes | str]]) -> None:
    with pytest.raises(Malformed):
        shapes.items(strict_cbor.dumps([list(entry) for entry in entries]), {1: bytes(32)})


@pytest.mark.slow
@THOROUGH
@given(st.binary(max_size=120))
def test_random_sealed_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(NotAuthentic):
        signatures.unseal(sealed, private_key=bytes.fromhex(VECTOR["keys"]["vault_private"]), info=b"")


@THOROUGH
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"result": text}).encode()))
def test_random_request_bodies_are_the_callers_error(body: bytes) -> None:
    try:
        octets(members(body, "result")["result"])
    except ApiError as error:
        assert error.status == 400  # noqa: PT017  # some texts are good base64url


def test_a_float_key_of_python_is_not_let_through() -> None:
    with pytest.raises(Malformed):
        strict_cbor.dumps({True: 1})
    with pytest.raises(Malformed):
        strict_cbor.loads(cbor2.dumps({1: 1.0}))


@pytest.mark.parametrize(("first", "last"), [("11010519491231002", "X")])
def test_the_check_digit_is_the_published_one(first: str, last: str) -> None:
    assert check_digit(first) == last
