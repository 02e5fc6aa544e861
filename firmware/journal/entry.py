# SPDX-License-Identifier: Apache-2.0
"""One row as it is hashed: the digest that goes into the audit tree and into the session's chain.

The digest covers the row and everything written for good beside it (spent approval, record link, flags), but only the payload's
SHA-256, so the log of digests can be handed out. Encoding: fixed-width big-endian fields, variable ones led by their length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from firmware.journal.values import DIGEST_BYTES

if TYPE_CHECKING:
    from firmware.journal.values import RecordLink, Spend

ERASES: Final = 1
CLOSES: Final = 2
CHAIN_START: Final = bytes(DIGEST_BYTES)
_HEAD = struct.Struct(">QBB")
_NUMBER = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Outline:
    """What is hashed of a row: all of it but the payload, of which ``content`` is the SHA-256. Nothing personal: it may be handed out."""

    flags: int
    session: bytes
    kind: str
    content: bytes
    spend: Spend | None
    record: RecordLink | None

    def digest(self, seq: int) -> bytes:
        """Return the leaf entry of this row as number ``seq``."""
        kind = self.kind.encode()
        parts = [b"rnt/row/1", _HEAD.pack(seq, self.flags, len(kind)), self.session, kind, self.content]
        if self.spend:
            parts += [b"S", self.spend.approval_id, self.spend.nonce, self.spend.record]
        if self.record:
            parts += [b"R", _NUMBER.pack(self.record.seq), self.record.digest]
        return sha256(b"".join(parts)).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with what belongs to it."""

    seq: int
    session: bytes
    flags: int
    kind: str
    payload: bytes
    spend: Spend | None
    record: RecordLink | None

    def digest(self) -> bytes:
        """Return SHA-256 over the entry: the audit tree's leaf entry."""
        return self.outline().digest(self.seq)

    def outline(self) -> Outline:
        """Return what is hashed of the entry."""
        return Outline(self.flags, self.session, self.kind, sha256(self.payload).digest(), self.spend, self.record)


def next_chain(chain: bytes, digest: bytes) -> bytes:
    """Return the session's chain one row further: SHA-256(chain || row digest), from 32 zero bytes."""
    return sha256(chain + digest).digest()
