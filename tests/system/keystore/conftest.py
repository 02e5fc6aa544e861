# SPDX-License-Identifier: Apache-2.0
"""Whole counters for the keys: one whose record key lives on a token, before an operator who takes no other; and one with key files."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.station import Station
from tests.support.tokens import TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tokens import SoftHsm, SoftTpm

PATIENCE = "\n[patience]\nperson_s = 5\ncard_back_s = 1.5\n"
FILE = "file:keys/record.pem"


@dataclass
class Counter:
    """A station and the token its record key lives on; ``software_refused``: the tool's exit code with a key file before that."""

    station: Station
    token: SoftHsm | SoftTpm
    software_refused: int


def activate(station: Station) -> dict[str, Any]:
    """Let a subscriber come in with everything in order; returns how it ended."""
    station.fresh_card()
    station.forget_numbers()
    station.device("desk", "script", persona="zhang")
    station.device("desk", "start")
    if station.screen is None:
        raise AssertionError("no terminal runs")
    result = station.screen.result()
    station.screen.ready()
    return result


def new_unit(station: Station) -> str:
    """Put another unit at the station, empty and with a serial number of its own, provision it, and return that number."""
    station.stop()
    shutil.rmtree(station.state_dir, ignore_errors=True)
    text, serial = station.terminal_toml.read_text(encoding="utf-8"), f"RNT-{secrets.randbelow(10**6):06d}"
    station.terminal_toml.write_text(re.sub(r"RNT-\d{6}", serial, text, count=1), encoding="utf-8")
    Path(station.facts["work_order"]).write_text(station.device("backend", "work_order")["token"], encoding="utf-8")
    station.provision()
    return serial


@pytest.fixture(scope="module", params=TOKENS)
def token_counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    token = TOKENS[request.param]()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in token.environment.items():
            environment.setenv(name, value)
        station = Station("--option", "id_reader=--no-pace", "--option", "backend=--refuse-software-keys")
        try:
            toml = station.terminal_toml
            with pytest.raises(subprocess.CalledProcessError) as refused:
                station.provision()
            shutil.rmtree(station.state_dir)
            text = toml.read_text(encoding="utf-8")
            toml.write_text(text.replace(json.dumps(FILE), json.dumps(token.uri("record"))) + PATIENCE, encoding="utf-8")
            station.provision()
            yield Counter(station, token, refused.value.returncode)
        finally:
            station.close()
            token.close()


@pytest.fixture
def counter(token_counter: Counter) -> Iterator[Counter]:
    yield token_counter
    token_counter.station.stop()


@pytest.fixture(scope="module")
def file_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        text = station.terminal_toml.read_text(encoding="utf-8").replace("[keys]", '[keys]\nseal = "none"')  # files a thief can use
        station.terminal_toml.write_text(text + PATIENCE, encoding="utf-8")
        yield station
    finally:
        station.close()
