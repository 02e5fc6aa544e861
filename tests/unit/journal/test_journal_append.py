# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from firmware.journal import AlreadySpent, ItemGone, Journal, JournalFailed, RecordLink, Row, Spend, merkle
from firmware.journal.entry import Entry, next_chain
from firmware.journal.schema import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

STORE_KEY = bytes(range(32))
A, B = b"a" * 16, b"b" * 16
SPEND = Spend(b"i" * 16, b"n" * 16, b"r" * 32)


def test_append_returns_the_row_with_the_next_number(journal: Journal) -> None:
    assert journal.append(A, "session.opened", b"one") == Row(1, A, "session.opened", b"one")
    assert journal.append(B, "session.opened", b"two").seq == 2


def test_rows_of_interleaved_sessions_come_back_per_session_in_order(journal: Journal) -> None:
    for number in range(6):
        journal.append((A, B)[number % 2], "k", bytes([number]))
    assert [row.payload for row in journal.rows(A)] == [b"\0", b"\2", b"\4"]
    assert [row.seq for row in journal.rows(B)] == [2, 4, 6]


def test_rows_of_an_unknown_session_are_none(journal: Journal) -> None:
    assert journal.rows(A) == ()
    assert journal.chain(A) == bytes(32)


def test_everything_appended_is_there_after_reopening(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as first:
        first.append(A, "k", b"one", items={"holder": b"secret"}, spend=SPEND, record=RecordLink(1, b"d" * 32))
        first.append(B, "k", b"two")
        first.append(B, "k", b"three", close=True)
        before = (first.rows(A), first.rows(B), first.audit_head(), first.chain(A), first.chain(B), first.last_record())
    with Journal.open(path, STORE_KEY) as second:
        assert (second.rows(A), second.rows(B), second.audit_head(), second.chain(A), second.chain(B), second.last_record()) == before
        assert second.item(A, "holder") == b"secret"
        assert second.open_sessions() == (A,)
        with pytest.raises(AlreadySpent):
            second.append(A, "k", b"", spend=SPEND)


def test_open_sessions_are_listed_oldest_first_until_closed(journal: Journal) -> None:
    journal.append(B, "k", b"")
    journal.append(A, "k", b"")
    journal.append(B, "k", b"")
    assert journal.open_sessions() == (B, A)
    journal.append(B, "k", b"", close=True)
    assert journal.open_sessions() == (A,)


def test_append_to_a_closed_session_is_refused(journal: Journal) -> None:
    journal.append(A, "k", b"", close=True)
    with pytest.raises(ValueError, match="closed"):
        journal.append(A, "k", b"")
    assert journal.audit_head()[0] == 1


@pytest.mark.clause("DS-21", "T-6")
@pytest.mark.parametrize(
    "again",
    [
        SPEND,
        replace(SPEND, nonce=b"m" * 16, record=b"s" * 32),
        replace(SPEND, approval_id=b"j" * 16, record=b"s" * 32),
        replace(SPEND, approval_id=b"j" * 16, nonce=b"m" * 16),
    ],
)
def test_spending_an_approval_nonce_or_record_again_appends_nothing(journal: Journal, again: Spend) -> None:
    journal.append(A, "write.started", b"", spend=SPEND)
    before = (journal.audit_head(), journal.chain(A), journal.commits)
    with pytest.raises(AlreadySpent):
        journal.append(B, "write.started", b"", items={"x": b"y"}, spend=again, record=RecordLink(1, b"d" * 32))
    assert (journal.audit_head(), journal.chain(A), journal.commits) == before
    assert journal.open_sessions() == (A,)
    assert journal.rows(B) == ()
    assert journal.last_record().seq == 0
    with pytest.raises(ItemGone):
        journal.item(B, "x")
    journal.append(B, "write.started", b"", spend=Spend(b"j" * 16, b"m" * 16, b"s" * 32))


def test_record_links_count_from_one_without_gap_or_repeat(journal: Journal) -> None:
    assert journal.last_record() == RecordLink(0, bytes(32))
    journal.append(A, "k", b"", record=RecordLink(1, b"1" * 32))
    for wrong in (0, 1, 3):
        with pytest.raises(ValueError, match="must be 2"):
            journal.append(A, "k", b"", record=RecordLink(wrong, b"2" * 32))
    journal.append(A, "k", b"", record=RecordLink(2, b"2" * 32))
    assert journal.last_record() == RecordLink(2, b"2" * 32)


BAD: list[dict[str, Any]] = [
    {"session": b"short"},
    {"session": b"l" * 17},
    {"kind": ""},
    {"kind": "k" * 65},
    {"kind": "two words"},
    {"kind": "姓名"},
    {"payload": bytes((1 << 20) + 1)},
    {"items": {"": b""}},
    {"items": {"王": b""}},
    {"items": {"x": bytes((8 << 20) + 1)}},
    {"items": {"x": b""}, "erase": True},
    {"spend": replace(SPEND, approval_id=b"")},
    {"spend": replace(SPEND, nonce=bytes(17))},
    {"spend": replace(SPEND, record=bytes(16))},
    {"record": RecordLink(1, b"")},
]


@pytest.mark.parametrize("bad", BAD)
def test_append_of_malformed_arguments_is_refused_and_writes_nothing(journal: Journal, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        journal.append(**{"session": A, "kind": "k", "payload": b"", **bad})
    assert (journal.commits, journal.audit_head()[0]) == (len(MIGRATIONS), 0)  # their commits made the tables
    journal.append(A, "k", b"")


def test_commits_count_one_for_each_append_and_each_raised_floor(journal: Journal) -> None:
    start = journal.commits
    journal.append(A, "k", b"", items={"x": b"y"}, spend=SPEND, record=RecordLink(1, b"d" * 32))
    assert journal.commits == start + 1
    journal.append(A, "k", b"", erase=True, close=True)
    journal.raise_time_floor(5)
    assert journal.commits == start + 3
    journal.raise_time_floor(5)
    assert journal.commits == start + 3


def test_time_floor_only_rises_and_survives_reopening(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        assert journal.time_floor() == 0
        journal.raise_time_floor(1_700_000_000)
        journal.raise_time_floor(5)
    with Journal.open(path, STORE_KEY) as journal:
        assert journal.time_floor() == 1_700_000_000


@pytest.mark.parametrize("seconds", [-1, 1 << 63])
def test_time_floor_outside_the_range_is_refused(journal: Journal, seconds: int) -> None:
    with pytest.raises(ValueError, match="not a time"):
        journal.raise_time_floor(seconds)


@pytest.mark.clause("JX-38", "AH-04")
def test_audit_head_and_chain_follow_from_the_rows_as_documented(journal: Journal) -> None:
    link = RecordLink(1, b"d" * 32)
    journal.append(A, "k", b"payload")
    journal.append(A, "last", b"", spend=SPEND, record=link, erase=True, close=True)
    first = b"rnt/row/1" + (1).to_bytes(8, "big") + b"\x00\x01" + A + b"k" + sha256(b"payload").digest()
    second = b"rnt/row/1" + (2).to_bytes(8, "big") + b"\x03\x04" + A + b"last" + sha256(b"").digest()
    second += b"S" + SPEND.approval_id + SPEND.nonce + SPEND.record + b"R" + (1).to_bytes(8, "big") + link.digest
    digests = [sha256(first).digest(), sha256(second).digest()]
    assert Entry(1, A, 0, "k", b"payload", None, None).digest() == digests[0]
    assert journal.audit_head() == (2, merkle.root([merkle.leaf_hash(digest) for digest in digests]))
    assert journal.chain(A) == next_chain(next_chain(bytes(32), digests[0]), digests[1])


def test_proofs_verify_against_the_audit_heads_the_journal_gave(journal: Journal) -> None:
    heads = [journal.audit_head()]
    for number in range(11):
        journal.append(A, "k", bytes([number]))
        heads.append(journal.audit_head())
    size, head = heads[-1]
    for old, old_head in heads[1:]:
        assert merkle.verify_consistency(old, old_head, size, head, journal.consistency_proof(old))
    entry = Entry(4, A, 0, "k", b"\3", None, None)
    assert merkle.verify_inclusion(merkle.leaf_hash(entry.digest()), 3, size, journal.inclusion_proof(4), head)
    assert journal.verify() == 11
    for seq in (0, 12):
        with pytest.raises(ValueError, match="no such leaf"):
            journal.inclusion_proof(seq)


def test_every_call_after_close_fails(path: Path) -> None:
    journal = Journal.open(path, STORE_KEY)
    journal.append(A, "k", b"")
    journal.close()
    journal.close()
    for call in (
        lambda: journal.append(A, "k", b""),
        lambda: journal.rows(A),
        journal.open_sessions,
        lambda: journal.item(A, "x"),
        journal.last_record,
        lambda: journal.chain(A),
        journal.audit_head,
        journal.time_floor,
        lambda: journal.raise_time_floor(1),
        journal.verify,
    ):
        with pytest.raises(JournalFailed):
            call()


def test_a_row_shows_no_payload(journal: Journal) -> None:
    assert "secret" not in repr(journal.append(A, "k", b"secret"))
