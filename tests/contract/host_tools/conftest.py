# SPDX-License-Identifier: Apache-2.0
"""One terminal and its operator, for each test anew."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.kit.launch import RunningSimulator
from tests.support.rnt_bench import TEMPLATE, Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with RunningSimulator("simulators.backend", "--state", str(folder / "operator"), control=folder / "operator.sock") as operator:
            built = Bench(folder, operator)
            built.config.write_text(TEMPLATE.format(folder=folder, url=operator.endpoints["url"]))
            built.new_order()
            yield built
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def provisioned(bench: Bench) -> Bench:
    assert bench.provision().code == 0
    return bench
