# SPDX-License-Identifier: Apache-2.0
"""EIO and ENOSPC at the journal's system calls (by strace): it stops, stays stopped, and a restart verifies what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.journal import Journal
from tests.crash.journal.journal_history import HISTORIES, STORE_KEY, expected_states, perform, state

ROOT = Path(__file__).parents[3]
STEPS = HISTORIES["activation"]
CHILD = """
import os, sys
from pathlib import Path
from firmware.journal import Journal, JournalFailed
from tests.crash.journal.journal_history import HISTORIES, STORE_KEY, perform
try:
    journal = Journal.open(Path(sys.argv[1]), STORE_KEY)
except JournalFailed as error:
    print("refused", flush=True)
    raise SystemExit
done = 0
for step in HISTORIES["activation"]:
    try:
        perform(journal, step)
        print("ack", flush=True)
    except JournalFailed as error:
        print("failed", flush=True)
        break
for call in (journal.open_sessions, journal.audit_head, journal.time_floor, lambda: perform(journal, HISTORIES["activation"][0])):
    try:
        call()
        print("went on", flush=True)
    except JournalFailed:
        print("sticky", flush=True)
journal.close()
"""


def _run(path: Path, inject: str) -> list[str]:
    watch = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "-P", str(path), "-P", f"{path}-wal", "-e", f"inject={inject}"]
    done = subprocess.run([*watch, sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True)
    return done.stdout.split("\n")[:-1]


# the first calls belong to the opening of a new journal, the later ones to its appends and to the emptying of the log
ERRORS = [
    *(("fdatasync", "EIO", when) for when in (1, 2, 3, 5, 8, 10, 12, 14, 16, 18, 20, 22, 24)),
    *(("pwrite64", "ENOSPC", when) for when in (1, 2, 40, 70, 90, 110, 150, 190)),
    *(("pwrite64", "EIO", when) for when in (3, 65, 85, 130, 170, 200)),
    *(("ftruncate", "EIO", when) for when in (2, 4, 6)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("call", "error", "when"), ERRORS)
def test_storage_error_stops_the_journal_until_it_is_opened_anew(tmp_path: Path, call: str, error: str, when: int) -> None:
    path = tmp_path / "journal.db"
    lines = _run(path, f"{call}:error={error}:when={when}")
    acknowledged = lines.count("ack")
    if "refused" in lines:
        assert lines == ["refused"]
    else:
        assert lines[acknowledged:] == ["failed", *["sticky"] * 4]
    with Journal.open(path, STORE_KEY) as journal:
        states = expected_states(STEPS)
        reached = states.index(state(journal))
        assert reached in {acknowledged, acknowledged + 1}  # the step that failed may have reached the disk; nobody was told so
        for step in STEPS[reached:]:
            perform(journal, step)
        assert state(journal) == states[-1]
        journal.verify()


@pytest.mark.slow
def test_storage_that_keeps_failing_keeps_the_terminal_out_of_service(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, STORE_KEY) as journal:
        perform(journal, STEPS[0])
    assert _run(path, "fdatasync,fsync:error=EIO")[0] in {"refused", "failed"}
    with Journal.open(path, STORE_KEY) as journal:
        assert state(journal)[4][0] in {1, 2}
