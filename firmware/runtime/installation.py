# SPDX-License-Identifier: Apache-2.0
"""Put new keys, certificates and trust list in place: all of them or none, whenever the power fails.

Rules
* New files are collected under ``next/`` in the state directory, each flushed to the medium. Nothing in use is touched.
* The file ``next/commit`` decides: with it the installation has happened and is only being carried out, without it it has not.
* Names that begin with a dot are half-written and never installed.
* Carrying out is a list of renames that may be cut and repeated; :func:`finish` does so at every start, before keys are read.

It does not judge what it installs: :mod:`firmware.runtime.maintenance` has verified it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STAGE = "next"
COMMIT = "commit"
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def stage(state_dir: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` (path relative to the state directory → content) under ``next/`` and flush them. Raises ``OSError``."""
    for name, content in files.items():
        _write(state_dir / STAGE / name, content, state_dir)


def commit(state_dir: Path) -> None:
    """Decide for the collected files and put them in place. Raises ``OSError``; repeat :func:`finish` after that."""
    for folder, _, _ in os.walk(state_dir / STAGE):
        _flush_folder(folder)
    stage(state_dir, {COMMIT: b""})
    finish(state_dir)


def finish(state_dir: Path) -> bool:
    """Carry out an installation that was decided; returns whether there was one. Raises ``OSError``."""
    root = state_dir / STAGE
    if not (root / COMMIT).exists():
        return False
    for source in sorted(path for path in root.rglob("*") if path.is_file() and path != root / COMMIT and not path.name.startswith(".")):
        target = state_dir / source.relative_to(root)
        _make_folder(target.parent, state_dir)
        source.replace(target)
        _flush_folder(target.parent)
    (root / COMMIT).unlink()
    discard(state_dir)
    return True


def put(state_dir: Path, name: str, content: bytes) -> None:
    """Put one file in place, whole or not at all, and nothing of what is collected under ``next/``. Raises ``OSError``."""
    target = state_dir / name
    half = target.with_name(f".{target.name}.new")
    _write(half, content, state_dir)
    replace(half, target)


def replace(source: Path, target: Path) -> None:
    """Put one file, already flushed, in another's place in the same folder, for good. Raises ``OSError``."""
    source.replace(target)
    _flush_folder(target.parent)


def discard(state_dir: Path) -> None:
    """Forget what was collected but never decided. Raises ``OSError``."""
    root = state_dir / STAGE
    for path in sorted(root.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    if root.exists():
        root.rmdir()
    _flush_folder(state_dir)


def _write(target: Path, content: bytes, state_dir: Path) -> None:
    """Write a file and flush it with its folder."""
    _make_folder(target.parent, state_dir)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _flush_folder(target.parent)


def _make_folder(folder: Path, state_dir: Path) -> None:
    if folder.is_dir():
        return
    if folder != state_dir:
        _make_folder(folder.parent, state_dir)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path | str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
