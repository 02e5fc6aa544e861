# SPDX-License-Identifier: Apache-2.0
"""Random histories against a model that is three dictionaries."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmware.journal import AlreadySpent, ItemGone, Journal, RecordLink, Spend

STORE_KEY = bytes(range(32))
SESSIONS = [bytes([number]) * 16 for number in range(5)]
NAMES = ["holder", "biometric/portrait", "key"]
sessions = st.sampled_from(SESSIONS)
spends = st.builds(
    Spend,
    approval_id=st.sampled_from([b"1" * 16, b"2" * 16, b"3" * 16]),
    nonce=st.sampled_from([b"4" * 16, b"5" * 16, b"6" * 16]),
    record=st.sampled_from([b"7" * 32, b"8" * 32, b"9" * 32]),
)


class JournalAgainstModel(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="rnt-"))
        self.journal = Journal.open(self.home / "journal.db", STORE_KEY)
        self.rows: list[tuple[bytes, str, bytes]] = []
        self.items: dict[tuple[bytes, str], bytes] = {}
        self.erased: set[bytes] = set()
        self.closed: set[bytes] = set()
        self.spent: set[bytes] = set()
        self.records: list[bytes] = []
        self.floor = 0

    @rule(
        session=sessions,
        kind=st.sampled_from(["read", "approved"]),
        payload=st.binary(max_size=60),
        items=st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=6000), max_size=2),
        spend=st.none() | spends,
        record=st.booleans(),
        erase=st.sampled_from([False, False, False, True]),
        close=st.sampled_from([False, False, False, False, True]),
    )
    def append(
        self,
        session: bytes,
        kind: str,
        payload: bytes,
        items: dict[str, bytes],
        spend: Spend | None,
        *,
        record: bool,
        erase: bool,
        close: bool,
    ) -> None:
        link = RecordLink(len(self.records) + 1, payload.ljust(32, b"\0")[:32]) if record else None
        arguments: dict[str, Any] = {"items": items, "spend": spend, "record": link, "erase": erase, "close": close}
        commits = self.journal.commits
        if session in self.closed or (items and (erase or session in self.erased)):
            with pytest.raises(ValueError, match=r"closed|erased"):
                self.journal.append(session, kind, payload, **arguments)
            assert self.journal.commits == commits
            return
        parts = {spend.approval_id, spend.nonce, spend.record} if spend else set()
        if parts & self.spent:
            with pytest.raises(AlreadySpent):
                self.journal.append(session, kind, payload, **arguments)
            assert self.journal.commits == commits
            return
        row = self.journal.append(session, kind, payload, **arguments)
        assert self.journal.commits == commits + 1
        self.rows.append((session, kind, payload))
        assert row.seq == len(self.rows)
        self.spent |= parts
        self.items |= {(session, name): content for name, content in items.items()}
        if link:
            self.records.append(link.digest)
        if erase:
            self.erased.add(session)
            self.items = {place: content for place, content in self.items.items() if place[0] != session}
        if close:
            self.closed.add(session)

    @rule(seconds=st.integers(0, 9))
    def raise_time_floor(self, seconds: int) -> None:
        self.journal.raise_time_floor(seconds)
        self.floor = max(self.floor, seconds)

    @rule()
    def reopen(self) -> None:
        before = (self.journal.audit_head(), [self.journal.chain(session) for session in SESSIONS])
        self.journal.close()
        self.journal = Journal.open(self.home / "journal.db", STORE_KEY)
        assert (self.journal.audit_head(), [self.journal.chain(session) for session in SESSIONS]) == before

    @rule(session=sessions, name=st.sampled_from(NAMES))
    def read_item(self, session: bytes, name: str) -> None:
        if (session, name) in self.items:
            assert self.journal.item(session, name) == self.items[session, name]
        else:
            with pytest.raises(ItemGone):
                self.journal.item(session, name)

    @invariant()
    def agrees(self) -> None:
        for session in SESSIONS:
            found = [(row.session, row.kind, row.payload) for row in self.journal.rows(session)]
            assert found == [row for row in self.rows if row[0] == session]
        first_seen = dict.fromkeys(row[0] for row in self.rows)
        assert self.journal.open_sessions() == tuple(session for session in first_seen if session not in self.closed)
        assert self.journal.audit_head()[0] == len(self.rows)
        assert self.journal.last_record() == RecordLink(len(self.records), self.records[-1] if self.records else bytes(32))
        assert self.journal.time_floor() == self.floor

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.verify()
            self.journal.close()
            shutil.rmtree(self.home)


TestJournalAgainstModel = JournalAgainstModel.TestCase
TestJournalAgainstModel.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
