# SPDX-License-Identifier: Apache-2.0
"""What a durable append costs beside the least that could make the same bytes durable.

Candidate: ``Journal.append`` of one row. Baseline: ``write`` + ``fdatasync`` of the same payload to a file that grows. Both run in this
process, in turns, on the same file system; the figure is the median over blocks of the ratio of the block medians. Only the ratio travels
between machines.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from firmware.journal import Journal

BLOCKS = 7
ROUNDS = 200
PAYLOAD_BYTES = 1000  # a signed record is 1.5 kB, most events 0.2 kB
LIMIT = 2.5


def measure() -> dict[str, Figure]:
    """Return the ratio of the medians; the baseline is the raw append in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="rnt-bench-") as name:
        home = Path(name)
        raw = os.open(home / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with Journal.open(home / "journal.db", os.urandom(32)) as journal:
                _block(journal, raw)  # warm: files exist, statements are prepared
                blocks = [_block(journal, raw) for _ in range(BLOCKS)]
        finally:
            os.close(raw)
    ratio = statistics.median(candidate / baseline for candidate, baseline in blocks)
    return {"journal.commit_vs_raw": Figure(ratio, "ratio", LIMIT, statistics.median(baseline for _, baseline in blocks) / 1000)}


def _block(journal: Journal, raw: int) -> tuple[float, float]:
    """Return the medians of one block in microseconds: candidate, baseline."""
    session, candidate, baseline = os.urandom(16), [], []
    for _ in range(ROUNDS):
        payload = os.urandom(PAYLOAD_BYTES)
        start = time.perf_counter_ns()
        os.write(raw, payload)
        os.fdatasync(raw)
        middle = time.perf_counter_ns()
        journal.append(session, "bench", payload)
        end = time.perf_counter_ns()
        baseline.append((middle - start) / 1000)
        candidate.append((end - middle) / 1000)
    journal.append(session, "bench", b"", erase=True, close=True)
    return statistics.median(candidate), statistics.median(baseline)
