# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def running_operator() -> Iterator[Operator]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with RunningSimulator("simulators.backend", "--state", str(folder / "op"), control=folder / "control") as running:
            yield Operator(running, folder / "op")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def operator(running_operator: Operator) -> Operator:
    running_operator.control("clear_faults")
    return running_operator


@pytest.fixture
def unit(operator: Operator, tmp_path: Path) -> Unit:
    return Unit.enrolled(operator, tmp_path / "unit", f"RNT-{os.urandom(4).hex().upper()}")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    yield folder
    shutil.rmtree(folder)
