# SPDX-License-Identifier: Apache-2.0
"""Hands the audit log out, part by part, to whoever holds the maintenance process (``rnt audit export``).

Rules
* The export ends in a checkpoint of the whole log, signed now where the terminal has its key, so that its reader sees a cut.
* The journal stays open between the parts: nothing can be added in the middle. Nothing personal is in a part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firmware.journal.audit_file import End, Head, LoggedRow, batches, encode_part
from firmware.runtime.clock import Clock
from firmware.runtime.witness import next_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware.core.cose import Signer
    from firmware.journal import Journal

PARTS_PER_ANSWER: Final = 8
"""About 180 kB as hex in one answer line."""


class LogExport:
    """One export of an open journal. ``size`` is the number of rows that will come."""

    def __init__(self, journal: Journal, serial: str, signer: Signer | None) -> None:
        self._journal = journal
        if signer is not None:
            next_checkpoint(journal, serial, Clock(journal.time_floor()), signer)
        self.size, root = journal.audit_head()
        self._parts = self._encode(serial, root)

    def next(self) -> list[bytes]:
        """Return the next parts; none when all were given."""
        return [part for _, part in zip(range(PARTS_PER_ANSWER), self._parts, strict=False)]

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _encode(self, serial: str, root: bytes) -> Iterator[bytes]:
        yield encode_part(Head(serial))
        for batch in batches(LoggedRow(*row) for row in self._journal.outlines(0)):
            yield encode_part(batch)
        yield encode_part(End(self.size, root))
