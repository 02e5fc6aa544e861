# SPDX-License-Identifier: Apache-2.0
"""Find absolute paths of somebody's machine and package hosts in tracked files.

A checkout must work wherever it is cloned and with whatever package index its machine is configured for. ``/dev``, ``/run``,
``/etc`` and ``/var/lib/rnt`` are the terminal's own places and allowed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("pypi" + r"\.org", "python" + "hosted", r"deb\." + "debian", r"registry\." + "npmjs")
"""Written in two parts, so that this file does not find itself."""
PLACES = re.compile(r"(?<![\w.{}$~<-])/(?:tmp|root|work|farm|home)/[A-Za-z]|" + "|".join(HOSTS))


def findings(root: Path) -> list[str]:
    """Return ``path:line: text`` for each hit in tracked text files under ``root``."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout  # noqa: S607  # git from PATH
    found = []
    for name in filter(None, names.split("\0")):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # not text, deleted in the work tree, or a link to a folder
        found += [f"{name}:{number}: {line.strip()[:120]}" for number, line in enumerate(text.splitlines(), 1) if PLACES.search(line)]
    return found


def main() -> int:
    """Print the findings; exit status 1 when there are any."""
    found = findings(ROOT)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
