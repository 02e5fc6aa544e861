# SPDX-License-Identifier: Apache-2.0
"""Who runs here and who holds a device file, read from ``/proc``. What this user may not see is left out, not guessed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process."""

    pid: int
    name: str


def processes() -> Iterator[Process]:
    """Yield the processes this user can see."""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                yield Process(int(folder.name), (folder / "comm").read_text(errors="replace").strip())
            except OSError:
                continue  # ended while we looked


def holders(device: Path) -> list[Process]:
    """Return the processes that have ``device`` (a path, links followed) open."""
    target = str(device.resolve())
    return [process for process in processes() if target in _open_files(process.pid)]


def _open_files(pid: int) -> Iterator[str]:
    try:
        descriptors = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return  # another user's process, or gone
    for descriptor in descriptors:
        try:
            yield str(descriptor.readlink())
        except OSError:
            continue  # closed while we looked
