# SPDX-License-Identifier: Apache-2.0
"""Somebody who holds only checkpoints and public keys, and a log that is not what it was."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from firmware.core.checkpoint import Checkpoint, sign_checkpoint
from firmware.journal import Journal, JournalCorrupt, audit_file, merkle, proofs
from firmware.journal.schema import MIGRATIONS
from host_tools.rnt.audit_check import Found, LogCheck, LogFault, LogRefused
from tests.unit.audit.audit_world import CHECKPOINT, STORE_KEY, Unit, countersign
from tests.unit.core_codecs.core_world import (
    BOOT,
    OPERATOR_KEYS,
    RECORD_KEYS,
    SERIAL,
    SIGNED_AT,
    STRANGER_KEY,
    TERMINAL_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "journal.db")
    made.live(1, 4)
    yield made
    made.journal.close()


def judged(parts: Iterable[bytes], held: Sequence[bytes] = (), **keys: Any) -> Found:
    check = LogCheck(keys.get("keyring", RECORD_KEYS), keys.get("operator", OPERATOR_KEYS), held)
    return check.run(parts, lambda _: None)


def fault(parts: Iterable[bytes], held: Sequence[bytes] = (), **keys: Any) -> LogFault:
    with pytest.raises(LogRefused) as caught:
        judged(parts, held, **keys)
    return caught.value.fault


def rows_of(parts: Iterable[bytes]) -> list[audit_file.LoggedRow]:
    decoded = [audit_file.decode_part(part) for part in parts]
    return [row for part in decoded if isinstance(part, tuple) for row in part]


def log_of(rows: Sequence[audit_file.LoggedRow], serial: str = SERIAL) -> list[bytes]:
    """Return the file somebody would write who knows the format and can compute sums, but has no key."""
    numbered = [dataclasses.replace(row, seq=seq) for seq, row in enumerate(rows, start=1)]
    root = merkle.root([merkle.leaf_hash(row.outline.digest(row.seq)) for row in numbered])
    middle = [audit_file.encode_part(batch) for batch in audit_file.batches(numbered)]
    return [audit_file.encode_part(audit_file.Head(serial)), *middle, audit_file.encode_part(audit_file.End(len(rows), root))]


def test_whole_log_is_believed_and_counted(unit: Unit) -> None:
    found = judged(unit.parts(), [c.message for c in unit.checkpoints])
    size, root = unit.journal.audit_head()
    assert (found.serial, found.size, found.root) == (SERIAL, size, root)
    assert (found.checkpoints, found.held, found.records, found.spent) == (4, 4, 4, 4)
    assert (found.covered, found.witnessed) == (22, 22)
    assert log_of(rows_of(unit.parts())) == list(unit.parts())


def test_log_without_operator_keys_counts_no_witness(unit: Unit) -> None:
    assert judged(unit.parts(), operator=None).witnessed == 0


@pytest.mark.parametrize("kept", range(1, 23))
def test_truncated_log_is_noticed_by_the_holder_of_the_last_checkpoint(unit: Unit, kept: int) -> None:
    shorter = log_of(rows_of(unit.parts())[:kept])
    assert fault(shorter, [unit.checkpoints[-1].message]) is LogFault.TRUNCATED


def test_truncated_log_looks_whole_to_who_holds_nothing(unit: Unit) -> None:
    """Why the operator must be a witness: the cut itself leaves no trace in the file."""
    assert judged(log_of(rows_of(unit.parts())[:12])).size == 12


@pytest.mark.clause("JX-44c", "AH-20")
@pytest.mark.parametrize("row", range(24))
def test_edited_row_is_noticed_wherever_it_is(unit: Unit, row: int) -> None:
    rows = rows_of(unit.parts())
    outline = dataclasses.replace(rows[row].outline, session=bytes(16))
    edited = [*rows[:row], dataclasses.replace(rows[row], outline=outline), *rows[row + 1 :]]
    held = [c.message for c in unit.checkpoints]
    if row >= unit.checkpoints[-1].checkpoint.size:  # behind the last checkpoint nobody has signed anything yet: the next one will
        assert judged(log_of(edited), held).size == 24
        return
    assert fault(log_of(edited), held) in {LogFault.EDITED, LogFault.FORKED}


@pytest.mark.clause("AH-04")
def test_removed_reordered_and_inserted_rows_are_noticed(unit: Unit) -> None:
    rows, held = rows_of(unit.parts()), [c.message for c in unit.checkpoints]
    for changed in (rows[1:], rows[:7] + rows[8:], [rows[1], rows[0], *rows[2:]], [*rows[:3], rows[2], *rows[3:]]):
        assert fault(log_of(changed)) is LogFault.EDITED
        assert fault(log_of(changed), held) in {LogFault.EDITED, LogFault.FORKED}


def test_history_stripped_of_its_checkpoints_is_noticed_by_their_holder(unit: Unit) -> None:
    bare = [row for row in rows_of(unit.parts()) if row.message is None]
    assert judged(log_of(bare)).checkpoints == 0
    for checkpoint in unit.checkpoints:
        assert fault(log_of(bare), [checkpoint.message]) in {LogFault.FORKED, LogFault.TRUNCATED}


def _copied(source: Unit, path: Path) -> Unit:
    with sqlite3.connect(path) as copy:
        connection: sqlite3.Connection = source.journal._store._db
        connection.backup(copy)
    copy.close()
    return Unit(path)


@pytest.mark.parametrize("continued", [0, 1, 3])
def test_forked_log_is_noticed_by_the_holder_of_the_other_side(unit: Unit, tmp_path: Path, continued: int) -> None:
    """A clone with the unit's own key and a copy of its journal: both sides sign, and both sides look good alone."""
    clone = _copied(unit, tmp_path / "clone.db")
    unit.live(10, 2)
    clone.live(20, continued)
    assert judged(clone.parts()).size == judged(unit.parts()).size - 6 * (2 - continued)
    held = [c.message for c in unit.checkpoints]
    assert fault(clone.parts(), held) is (LogFault.TRUNCATED if continued == 0 else LogFault.FORKED)
    if continued:
        both = [unit.checkpoints[-2].message, clone.checkpoints[0].message]
        assert fault(unit.parts(), both) is LogFault.FORKED
    clone.journal.close()


def test_restored_journal_that_lives_on_is_noticed(unit: Unit, tmp_path: Path) -> None:
    old = _copied(unit, tmp_path / "old.db")
    unit.live(10, 1)
    old.live(30, 5)
    assert fault(old.parts(), [unit.checkpoints[-1].message]) is LogFault.FORKED
    old.journal.close()


def test_log_of_another_unit_or_key_is_refused(unit: Unit) -> None:
    rows = rows_of(unit.parts())
    assert fault(log_of(rows, "RNT-000002")) is LogFault.TERMINAL
    assert fault(unit.parts(), keyring=OPERATOR_KEYS) is LogFault.SIGNATURE
    assert fault(unit.parts(), operator=RECORD_KEYS) is LogFault.SIGNATURE
    other = sign_checkpoint(Checkpoint("RNT-000002", SIGNED_AT, 5, bytes(32), BOOT, 1), TERMINAL_KEY)
    assert fault(unit.parts(), [other.message]) is LogFault.TERMINAL
    forged = sign_checkpoint(CHECKPOINT.checkpoint, STRANGER_KEY)
    assert fault(unit.parts(), [forged.message]) is LogFault.SIGNATURE


def test_countersignature_of_another_checkpoint_is_refused(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "journal.db")
    first = unit.checkpoint()
    unit.session(1)
    unit.checkpoint(countersigned=False)
    unit.journal.add_countersignature(countersign(first))
    assert fault(unit.parts()) is LogFault.SIGNATURE
    unit.journal.close()


@pytest.mark.parametrize(
    "broken",
    [
        lambda p: p[1:],
        lambda p: [p[0], *p],
        lambda p: [*p, p[-1]],
        lambda p: [*p[:-1], b""],
        lambda _: [b"\x80"],
    ],
)
def test_parts_out_of_order_are_malformed(unit: Unit, broken: Callable[[list[bytes]], list[bytes]]) -> None:
    assert fault(broken(list(unit.parts()))) is LogFault.MALFORMED


def test_log_without_its_end_is_truncated(unit: Unit) -> None:
    assert fault(list(unit.parts())[:-1]) is LogFault.TRUNCATED


# ---- the journal's side


def test_journal_keeps_checkpoint_and_countersignature_across_openings(unit: Unit) -> None:
    last = unit.journal.last_checkpoint()
    assert last is not None
    assert (last.seq, last.message, last.countersigned) == (23, unit.checkpoints[-1].message, 24)
    unit.journal.close()
    with Journal.open(unit.path, STORE_KEY) as again:
        assert again.last_checkpoint() == last
        assert again.open_sessions() == ()
        with pytest.raises(ValueError, match="countersignature"):
            again.add_countersignature(b"x")


def test_journal_without_a_checkpoint_takes_no_countersignature(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", STORE_KEY) as journal:
        assert journal.last_checkpoint() is None
        with pytest.raises(ValueError, match="countersignature"):
            journal.add_countersignature(b"x")


def test_consistency_between_any_two_checkpoints_is_proven(unit: Unit) -> None:
    heads = [(c.checkpoint.size, c.checkpoint.root) for c in unit.checkpoints] + [unit.journal.audit_head()]
    for old, old_root in heads:
        for size, root in heads:
            if old <= size:
                assert merkle.verify_consistency(old, old_root, size, root, unit.journal.consistency_proof(old, size))
    with pytest.raises(ValueError, match="no such"):
        unit.journal.consistency_proof(4, 99)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE checkpoint SET peaks = zeroblob(length(peaks)) WHERE row = 23",
        "UPDATE checkpoint SET peaks = x'00' WHERE row = 23",
        "UPDATE checkpoint SET row = 22 WHERE row = 23",
        "DELETE FROM row WHERE seq = 23",
    ],
)
def test_damaged_checkpoint_is_corrupt_on_opening(unit: Unit, damage: str) -> None:
    unit.journal.close()
    with sqlite3.connect(unit.path, isolation_level=None) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute(damage)
    database.close()
    with pytest.raises(JournalCorrupt):
        Journal.open(unit.path, STORE_KEY)


def test_journal_of_the_first_version_is_carried_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    unit = Unit(path)
    unit.session(1)
    head = unit.journal.audit_head()
    unit.journal.close()
    with sqlite3.connect(path, isolation_level=None) as database:
        for table in ("countersignature", "checkpoint", "biometric", "biometric_key", "age", "pack_floor"):
            database.execute(f"DROP TABLE {table}")
        database.execute("PRAGMA user_version=1")
    database.close()
    again = Unit(path)
    assert again.journal.audit_head() == head
    assert again.journal._store.pragma("user_version") == len(MIGRATIONS)
    again.live(2, 1)
    assert judged(again.parts()).checkpoints == 1
    again.journal.close()


# ---- proofs in one pass

LEAVES = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(70)]


def test_proofs_collected_in_one_pass_are_those_of_the_definition() -> None:
    for size in range(1, 66):
        for index in range(size):
            ranges = proofs.inclusion_ranges(index, size)
            collector = proofs.Collector(ranges)
            for leaf in LEAVES[:size]:
                collector.append(leaf)
            assert [collector.head(found) for found in ranges] == merkle.inclusion_proof(index, LEAVES[:size])
            assert collector.frontier().root() == merkle.root(LEAVES[:size])


def test_consistency_collected_from_a_known_tree_is_that_of_the_definition() -> None:
    for size in range(1, 66):
        for old in range(1, size + 1):
            known = merkle.Frontier()
            for leaf in LEAVES[:old]:
                known = known.append(leaf)
            ranges = proofs.consistency_ranges(old, size)
            collector = proofs.Collector(ranges, known)
            for leaf in LEAVES[old:size]:
                collector.append(leaf)
            assert [collector.head(found) for found in ranges] == merkle.consistency_proof(old, LEAVES[:size])


def test_collector_asked_for_leaves_it_has_not_seen_is_a_callers_error() -> None:
    collector = proofs.Collector(proofs.inclusion_ranges(0, 5))
    with pytest.raises(ValueError, match="not seen"):
        collector.head((1, 2))
    with pytest.raises(ValueError, match="no such leaf"):
        proofs.inclusion_ranges(5, 5)
    with pytest.raises(ValueError, match="no such older"):
        proofs.consistency_ranges(0, 5)


def test_collector_keeps_log_n_nodes() -> None:
    collector = proofs.Collector([*proofs.inclusion_ranges(31337, 100_000), *proofs.inclusion_ranges(7, 100_000)])
    for number in range(100_000):
        collector.append(number.to_bytes(32, "big"))
    assert len(collector._kept) + len(collector._peaks) < 4 * 17 + 17
