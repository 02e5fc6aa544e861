# SPDX-License-Identifier: Apache-2.0
"""Run all checks, two at a time, and say of each what it proves, how long it took and what to do when it fails.

Decides only the list. Each check is a command of its own that anyone can repeat by hand; it is printed when it fails.
Exit status: 0 when all passed, 1 otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MICROCONTROLLER = "firmware/controller"
"""Its code runs on MicroPython: other tools, other rules."""


@dataclass(frozen=True, slots=True)
class Check:
    """One command and what it means when it fails."""

    title: str
    command: tuple[str, ...]
    remedy: str
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check said."""

    check: Check
    passed: bool
    seconds: float
    output: str


def checks() -> list[Check]:
    """Return the checks that apply to this tree, the slowest first."""
    python = sys.executable
    found = [
        Check("types", (python, "-m", "mypy"), "correct the types named above"),
        Check("house rules", (python, "-m", "pytest", "-q", "-p", "no:randomly", "tests/meta"), "each failed rule says what it wants"),
        Check("imports point down only", (str(BIN / "lint-imports"),), "move the import, or the code, to the room it belongs to"),
        Check("format", (str(BIN / "ruff"), "format", "--check", "."), ".venv/bin/ruff format ."),
        Check("lint", (str(BIN / "ruff"), "check", "."), ".venv/bin/ruff check --fix ."),
        Check("no machine paths or package hosts", (python, "-m", "host_tools.checks.places"), "name things relative to the checkout"),
    ]
    return found + _microcontroller(python) if (ROOT / MICROCONTROLLER).is_dir() else found


def _microcontroller(python: str) -> list[Check]:
    rules = ("check", "--isolated", "--target-version", "py37", "--line-length", "140", "--select", "F,E,W,B,PLE")
    gate = (python, "-m", "host_tools.checks.microcontroller", MICROCONTROLLER)
    return [
        Check("controller: lint", (str(BIN / "ruff"), *rules, MICROCONTROLLER), "correct the lines named above"),
        Check("controller: compiles, and calls the chip as its types say", gate, "correct the lines named above"),
    ]


def run(check: Check) -> Verdict:
    """Run one check to its end."""
    start = time.monotonic()
    done = subprocess.run(check.command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own table
    return Verdict(check, done.returncode == 0, time.monotonic() - start, done.stdout + done.stderr)


def main() -> int:
    """Run the table and print one line per check."""
    failed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for verdict in pool.map(run, checks()):
            mark = "ok  " if verdict.passed else "FAIL"
            sys.stdout.write(f"{mark} {verdict.check.title} ({verdict.seconds:.1f} s)\n")
            if not verdict.passed:
                failed += 1
                command = " ".join(Path(part).name if part == sys.executable else part for part in verdict.check.command)
                sys.stdout.write(f"{verdict.output.rstrip()}\n  command: {command}\n  next: {verdict.check.remedy}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{failed} of the checks failed\n" if failed else "all checks passed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
