# SPDX-License-Identifier: Apache-2.0
"""EIO and ENOSPC at every write and flush of a checkpoint and its countersignature: fail-stop, and nothing acknowledged is lost.

Each call fails in a run of its own, the first, the second and so on, until a run finds nothing left to fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.journal import Journal
from tests.unit.audit.audit_world import STORE_KEY, Unit

ROOT = Path(__file__).parents[3]
KINDS = ["opened", "record-signed", "card-rechecked", "erased", "audit.checkpoint", "audit.countersignature", "opened"]
CHILD = """
import sys
from pathlib import Path
from firmware.journal import JournalFailed
from tests.unit.audit.audit_world import Unit, countersign
try:
    unit = Unit(Path(sys.argv[1]))
except JournalFailed:
    print("refused", flush=True)
    raise SystemExit
steps = [lambda: unit.checkpoint(countersigned=False), lambda: unit.journal.add_countersignature(countersign(unit.checkpoints[-1])),
         lambda: unit.journal.append(b"next".ljust(16), "opened", b"")]
for step in steps:
    try:
        step()
        print("ack", flush=True)
    except JournalFailed:
        print("failed", flush=True)
        break
else:
    print("whole", flush=True)
    unit.journal.close()
    raise SystemExit
for call in (unit.journal.audit_head, unit.journal.last_checkpoint, *steps[::2]):
    try:
        call()
        print("went on", flush=True)
    except JournalFailed:
        print("sticky", flush=True)
"""


def run(path: Path, inject: str) -> list[str]:
    watch = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "-P", str(path), "-P", f"{path}-wal", "-e", f"inject={inject}"]
    done = subprocess.run([*watch, sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, check=False, cwd=ROOT, text=True)
    return done.stdout.split()


PARTS = 4
EVERY = [("pwrite64", "ENOSPC", first, PARTS) for first in range(1, PARTS + 1)] + [("fdatasync", "EIO", 1, 1), ("ftruncate", "EIO", 1, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(("call", "error", "first", "stride"), EVERY)
def test_error_at_every_call_stops_the_log_and_loses_nothing_acknowledged(
    tmp_path: Path, call: str, error: str, first: int, stride: int
) -> None:
    unit = Unit(tmp_path / "before.db")
    unit.session(1)
    unit.journal.close()
    path = tmp_path / "journal.db"
    for when in range(first, 100, stride):
        for old in tmp_path.glob("journal.db*"):
            old.unlink()
        shutil.copy(tmp_path / "before.db", path)
        lines = run(path, f"{call}:error={error}:when={when}")
        judge(path, lines)
        if "whole" in lines:
            assert when > first
            return
    raise AssertionError("the calls never came to an end")


def judge(path: Path, lines: list[str]) -> None:
    """Assert that the child stopped at its first error and that a restart finds what it was told is there, and at most one row more."""
    acknowledged = lines.count("ack")
    if "refused" in lines:
        assert lines == ["refused"]
    elif "whole" in lines:
        assert acknowledged == 3
    else:
        assert lines[acknowledged:] == ["failed", *["sticky"] * 4]
    with Journal.open(path, STORE_KEY) as journal:
        kinds = [outline.kind for _, outline, _ in journal.outlines(0)]
        assert kinds in (KINDS[: 4 + acknowledged], KINDS[: 5 + acknowledged])
        last = journal.last_checkpoint()
        assert (last is not None) == ("audit.checkpoint" in kinds)
        assert (last is not None and last.countersigned is not None) == ("audit.countersignature" in kinds)
        journal.verify()
