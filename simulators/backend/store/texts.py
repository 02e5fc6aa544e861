# SPDX-License-Identifier: Apache-2.0
"""The SQL texts both engines share: named statements and numbered migrations.

A statement file holds ``-- name: find`` lines, each followed by one statement; ``?`` is the place of a value. A migration is run once,
in order of its number; ``{COUNTED}`` in it stands for the engine's self-counting primary key.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Return name → text of every statement."""
    found: dict[str, str] = {}
    for path in sorted((_HERE / "statements").glob("*.sql")):
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            full = f"{path.stem}.{name}"
            if full in found:
                raise ValueError(f"two statements are called {full}")
            found[full] = " ".join(line for line in text.splitlines() if not line.startswith("--")).strip().rstrip(";")
    return found


def migrations() -> list[tuple[int, list[str]]]:
    """Return number and statements of every migration, in order; numbers count from 1 without a gap."""
    found = []
    for number, path in enumerate(sorted((_HERE / "migrations").glob("*.sql")), 1):
        if int(path.name[:4]) != number:
            raise ValueError(f"migration {path.name} is not number {number}")
        text = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("--"))
        found.append((number, [part.strip() for part in text.split(";") if part.strip()]))
    return found
