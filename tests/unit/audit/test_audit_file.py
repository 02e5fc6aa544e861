# SPDX-License-Identifier: Apache-2.0
"""The file's codec: what was written is read, what is anything else is malformed and nothing worse."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor
from firmware.core.errors import Malformed
from firmware.journal import audit_file, merkle
from firmware.journal.audit_file import End, Head, LoggedRow, Proof
from firmware.journal.entry import Outline
from firmware.journal.values import RecordLink, Spend
from tests.support import cddl
from tests.unit.audit.audit_world import CHECKPOINT, Unit

if TYPE_CHECKING:
    from pathlib import Path

ROW = LoggedRow(
    7,
    Outline(3, bytes(range(16)), "record-signed", b"\x01" * 32, Spend(b"a" * 16, b"n" * 16, b"r" * 32), RecordLink(1, b"d" * 32)),
)
PLAIN = LoggedRow(8, Outline(0, bytes(16), "opened", b"\x02" * 32, None, None))
PARTS = (Head("RNT-000001"), (ROW, PLAIN), End(8, b"\x03" * 32))
PROOF = Proof(CHECKPOINT.message, None, ((ROW, (b"\x04" * 32, b"\x05" * 32)), (PLAIN, ())))
ENCODED = [*(audit_file.encode_part(part) for part in PARTS), audit_file.encode_proof(PROOF)]


def test_parts_are_read_as_written_and_are_what_the_message_text_says() -> None:
    for part in PARTS:
        data = audit_file.encode_part(part)
        assert audit_file.decode_part(data) == part
        assert cddl.valid("audit-part", data)
    assert audit_file.decode_proof(ENCODED[-1]) == PROOF
    assert cddl.valid("audit-proof", ENCODED[-1])


def test_exported_log_is_what_the_message_text_says(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "journal.db")
    unit.live(1, 2)
    parts = list(unit.parts())
    assert all(cddl.valid("audit-part", part) for part in parts)
    file = io.BytesIO(b"".join(map(audit_file.framed, parts)))
    assert list(audit_file.read_parts(file)) == parts
    unit.journal.close()


def test_row_hashes_as_the_journal_hashes_it(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "journal.db")
    unit.live(1, 1)
    tree = merkle.Frontier()
    for seq, outline, _ in unit.journal.outlines(0):
        tree = tree.append(merkle.leaf_hash(outline.digest(seq)))
    assert (tree.size, tree.root()) == unit.journal.audit_head()
    unit.journal.close()


@pytest.mark.parametrize("data", ENCODED)
def test_every_bit_flipped_is_malformed_or_says_something_else(data: bytes) -> None:
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        for decode, encode in ((audit_file.decode_part, audit_file.encode_part), (audit_file.decode_proof, audit_file.encode_proof)):
            try:
                said = decode(bytes(flipped))
            except Malformed:
                continue
            assert encode(said) == bytes(flipped)  # type: ignore[arg-type]  # the pair fits by construction
    assert data in ENCODED


@pytest.mark.parametrize(
    "value",
    [
        ["rows", 0, [[0, bytes(16), "k", bytes(32), None, None, None]]],
        ["rows", 1, []],
        ["rows", 1, [[0, bytes(16), "k", bytes(32), None, None]]],
        ["rows", 1, [[256, bytes(16), "k", bytes(32), None, None, None]]],
        ["rows", 1, [[0, bytes(16), "a name", bytes(32), None, None, None]]],
        ["rows", 1, [[0, bytes(16), "k", bytes(32), None, None, b"payload"]]],
        ["rows", 1, [[0, bytes(16), "audit.checkpoint", bytes(32), None, None, None]]],
        ["rows", 1, [[0, bytes(16), "audit.checkpoint", bytes(32), None, None, b"other content"]]],
        ["rows", 2**63, [[0, bytes(16), "k", bytes(32), None, None, None]]],
        ["end", 1, bytes(31)],
        ["rnt-audit", 2, "RNT-000001"],
        ["other", 1, "x"],
        {},
    ],
)
def test_part_outside_the_form_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        audit_file.decode_part(cbor.encode(value))


def test_proof_with_rows_out_of_order_is_malformed() -> None:
    with pytest.raises(Malformed):
        audit_file.decode_proof(audit_file.encode_proof(Proof(b"x", None, ((PLAIN, ()), (ROW, ())))))


@pytest.mark.parametrize(
    "data",
    [b"\x01", b"\x78\x01a", b"\x58\x01a", b"\x59\x00\x18" + bytes(24), b"\x5b" + bytes(9), b"\x5f", b"\x42a", b"\x5a\x00\x01\x00\x01"],
)
def test_sequence_outside_the_form_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        list(audit_file.read_parts(io.BytesIO(data)))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, 400), st.integers(0, 400))
def test_random_and_spliced_bytes_are_malformed_or_exact(insert: bytes, which: int, start: int, end: int) -> None:
    data = ENCODED[which][:start] + insert + ENCODED[which][end:]
    for decode, encode in ((audit_file.decode_part, audit_file.encode_part), (audit_file.decode_proof, audit_file.encode_proof)):
        try:
            said = decode(data)
        except Malformed:
            continue
        assert encode(said) == data  # type: ignore[arg-type]  # the pair fits by construction
    try:
        parts = list(audit_file.read_parts(io.BytesIO(data)))
    except Malformed:
        return
    assert b"".join(map(audit_file.framed, parts)) == data
