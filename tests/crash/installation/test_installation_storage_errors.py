# SPDX-License-Identifier: Apache-2.0
"""EIO and ENOSPC at every call by which keys, certificates, trust, packs and rosters are put in place: all of them or none.

Each call fails in a run of its own, the first, the second and so on, until a run finds nothing left to fail. Then the terminal starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.runtime import installation

ROOT = Path(__file__).parents[3]
OLD = {"trust/trust.json": b"old trust", "policy/staff.cose": b"old roster"}
NEW = {"trust/trust.json": b"new trust", "policy/staff.cose": b"new roster", "keys/record.pem": b"new key"}
CHILD = f"""
import sys
from pathlib import Path
from firmware.runtime import installation
state = Path(sys.argv[1])
try:
    installation.stage(state, {NEW!r})
    installation.commit(state)
    print("whole", flush=True)
except OSError:
    print("failed", flush=True)
"""


def place(state: Path) -> None:
    for name, content in OLD.items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_bytes(content)


def found(state: Path) -> dict[str, bytes]:
    return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}


def run(state: Path, inject: str) -> str:
    """Install under strace, which lets one call on the state directory fail."""
    folders = ("", "trust", "policy", "keys", "next", "next/trust", "next/policy", "next/keys")
    files = (*(f"next/{name}" for name in NEW), "next/commit", *NEW)
    watched = [part for name in (*folders, *files) for part in ("-P", str(state / name).rstrip("/"))]
    command = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-o",
        os.devnull,
        *watched,
        "-e",
        f"inject={inject}",
        sys.executable,
        "-c",
        CHILD,
        str(state),
    ]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True).stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "error", "least"),
    [("write", "ENOSPC", 3), ("fsync", "EIO", 10), ("rename", "EIO", 3), ("mkdir", "ENOSPC", 4), ("unlink", "EIO", 1)],
)
def test_error_at_every_call_of_an_installation_leaves_all_of_it_or_nothing(tmp_path: Path, call: str, error: str, least: int) -> None:
    for when in range(1, 40):
        state = tmp_path / f"{when}"
        place(state)
        ended = run(state, f"{call}:error={error}:when={when}")
        installation.finish(state)  # the next start
        if ended == "whole":
            assert found(state) == NEW
            assert when > least
            return
        left = {name: content for name, content in found(state).items() if not name.startswith("next/")}
        assert left in (OLD, NEW), (call, when)
        if left == OLD:
            installation.discard(state)  # what the next installation begins with
        assert found(state) == left
    raise AssertionError("the installation never came through")
