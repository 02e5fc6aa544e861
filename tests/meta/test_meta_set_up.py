# SPDX-License-Identifier: Apache-2.0
"""What a newcomer types must exist, and CI must run the same."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_run_without_arguments_prints_help_and_needs_no_set_up() -> None:
    done = subprocess.run([str(ROOT / "run")], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "./run COMMAND" in done.stdout


def test_run_with_an_unknown_command_is_a_usage_error() -> None:
    done = subprocess.run([str(ROOT / "run"), "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'no command "fly"' in done.stderr


@pytest.mark.clause("JX-43")
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


def checkout(tmp_path: Path, tools: dict[str, str]) -> tuple[Path, dict[str, str]]:
    """Return a copy of what set-up reads, and an environment whose programs are the system's plus ``tools`` (name → shell script)."""
    copy, programs = tmp_path / "checkout", tmp_path / "bin"
    for name in ("requirements", "host_tools/setup"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "pyproject.toml", copy)
    programs.mkdir()
    for name in ("sh", "sed", "sort", "comm", "cut", "mktemp", "rm", "cat", "mkdir", "tail", "tr", "sha256sum", "flock"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, script in tools.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return copy, {"PATH": str(programs), "LC_ALL": "C"}


def set_up(copy: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["host_tools/setup/set-up"], cwd=copy, env=environment, capture_output=True, text=True, check=False)


def test_set_up_with_an_old_python_says_what_is_needed_and_what_to_do(tmp_path: Path) -> None:
    old = '[ "$1" = -V ] && echo Python 3.9.2; [ "$1" = -V ]'
    done = set_up(*checkout(tmp_path, {"python3": old}))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed, and python3 here is Python 3.9.2" in done.stderr
    assert "Next: use Debian 12 or newer" in done.stderr


def test_set_up_without_packages_names_the_command_when_apt_fails(tmp_path: Path) -> None:
    refuse = "echo E: no network >&2; exit 100"
    done = set_up(*checkout(tmp_path, {"dpkg-query": "exit 1", "apt-get": refuse, "id": "echo 0"}))
    assert done.returncode == 1
    assert "apt-get update did not work" in done.stderr
    assert "E: no network" in done.stderr
    assert "Next:" in done.stderr


def test_set_up_for_a_user_whose_sudo_asks_names_the_packages_and_the_command(tmp_path: Path) -> None:
    tools = {"dpkg-query": "exit 1", "apt-get": "exit 0", "sudo": "exit 1", "id": "echo 1000"}
    done = set_up(*checkout(tmp_path, tools))
    assert done.returncode == 1
    assert "sudo asks for a password" in done.stderr
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends " in done.stderr
    assert " gcc " in done.stderr
