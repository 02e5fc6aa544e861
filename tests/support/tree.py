# SPDX-License-Identifier: Apache-2.0
"""The repository as its rules see it: tracked files, by folder and ending."""

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("firmware", "hal", "host_tools")
CODE = (*SHIPPED, "simulators", "tests", "bench", "board")


@cache
def tracked() -> tuple[Path, ...]:
    """Return the tracked files that exist, relative to the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(Path(name) for name in listed if name and (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """Return the tracked Python files under the named top folders."""
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] in folders]


def lines(path: Path) -> list[str]:
    """Return the lines of a tracked text file."""
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def hits(paths: list[Path], wanted: str) -> list[str]:
    """Return ``path:line: text`` of each line that the regular expression ``wanted`` finds."""
    pattern = re.compile(wanted)
    return [f"{path}:{number}: {line.strip()}" for path in paths for number, line in enumerate(lines(path), 1) if pattern.search(line)]
