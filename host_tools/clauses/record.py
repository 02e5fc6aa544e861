# SPDX-License-Identifier: Apache-2.0
"""How the marked tests ended when they last ran: ``build/clauses.json``, written by every test run, read by ``./run clauses``.

Rules
* A test is known as a whole, all its parameters together: how many passed, and which did not.
* A run replaces what is known of the tests it ran and leaves the others; each says at which revision of the source it ran.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "build/clauses.json"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one test ended: ``failed`` names the parameters that did, the whole test when it has none."""

    passed: int
    failed: tuple[str, ...]
    revision: str

    @property
    def good(self) -> bool:
        """Whether it passed, and did not merely fail to fail."""
        return self.passed > 0 and not self.failed


def read(root: Path) -> dict[str, Ending] | None:
    """Return test → ending as recorded, or ``None`` when no run was recorded here."""
    path = root / FILE
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))["tests"]
    return {name: Ending(entry["passed"], tuple(entry["failed"]), entry["revision"]) for name, entry in found.items()}


def merge(root: Path, outcomes: Mapping[str, bool]) -> None:
    """Add a run: test with its parameters → whether it passed."""
    revision = revision_of(root)
    fresh: dict[str, list[tuple[str, bool]]] = {}
    for node, passed in outcomes.items():
        fresh.setdefault(node.partition("[")[0], []).append((node, passed))
    known = read(root) or {}
    for name, ends in fresh.items():
        known[name] = Ending(sum(passed for _, passed in ends), tuple(sorted(node for node, passed in ends if not passed)), revision)
    path = root / FILE
    path.parent.mkdir(exist_ok=True)
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps({"tests": {name: asdict(known[name]) for name in sorted(known)}}, indent=1), encoding="utf-8")
    waiting.replace(path)


def revision_of(root: Path) -> str:
    """Return the revision of the source, with ``+`` when files differ from it; empty where there is no git."""
    try:
        head = _git(root, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603, S607  # fixed arguments; git is looked up as the person does
    return done.stdout.strip()
