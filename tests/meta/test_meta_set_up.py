# SPDX-License-Identifier: Apache-2.0
"""What a newcomer types must exist, and CI must run the same."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_run_without_arguments_prints_help_and_needs_no_set_up() -> None:
    done = subprocess.run([str(ROOT / "run")], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "./run COMMAND" in done.stdout


def test_run_with_an_unknown_command_is_a_usage_error() -> None:
    done = subprocess.run([str(ROOT / "run"), "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'no command "fly"' in done.stderr


def test_ci_runs_the_test_command_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert os.access(script, os.X_OK)
    assert lines == ["set -eu", 'cd "$(dirname "$0")/.."', 'exec ./run test "$@"']


def test_debian_packages_each_have_a_reason() -> None:
    lines = (ROOT / "host_tools/setup/debian-packages.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and "# " not in line] == []


def test_lock_files_pin_every_package_with_a_hash() -> None:
    for name in ("dev.txt", "mpy-stubs.txt"):
        blocks = [b for b in (ROOT / "requirements" / name).read_text(encoding="utf-8").split("\n") if b and not b.startswith((" ", "#"))]
        assert [b for b in blocks if "==" not in b or not b.endswith("\\")] == [], name
