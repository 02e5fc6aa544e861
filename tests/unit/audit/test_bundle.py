# SPDX-License-Identifier: Apache-2.0
"""Selective disclosure: a bundle shows what it was made to show, proves it, and gives nothing else away."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose, hpke
from firmware.core.bundle import build_bundle, read_bundle, verify_bundle
from firmware.core.errors import Malformed, SignatureRefused
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.people import Field
from firmware.core.record import SALTS_LENGTH, Card, build_record, sign_record
from tests.support import cddl
from tests.unit.core_codecs.core_world import (
    NUMBER,
    OPERATOR_KEY,
    RECORD,
    STRANGER_KEY,
    TERMINAL_KEY,
    ScalarSigner,
    approval_message,
    draft,
    facts,
    holder,
    person,
)

ITEMS = draft().items
KEYS = Keyring([Key.from_spki(TERMINAL_KEY.spki, Purpose.RECORD), Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL)])
VALUES: dict[Field, Any] = {item[1]: item[2] for item in cbor.decode(ITEMS)}
PERL = Path(__file__).with_name("verify_bundle.pl")


def bundle(*fields: Field, **more: Any) -> bytes:
    return build_bundle(RECORD.message, ITEMS, fields, **more)


GOOD = bundle(Field.NAME, Field.BIRTH)


def test_every_choice_of_fields_shows_exactly_those() -> None:
    known = list(VALUES)
    for size in (0, 1, 2, len(known)):
        for chosen in itertools.combinations(known, size):
            found = verify_bundle(bundle(*chosen), keyring=KEYS)
            assert dict(found.values) == {field: VALUES[field] for field in chosen}
            assert found.record == RECORD
            assert not found.approved


def test_fields_left_out_are_not_in_the_bundle_in_any_form() -> None:
    """Neither value nor salt: without the salt nobody can test a guess at the value against its digest."""
    data = bundle(Field.BIRTH)
    for salt, field, value in cbor.decode(ITEMS):
        shown = field == Field.BIRTH
        assert (salt in data) == shown
        encoded = value if isinstance(value, bytes) else value.encode()
        assert (encoded in data) == (shown or encoded == b"")


def test_bundle_is_what_the_message_text_says() -> None:
    assert cddl.valid("bundle", bundle())
    assert cddl.valid("bundle", bundle(*VALUES, approval=approval_message()))
    content = cbor.decode(bundle(Field.NAME))
    for key in content:
        assert not cddl.valid("bundle", cbor.encode({k: v for k, v in content.items() if k != key}))
    assert not cddl.valid("bundle", cbor.encode(content | {999: 0}))
    assert not cddl.valid("bundle", cbor.encode(content | {258: [[bytes(31), 1, "x"]]}))


def test_approval_in_a_bundle_must_be_the_operators_word_about_this_record() -> None:
    assert verify_bundle(bundle(approval=approval_message()), keyring=KEYS).approved
    for bad in (
        approval_message(aad=bytes(32)),
        approval_message(signer=STRANGER_KEY),
        approval_message(signer=TERMINAL_KEY),
        approval_message(typ=cose.Type.ACK),
        RECORD.message,
    ):
        with pytest.raises(SignatureRefused):
            verify_bundle(bundle(approval=bad), keyring=KEYS)
    with pytest.raises(Malformed):
        verify_bundle(bundle(approval=approval_message(c10=bytes(16))), keyring=KEYS)


def test_item_changed_moved_doubled_or_of_another_record_is_refused() -> None:
    content = cbor.decode(bundle(Field.NAME, Field.BIRTH))
    name, birth = content[258]
    foreign = [b"\x01" * 32, 1, "测试乙"]
    for items in (
        [[name[0], 1, "测试乙"], birth],
        [[name[0], 4, name[2]]],
        [[birth[0], 1, name[2]], birth],
        [name, name],
        [birth, name],
        [foreign, birth],
        [[name[0], 99, name[2]]],
        [name[:2], birth],
        [[name[0], 1, name[2].encode()]],
    ):
        with pytest.raises(Malformed):
            verify_bundle(cbor.encode(content | {258: items}), keyring=KEYS)


def test_bundle_of_fields_the_record_lacks_is_not_made() -> None:
    with pytest.raises(ValueError, match="no such field"):
        bundle(Field.NATIONALITY)
    with pytest.raises(Malformed):
        build_bundle(RECORD.message, cbor.encode([[bytes(32), 1, "x"]]), [Field.NAME])


def test_every_bit_flipped_outside_the_record_and_every_truncation_is_refused() -> None:
    """Those inside are the record's own test."""
    record = range(GOOD.index(RECORD.message), GOOD.index(RECORD.message) + len(RECORD.message))
    for bit in range(len(GOOD) * 8):
        if bit // 8 in record:
            continue
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Malformed, SignatureRefused)):
            verify_bundle(bytes(flipped), keyring=KEYS)
    for length in range(len(GOOD)):
        with pytest.raises((Malformed, SignatureRefused)):
            verify_bundle(GOOD[:length], keyring=KEYS)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 1200), st.integers(0, 1200))
def test_random_and_spliced_bundle_is_refused_or_the_same(insert: bytes, start: int, end: int) -> None:
    data = GOOD[:start] + insert + GOOD[end:]
    try:
        found = verify_bundle(data, keyring=KEYS)
    except (Malformed, SignatureRefused):
        return
    assert found.record == RECORD
    assert read_bundle(data).record == RECORD.message


def test_record_approval_and_bundle_verify_after_the_items_are_gone() -> None:
    bare = verify_bundle(bundle(approval=approval_message()), keyring=KEYS)
    assert bare.approved
    assert dict(bare.values) == {}
    assert [field for field, _ in bare.record.record.digests] == sorted(VALUES)


# ---- GA-40: two records of the same person, card and document have nothing in common that names them


def record_of(iccid: str = "89860011111111111111", **changes: Any) -> tuple[bytes, bytes]:
    """Return a signed record and its items, of the persona or of somebody with other values; all else is the unit's and random."""
    session = os.urandom(16)
    said = facts(
        session=session,
        nonce=os.urandom(16),
        boot_id=os.urandom(16),
        journal=os.urandom(32),
        profile_key=hpke.public_of(os.urandom(32)),
        card=Card(iccid, b"\x3b\x00", "test-uicc"),
    )
    made = build_record(said, (person(holder=holder(**changes)),), salts=os.urandom(SALTS_LENGTH))
    return sign_record(made, TERMINAL_KEY).message, made.items


def runs(value: Any) -> set[bytes]:
    """Return every run of eight bytes in the strings of a decoded record: none is half drawn and half the same everywhere."""
    match value:
        case bytes():
            return {value[at : at + 8] for at in range(len(value) - 7)}
        case str():
            return runs(value.encode())
        case dict():
            return runs([*value.values()])
        case list():
            return set().union(*map(runs, value))
        case _:
            return set()


def said(message: bytes) -> dict[int, Any]:
    """Return what a signed record says."""
    payload: dict[int, Any] = cbor.decode(cbor.decode(message[1:])[2])
    return payload


SOMEBODY_ELSE = {"name": "样例乙", "address": "另省另市样例路2号", "issuer": "另市公安局", "valid_from": "20190203", "valid_to": "20390203"}


@pytest.mark.clause("DS-15", "GA-40")
def test_two_records_of_the_same_person_have_in_common_only_what_any_two_records_have() -> None:
    first, second = said(record_of()[0]), said(record_of("89860022222222222222")[0])
    stranger = said(record_of("89860033333333333333", **SOMEBODY_ELSE)[0])
    assert runs(first) & runs(second) == runs(first) & runs(stranger)
    digests = [record[260] for record in (first, second)]
    assert digests[0].keys() == digests[1].keys()
    assert not set(digests[0].values()) & set(digests[1].values())


def test_plain_hash_of_nothing_personal_stands_in_a_record() -> None:
    """T-5: with the record alone, whoever knows every number and portrait there is learns nothing."""
    message, items = record_of()
    for value in VALUES.values():
        raw = value if isinstance(value, bytes) else value.encode()
        guesses = [raw, cbor.encode(value), b"\x00" * 32 + raw, cbor.encode([bytes(32), 2, value])]
        assert not any(hashlib.sha256(guess).digest() in message for guess in guesses)
        assert raw not in message or len(raw) < 8
    assert NUMBER.encode() in items


# ---- the same bundle, verified by a script that shares nothing with us


def perl(data: bytes, tmp_path: Path, signer: ScalarSigner = TERMINAL_KEY) -> subprocess.CompletedProcess[bytes]:
    (tmp_path / "bundle").write_bytes(data)
    (tmp_path / "key.pem").write_bytes(signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return subprocess.run(["perl", str(PERL), str(tmp_path / "bundle"), str(tmp_path / "key.pem")], capture_output=True, check=False)


def test_script_in_another_language_proves_the_same_fields(tmp_path: Path) -> None:
    done = perl(bundle(Field.NAME, Field.BIRTH, approval=approval_message()), tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"1 {VALUES[Field.NAME]}\n4 {VALUES[Field.BIRTH]}\n"


def test_script_in_another_language_refuses_what_we_refuse(tmp_path: Path) -> None:
    content = cbor.decode(bundle(Field.NAME))
    record = bytearray(content[257])
    record[len(record) // 2] ^= 1
    lie = [content[258][0][0], 1, "测试乙"]
    for bad, reason in (
        (cbor.encode(content | {258: [lie]}), b"field 1"),
        (cbor.encode(content | {257: bytes(record)}), b"signature"),
        (cbor.encode(content | {257: approval_message()}), b"not a record"),
    ):
        done = perl(bad, tmp_path)
        assert done.returncode != 0
        assert reason in done.stderr
    assert b"signature" in perl(bundle(Field.NAME), tmp_path, STRANGER_KEY).stderr


def test_script_in_another_language_is_short_enough_to_be_read_by_an_inspector() -> None:
    lines = [line for line in PERL.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 25
