# SPDX-License-Identifier: Apache-2.0
"""What the audit log costs: a signed checkpoint on every row beside the bare row, and one proof in a log of a million rows.

``journal.audited_vs_row``. Candidate: ``Journal.append`` (row, chains and audit leaf in one transaction) and the checkpoint of the new
head, signed with the unit's file key. Baseline: the same payload as a row of a plain SQLite table with the journal's own settings (WAL,
``synchronous=FULL``), one transaction each. In turns, on the same file system; the median over blocks of the ratio of the block medians.

``audit.proof_bytes_1e6`` and ``audit.verify_us_1e6``: the proof of one row among a million as ``rnt audit prove`` writes it, without the
row and the checkpoint; and verifying it, against nothing.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Figure
from firmware.core import cbor
from firmware.core.checkpoint import Checkpoint, sign_checkpoint
from firmware.journal import Journal
from firmware.journal.merkle import leaf_hash, verify_inclusion
from firmware.journal.proofs import Collector, inclusion_ranges
from firmware.keystore import create_key

if TYPE_CHECKING:
    from firmware.core.cose import Signer

BLOCKS = 7
ROUNDS = 200
PAYLOAD_BYTES = 1000
LIMIT = 3.0
LEAVES = 1_000_000
ROW = 654_321
VERIFICATIONS = 2000


def measure() -> dict[str, Figure]:
    """Return all three figures; the baseline of the ratio is the bare row in milliseconds."""
    return {**_audited(), **_proof()}


def _audited() -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(prefix="rnt-bench-") as name:
        home = Path(name)
        signer = create_key("file:record.pem", home)
        plain = sqlite3.connect(home / "plain.db", isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0"):
            plain.execute(statement)
        plain.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT")
        with Journal.open(home / "journal.db", os.urandom(32)) as journal:
            _block(journal, signer, plain)  # warm: files exist, statements are prepared
            blocks = [_block(journal, signer, plain) for _ in range(BLOCKS)]
        plain.close()
    ratio = statistics.median(candidate / baseline for candidate, baseline in blocks)
    return {"journal.audited_vs_row": Figure(ratio, "ratio", LIMIT, statistics.median(baseline for _, baseline in blocks) / 1000)}


def _block(journal: Journal, signer: Signer, plain: sqlite3.Connection) -> tuple[float, float]:
    """Return the medians of one block in microseconds: candidate, baseline."""
    session, boot, previous, candidate, baseline = os.urandom(16), os.urandom(16), bytes(32), [], []
    for _ in range(ROUNDS):
        payload = os.urandom(PAYLOAD_BYTES)
        start = time.perf_counter_ns()
        plain.execute("INSERT INTO row (payload) VALUES (?)", (payload,))
        middle = time.perf_counter_ns()
        journal.append(session, "bench", payload)
        size, root = journal.audit_head()
        previous = sign_checkpoint(Checkpoint("RNT-000001", 1_900_000_000, size, root, boot, 1, previous), signer).digest
        end = time.perf_counter_ns()
        baseline.append((middle - start) / 1000)
        candidate.append((end - middle) / 1000)
    plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.append(session, "bench", b"", erase=True, close=True)
    return statistics.median(candidate), statistics.median(baseline)


def _proof() -> dict[str, Figure]:
    ranges = inclusion_ranges(ROW, LEAVES)
    collector = Collector(ranges)
    for number in range(LEAVES):
        collector.append(leaf_hash(number.to_bytes(4, "big")))
    proof, root, leaf = [collector.head(found) for found in ranges], collector.frontier().root(), leaf_hash(ROW.to_bytes(4, "big"))
    times = []
    for _ in range(VERIFICATIONS):
        start = time.perf_counter_ns()
        good = verify_inclusion(leaf, ROW, LEAVES, proof, root)
        times.append((time.perf_counter_ns() - start) / 1000)
        if not good:
            raise RuntimeError("the proof does not verify")
    return {
        "audit.proof_bytes_1e6": Figure(len(cbor.encode(proof)), "bytes", None, None),
        "audit.verify_us_1e6": Figure(statistics.median(times), "us", None, None),
    }
