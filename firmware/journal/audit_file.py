# SPDX-License-Identifier: Apache-2.0
"""The audit log as a file and the proof that rows are in it (``messages.cddl``: audit-part, audit-proof).

Decides whether bytes are one of these. Whether a log fits its checkpoints is for whoever verifies it to say.

Rules
* A file is a CBOR sequence (RFC 8742) of byte strings, each the deterministic encoding of one part: one head, rows in order, one end.
  It is written and read part by part, so its length costs no memory.
* A row is given as what is hashed of it: nothing personal, no payload but that of checkpoints, countersignatures and of
  what takes two people.
* What is not the one accepted form is :class:`~firmware.core.errors.Malformed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims
from firmware.core.errors import Malformed
from firmware.journal.entry import Outline
from firmware.journal.values import MAX_INTEGER, TOLD, RecordLink, Spend, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

FILE, PROOF, ROWS, END = "rnt-audit", "rnt-proof", "rows", "end"
VERSION: Final = 1
ROWS_PER_PART: Final = 128
"""Rows of 150 bytes; with a few checkpoints among them a part stays far below the 64 KiB a decoder takes."""
_HEAD_BYTES: Final = {0x18: 1, 0x19: 2, 0x1A: 4}
_BSTR, _DIRECT, _FLAGS = 0x40, 24, 0xFF


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """One row of the log: its number from 1, what is hashed of it, and the payload of a kind that is told."""

    seq: int
    outline: Outline
    message: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: whose log it is."""

    serial: str


@dataclass(frozen=True, slots=True)
class End:
    """The end of a file: size and root of the tree over all its rows."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Rows with their inclusion paths in the tree that ``checkpoint`` signs."""

    checkpoint: bytes = field(repr=False)
    countersignature: bytes | None = field(repr=False)
    rows: tuple[tuple[LoggedRow, tuple[bytes, ...]], ...]


Part = Head | End | tuple[LoggedRow, ...]


def encode_part(part: Part) -> bytes:
    """Return the encoding of one part; rows are consecutive."""
    match part:
        case Head(serial):
            return cbor.encode([FILE, VERSION, serial])
        case End(size, root):
            return cbor.encode([END, size, root])
        case _:
            return cbor.encode([ROWS, part[0].seq, [_to_row(row) for row in part]])


def decode_part(data: bytes) -> Part:
    """Return the part that ``data`` encodes."""
    value = claims.array(cbor.decode(data), 3)
    word, number, content = value
    if word == FILE:
        if claims.uint(number) != VERSION:
            raise Malformed("version")
        return Head(claims.text(content))
    if word == END:
        return End(claims.uint(number), claims.digest(content))
    if word != ROWS or not claims.uint(number) or not claims.array(content):
        raise Malformed("part")
    return tuple(_from_row(seq, row) for seq, row in enumerate(content, start=number))


def framed(data: bytes) -> bytes:
    """Return ``data`` as a byte string of the sequence."""
    return cbor.encode(data)


def read_parts(file: BinaryIO) -> Iterator[bytes]:
    """Yield the encodings of the parts of an open file, one after the other."""
    while head := file.read(1):
        info = head[0] - _BSTR
        more = _HEAD_BYTES.get(info, 0)
        if info < 0 or (info >= _DIRECT and not more):
            raise Malformed("not a sequence of byte strings")
        length = file.read(more)
        size = int.from_bytes(length, "big") if more else info
        if size > cbor.MAX_BYTES:
            raise Malformed("too long")
        data = file.read(size)
        if framed(data)[: 1 + more] != head + length or len(data) != size:
            raise Malformed("truncated")
        yield data


def encode_proof(proof: Proof) -> bytes:
    """Return the encoding of a proof."""
    rows = [[row.seq, _to_row(row), list(path)] for row, path in proof.rows]
    return cbor.encode([PROOF, VERSION, proof.checkpoint, proof.countersignature, rows])


def decode_proof(data: bytes) -> Proof:
    """Return the proof that ``data`` encodes."""
    word, version, checkpoint, countersignature, rows = claims.array(cbor.decode(data), 5)
    if word != PROOF or claims.uint(version) != VERSION or not claims.array(rows):
        raise Malformed("proof")
    proven = tuple(_proven(entry) for entry in rows)
    if any(before[0].seq >= after[0].seq for before, after in pairwise(proven)):
        raise Malformed("rows ascend")
    return Proof(claims.octets(checkpoint), None if countersignature is None else claims.octets(countersignature), proven)


def batches(rows: Iterable[LoggedRow]) -> Iterator[tuple[LoggedRow, ...]]:
    """Yield consecutive rows in parts of at most :data:`ROWS_PER_PART`."""
    batch: list[LoggedRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_PER_PART:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def _proven(entry: Any) -> tuple[LoggedRow, tuple[bytes, ...]]:
    seq, row, path = claims.array(entry, 3)
    return _from_row(claims.uint(seq), row), tuple(claims.digest(node) for node in claims.array(path))


def _to_row(row: LoggedRow) -> list[Any]:
    o = row.outline
    spent = None if o.spend is None else [o.spend.approval_id, o.spend.nonce, o.spend.record]
    linked = None if o.record is None else [o.record.seq, o.record.digest]
    return [o.flags, o.session, o.kind, o.content, spent, linked, row.message]


def _from_row(seq: int, value: Any) -> LoggedRow:
    flags, session, kind, content, spent, linked, message = claims.array(value, 7)
    if not 1 <= seq <= MAX_INTEGER:
        raise Malformed("row number")
    try:
        check_name("kind", claims.text(kind))
    except ValueError:
        raise Malformed("kind") from None
    outline = Outline(claims.uint(flags, _FLAGS), claims.id16(session), kind, claims.digest(content), _spend(spent), _link(linked))
    if (message is None) == (kind in TOLD) or (message is not None and sha256(claims.octets(message)).digest() != content):
        raise Malformed("message")
    return LoggedRow(seq, outline, message)


def _spend(value: Any) -> Spend | None:
    if value is None:
        return None
    approval_id, nonce, record = claims.array(value, 3)
    return Spend(claims.id16(approval_id), claims.id16(nonce), claims.digest(record))


def _link(value: Any) -> RecordLink | None:
    if value is None:
        return None
    sequence, digest = claims.array(value, 2)
    return RecordLink(claims.uint(sequence), claims.digest(digest))
