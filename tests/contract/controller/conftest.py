# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the controller's contract tests."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.controller.controller_bench import Bench


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    """Start a simulator with the given arguments."""
    with ExitStack() as stack:

        def begin(*arguments: str) -> Bench:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rnt-")))
            bench = Bench(stack.enter_context(RunningSimulator("simulators.controller", *arguments, control=folder / "c.sock")))
            stack.callback(bench.service.close)
            return bench

        yield begin


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    """A provisioned controller with its case closed."""
    return start()
