# SPDX-License-Identifier: Apache-2.0
"""The values that go into and come out of the journal, and the shapes they must have."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ID_BYTES = 16
DIGEST_BYTES = 32
MAX_INTEGER = 2**63 - 1  # what a SQLite INTEGER holds
MAX_PAYLOAD = 1 << 20
MAX_ITEM = 8 << 20
CHECKPOINT = "audit.checkpoint"
"""Kind of the row whose payload is a signed checkpoint of the rows before it."""
COUNTERSIGNATURE = "audit.countersignature"
"""Kind of the row whose payload is the operator's countersignature of the last checkpoint."""
MARKS = frozenset({CHECKPOINT, COUNTERSIGNATURE})
STAFF_REQUESTED, STAFF_WARRANTED, STAFF_REFUSED = "staff.requested", "staff.warranted", "staff.refused"
"""Kinds of the rows about what takes two people: asked for, warranted by two, tried without two (BR-07)."""
TOLD = MARKS | {STAFF_REQUESTED, STAFF_WARRANTED, STAFF_REFUSED}
"""Kinds whose payload stands in an exported log: they are about the log and the staff, never about a subscriber."""
BIOMETRIC_NAME = "biometric/"
"""How the names of items begin that are pictures of faces or papers: they lie apart, under keys of their own (DS-10)."""
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One event: ``seq`` counts all rows of the terminal from 1, ``session`` is 16 bytes, ``payload`` holds no personal data."""

    seq: int
    session: bytes
    kind: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spend:
    """An approval about to be used: ``approval_id`` and ``nonce`` of 16 bytes, ``record`` the SHA-256 of the signed record."""

    approval_id: bytes
    nonce: bytes
    record: bytes


@dataclass(frozen=True, slots=True)
class RecordLink:
    """One link of the chain of this terminal's signed records: number from 1, SHA-256 of the signed bytes."""

    seq: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """The unit's last checkpoint as stored: its row, its signed bytes, and the row of its countersignature, if there is one."""

    seq: int
    message: bytes = field(repr=False)
    countersigned: int | None


FIRST_LINK = RecordLink(0, bytes(DIGEST_BYTES))  # what stands before the first record


def check_name(what: str, text: str) -> None:
    """Raise ``ValueError`` unless ``text`` is 1..64 of ``A-Z a-z 0-9 _ . : / -``: names stand in clear, so no free text fits."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{what} must be 1..64 characters of A-Z a-z 0-9 _ . : / -")


def check_size(what: str, value: bytes, size: int) -> None:
    """Raise ``ValueError`` unless ``value`` has exactly ``size`` bytes."""
    if len(value) != size:
        raise ValueError(f"{what} must be {size} bytes")


def check_limit(what: str, value: bytes, limit: int) -> None:
    """Raise ``ValueError`` unless ``value`` has at most ``limit`` bytes."""
    if len(value) > limit:
        raise ValueError(f"{what} must be at most {limit} bytes")


def check_spend(spend: Spend) -> None:
    """Raise ``ValueError`` unless every field has its size."""
    check_size("approval_id", spend.approval_id, ID_BYTES)
    check_size("nonce", spend.nonce, ID_BYTES)
    check_size("record", spend.record, DIGEST_BYTES)


def check_link(link: RecordLink, last: RecordLink) -> None:
    """Raise ``ValueError`` unless ``link`` follows ``last`` by exactly one."""
    check_size("record digest", link.digest, DIGEST_BYTES)
    if link.seq != last.seq + 1:
        raise ValueError(f"record number must be {last.seq + 1}, not {link.seq}")
