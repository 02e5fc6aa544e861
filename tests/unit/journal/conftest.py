# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firmware.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def ram(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where there is one, for tests that open or append thousands of times; no disk is under test there."""
    memory = Path("/dev/shm")  # noqa: S108  # a private directory of ours inside
    with tempfile.TemporaryDirectory(prefix="rnt-", dir=memory if memory.is_dir() else tmp_path_factory.getbasetemp()) as name:
        yield Path(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, STORE_KEY) as opened:
        yield opened
