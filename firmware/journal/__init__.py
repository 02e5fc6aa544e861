# SPDX-License-Identifier: Apache-2.0
"""Durable truth of all sessions: events, sealed personal items, spent approvals and the audit tree in one SQLite file."""

from __future__ import annotations

from firmware.journal.errors import AlreadySpent, ItemGone, JournalBusy, JournalCorrupt, JournalError, JournalFailed
from firmware.journal.journal import Journal
from firmware.journal.values import RecordLink, Row, Spend

__all__ = [
    "AlreadySpent",
    "ItemGone",
    "Journal",
    "JournalBusy",
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "RecordLink",
    "Row",
    "Spend",
]
