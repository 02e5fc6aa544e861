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
from tests.support.postgres import fresh_database, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


KEPT = frozenset(
    {"approval", "audit", "enrolment", "evidence", "books", "idempotency", "judgement", "issue_remote", "issue_script", "lapses", "results"}
    | {"logon", "petitions", "units"}
)
"""Test files about what the operator keeps: they run on both stores. The others are about the wire."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "running_operator" in metafunc.fixturenames:
        about = metafunc.module.__name__.rpartition("test_backend_")[2]
        metafunc.parametrize("running_operator", ["sqlite", "postgres"] if about in KEPT else ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """A PostgreSQL server of this run's own."""
    with postgres(durable=False) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def running_operator(request: pytest.FixtureRequest) -> Iterator[Operator]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    arguments = ["--state", str(folder / "op")]
    if request.param == "postgres":
        arguments += ["--postgres", fresh_database(request.getfixturevalue("database"))]
    try:
        with RunningSimulator("simulators.backend", *arguments, control=folder / "control") as running:
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
