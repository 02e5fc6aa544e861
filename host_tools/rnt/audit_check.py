# SPDX-License-Identifier: Apache-2.0
"""Whether an exported audit log is the one its unit signed and its holders know. Needs public keys and nothing of the terminal.

Rules
* The log is read once, in memory of log n.
* A checkpoint in the log signs the tree of exactly the rows before it and names the checkpoint before it; a countersignature answers the
  last checkpoint before it.
* A checkpoint held from elsewhere must be in the log as the row it says it is. A log shorter than that is *truncated*, one with other
  rows *forked*; a log that contradicts its own signatures or sums is *edited*.
* What is not believed is :class:`LogRefused`, with the row it shows at.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from firmware.core.checkpoint import FIRST, SignedCheckpoint, read_checkpoint, verify_checkpoint, verify_countersignature
from firmware.core.errors import Malformed, SignatureRefused
from firmware.journal.audit_file import End, Head, LoggedRow, decode_part, decode_proof
from firmware.journal.merkle import leaf_hash, verify_inclusion
from firmware.journal.proofs import Collector
from firmware.journal.values import CHECKPOINT, COUNTERSIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from firmware.core.keyring import Keyring
    from firmware.journal.audit_file import Part

PROGRESS_EVERY = 100_000


class LogFault(StrEnum):
    """What is wrong with a log."""

    MALFORMED = "malformed"
    """Not an audit log, or not in the one accepted form."""
    SIGNATURE = "signature"
    """A checkpoint or countersignature is not signed by one of the keys given."""
    EDITED = "edited"
    """The rows are not those its own checkpoints sign."""
    TRUNCATED = "truncated"
    """Rows are missing that a checkpoint held elsewhere has signed."""
    FORKED = "forked"
    """The unit's key has signed another history."""
    TERMINAL = "terminal"
    """The log, or a checkpoint, is another unit's."""


class LogRefused(Exception):
    """The log is not believed; ``row`` is where it shows, 0 when nowhere in particular."""

    def __init__(self, fault: LogFault, row: int, what: str) -> None:
        super().__init__(f"{what} (row {row})" if row else what)
        self.fault, self.row = fault, row


@dataclass(slots=True)
class Found:
    """What a good log holds. ``covered`` rows are under the last checkpoint, ``witnessed`` rows under the last countersigned one."""

    serial: str = ""
    size: int = 0
    root: bytes = b""
    checkpoints: int = 0
    covered: int = 0
    witnessed: int = 0
    records: int = 0
    spent: int = 0
    held: int = 0


class LogCheck:
    """One reading of a log. ``operator`` is the keyring for countersignatures; without one they are counted as absent."""

    def __init__(self, keyring: Keyring, operator: Keyring | None, held: Sequence[bytes]) -> None:
        self.found = Found()
        self._keyring, self._operator = keyring, operator
        self._tree = Collector(())
        self._last: SignedCheckpoint | None = None
        self._ended = False
        self._held = self._sorted(held)

    def run(self, parts: Iterable[bytes], progress: Callable[[int], None]) -> Found:
        """Return what the log holds; raises :class:`LogRefused`."""
        try:
            for data in parts:
                self._part(decode_part(data), progress)
        except Malformed as error:
            raise LogRefused(LogFault.MALFORMED, self._tree.size, f"The file is not an audit log: {error}.") from error
        if not self._ended:
            raise LogRefused(LogFault.TRUNCATED, self._tree.size, "The file has no end.")
        return self.found

    def _part(self, part: Part, progress: Callable[[int], None]) -> None:
        match part:
            case Head(serial) if serial and not self.found.serial:
                self.found.serial = serial
            case End(size, root) if self.found.serial and not self._ended:
                self._end(size, root)
                self._ended = True
            case tuple(rows) if self.found.serial and not self._ended:
                for row in rows:
                    self._row(row)
                    if row.seq % PROGRESS_EVERY == 0:
                        progress(row.seq)
            case _:
                raise Malformed("order of parts")

    def _sorted(self, held: Sequence[bytes]) -> list[SignedCheckpoint]:
        """Return the checkpoints held, by size, which must not contradict each other."""
        checkpoints = sorted((self._verified(message, 0) for message in held), key=lambda c: c.checkpoint.size)
        for number, one in enumerate(checkpoints):
            for other in checkpoints[number + 1 :]:
                same = one.checkpoint.size == other.checkpoint.size or one.checkpoint.previous == other.checkpoint.previous
                if same and one.digest != other.digest:
                    raise LogRefused(LogFault.FORKED, 0, "Two of the checkpoints held belong to different histories.")
        return checkpoints

    def _verified(self, message: bytes, row: int) -> SignedCheckpoint:
        try:
            return _genuine(message, self._keyring)
        except (SignatureRefused, Malformed) as error:
            raise LogRefused(LogFault.SIGNATURE, row, f"A checkpoint is not the unit's: {error}.") from error

    def _row(self, row: LoggedRow) -> None:
        if row.seq != self._tree.size + 1:
            raise LogRefused(LogFault.EDITED, row.seq, "Rows are missing or doubled.")
        if self._held and self._held[0].checkpoint.size == row.seq - 1:
            self._compare(self._held.pop(0), row)
        if row.outline.kind == CHECKPOINT and row.message is not None:
            self._checkpoint(row.message, row.seq)
        elif row.outline.kind == COUNTERSIGNATURE and row.message is not None:
            self._countersignature(row.message, row.seq)
        self.found.records += row.outline.record is not None
        self.found.spent += row.outline.spend is not None
        self._tree.append(leaf_hash(row.outline.digest(row.seq)))

    def _compare(self, held: SignedCheckpoint, row: LoggedRow) -> None:
        self._same_unit(held, 0)
        if held.checkpoint.root != self._tree.frontier().root() or row.message != held.message:
            raise LogRefused(LogFault.FORKED, row.seq, "A checkpoint that was held elsewhere signs another history.")
        self.found.held += 1

    def _checkpoint(self, message: bytes, seq: int) -> None:
        signed = self._verified(message, seq)
        self._same_unit(signed, seq)
        previous = self._last.digest if self._last else FIRST
        said = signed.checkpoint
        if (said.size, said.root, said.previous) != (seq - 1, self._tree.frontier().root(), previous):
            raise LogRefused(LogFault.EDITED, seq, "The rows before a checkpoint are not those it signs.")
        self._last = signed
        self.found.checkpoints += 1
        self.found.covered = said.size

    def _countersignature(self, message: bytes, seq: int) -> None:
        if self._last is None:
            raise LogRefused(LogFault.EDITED, seq, "A countersignature answers no checkpoint.")
        if self._operator is None:
            return
        try:
            verify_countersignature(message, checkpoint=self._last, keyring=self._operator, seconds=self._last.checkpoint.seconds)
        except (SignatureRefused, Malformed) as error:
            raise LogRefused(LogFault.SIGNATURE, seq, f"A countersignature is not the operator's: {error}.") from error
        self.found.witnessed = self._last.checkpoint.size

    def _same_unit(self, signed: SignedCheckpoint, seq: int) -> None:
        if signed.checkpoint.terminal != self.found.serial:
            raise LogRefused(LogFault.TERMINAL, seq, "A checkpoint is another unit's.")

    def _end(self, size: int, root: bytes) -> None:
        self.found.size, self.found.root = self._tree.size, self._tree.frontier().root()
        if self._held:
            raise LogRefused(LogFault.TRUNCATED, size, "Rows are missing that a checkpoint held elsewhere has signed.")
        if (size, root) != (self.found.size, self.found.root):
            raise LogRefused(LogFault.EDITED, size, "The rows are not those of the end.")


def check_proof(data: bytes, keyring: Keyring, operator: Keyring | None) -> tuple[SignedCheckpoint, list[LoggedRow]]:
    """Return the checkpoint of a proof and the rows it proves to be in its log; raises :class:`LogRefused`."""
    try:
        proof = decode_proof(data)
    except Malformed as error:
        raise LogRefused(LogFault.MALFORMED, 0, f"The file is not a proof: {error}.") from error
    try:
        signed = _genuine(proof.checkpoint, keyring)
        if proof.countersignature is not None and operator is not None:
            verify_countersignature(proof.countersignature, checkpoint=signed, keyring=operator, seconds=signed.checkpoint.seconds)
    except (SignatureRefused, Malformed) as error:
        raise LogRefused(LogFault.SIGNATURE, 0, f"The checkpoint or its countersignature is not genuine: {error}.") from error
    for row, path in proof.rows:
        leaf = leaf_hash(row.outline.digest(row.seq))
        if not verify_inclusion(leaf, row.seq - 1, signed.checkpoint.size, path, signed.checkpoint.root):
            raise LogRefused(LogFault.EDITED, row.seq, "A row is not in the log that the checkpoint signs.")
    return signed, [row for row, _ in proof.rows]


def _genuine(message: bytes, keyring: Keyring) -> SignedCheckpoint:
    """Return a checkpoint signed by a key that was good at the time it names."""
    return verify_checkpoint(message, keyring=keyring, seconds=read_checkpoint(message).checkpoint.seconds)


def logged_rows(parts: Iterable[bytes]) -> Iterator[LoggedRow]:
    """Yield the rows of a log without judging it; raises :class:`LogRefused` when the file is none."""
    try:
        for data in parts:
            part = decode_part(data)
            if isinstance(part, tuple):
                yield from part
    except Malformed as error:
        raise LogRefused(LogFault.MALFORMED, 0, f"The file is not an audit log: {error}.") from error


def checkpoint_size(message: bytes) -> int:
    """Return the size that an unverified checkpoint names."""
    return read_checkpoint(message).checkpoint.size
