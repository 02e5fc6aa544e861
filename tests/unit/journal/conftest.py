# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORE_KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, STORE_KEY) as opened:
        yield opened
