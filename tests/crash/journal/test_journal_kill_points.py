# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of a real process: at each system call of a history (by strace), and at each acknowledgement (by the parent)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.journal import Journal
from tests.crash.journal.journal_history import HISTORIES, STORE_KEY, expected_states, perform, state

HISTORY = "activation"
ROOT = Path(__file__).parents[3]


def _child(path: Path, *wrapper: str) -> subprocess.CompletedProcess[bytes]:
    command = [*wrapper, sys.executable, "-m", "tests.crash.journal.journal_history", str(path), HISTORY]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, cwd=ROOT)


def _acknowledged(output: bytes) -> int:
    return max((int(line.split()[1]) for line in output.splitlines() if line.startswith(b"ack ")), default=0)


def _judge(path: Path, acknowledged: int) -> None:
    """The file opens, holds an exact prefix with all that was acknowledged, and the history goes on from there to its end."""
    steps = HISTORIES[HISTORY]
    states = expected_states(steps)
    with Journal.open(path, STORE_KEY) as journal:
        reached = states.index(state(journal))
        assert reached >= acknowledged
        for step in steps[reached:]:
            perform(journal, step)
        assert state(journal) == states[-1]
        journal.verify()


POINTS = [
    *(("pwrite64", when) for when in range(1, 214, 9)),
    *(("fdatasync", when) for when in range(1, 27, 3)),
    *(("ftruncate", when) for when in (1, 3, 5, 7)),
    ("unlink", 1),
]
"""Calls to die at; strace counts each kind by itself. Those between differ in which page of the same commit they write."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(0, len(POINTS), 4))
def test_kill_at_any_system_call_loses_nothing_acknowledged(tmp_path: Path, part: int) -> None:
    for call, when in POINTS[part : part + 4]:
        path = tmp_path / f"{call}-{when}" / "journal.db"
        path.parent.mkdir()
        inject = f"inject={call}:signal=KILL:when={when}"
        done = _child(path, "strace", "-f", "--seccomp-bpf", "-o", os.devnull, "-P", str(path), "-P", f"{path}-wal", "-e", inject)
        assert done.returncode == -signal.SIGKILL
        _judge(path, _acknowledged(done.stdout))


def _forked(path: Path, output: int) -> None:
    """Perform the history in a child of this process and end it without leaving a trace in the test run."""
    with Journal.open(path, STORE_KEY) as journal:
        for step in HISTORIES[HISTORY]:
            perform(journal, step)
            os.write(output, b"a")
        os.write(output, b"e")
        signal.pause()


@pytest.mark.parametrize("kill_after", range(len(HISTORIES[HISTORY]) + 1))
def test_kill_after_each_acknowledgement_loses_nothing_acknowledged(tmp_path: Path, kill_after: int) -> None:
    """The child goes on while the signal is on its way: it dies inside a later append, wherever that is."""
    path = tmp_path / "journal.db"
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            _forked(path, write)
        finally:
            os._exit(1)
    os.close(write)
    seen = os.read(read, 1) if kill_after else b""
    while len(seen) < kill_after:
        seen += os.read(read, 1)
    os.kill(child, signal.SIGKILL)
    while more := os.read(read, 64):
        seen += more
    os.close(read)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    _judge(path, seen.count(b"a"))
