# SPDX-License-Identifier: Apache-2.0
"""What the journal can answer instead of a value. World errors only; a caller's mistake is a ``ValueError`` before anything is written.

No message carries a payload, an item or a key.
"""

from __future__ import annotations


class JournalError(Exception):
    """Root of everything the journal lets out."""


class AlreadySpent(JournalError):
    """The approval, its nonce or its record was spent before. Nothing was appended; do not write the card."""


class ItemGone(JournalError):
    """The session holds no such item: it was erased, or never stored."""


class JournalBusy(JournalError):
    """Another process (or another :class:`Journal`) has the file open. Nothing was read."""


class JournalCorrupt(JournalError):
    """The file is not the journal of this terminal, or its content does not add up. Take the terminal out of service."""


class JournalFailed(JournalError):
    """The storage failed, and every later call says so again. End the process; opening anew verifies the file."""
