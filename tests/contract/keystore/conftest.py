# SPDX-License-Identifier: Apache-2.0
"""The table of stores: every kind of key this software knows, each in a fresh place. A new kind is one row."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firmware.keystore import close_tokens
from tests.support.tokens import TOKENS, SoftHsm, SoftTpm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Store:
    """A place for keys: how a key is named there, the base directory, and what protection its keys claim."""

    name: str
    base: Path
    uri: Callable[[str], str]
    protection: str


@contextmanager
def token(kind: str, environment: pytest.MonkeyPatch) -> Iterator[SoftHsm | SoftTpm]:
    made = TOKENS[kind]()
    try:
        for name, value in made.environment.items():
            environment.setenv(name, value)
        yield made
    finally:
        close_tokens()
        made.close()


@pytest.fixture
def base() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-b-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["file", *TOKENS])
def store(request: pytest.FixtureRequest, base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "file":
        yield Store("file", base, lambda name: f"file:keys/{name}.pem", "software")
        return
    with token(request.param, monkeypatch) as made:
        yield Store(request.param, base, made.uri, "token")


@pytest.fixture
def softhsm(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    with token("softhsm", monkeypatch) as made:
        assert isinstance(made, SoftHsm)
        yield made


@pytest.fixture
def tpm(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftTpm]:
    with token("tpm", monkeypatch) as made:
        assert isinstance(made, SoftTpm)
        yield made
