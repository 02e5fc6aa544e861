# SPDX-License-Identifier: Apache-2.0
"""Whole activations with the record key on a token, approved by an operator who takes no other; and what happens when the token goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.new_token import PIN
from tests.support.station import ROOT
from tests.support.tokens import SoftTpm
from tests.system.keystore.conftest import activate

if TYPE_CHECKING:
    from tests.system.keystore.conftest import Counter

NOT_AUTHORISED = 6
pytestmark = pytest.mark.slow


def test_activation_with_the_key_on_a_token_is_approved_where_software_keys_are_refused(counter: Counter) -> None:
    assert counter.software_refused == NOT_AUTHORISED
    station = counter.station
    station.start().ready()
    result = activate(station)
    assert (result["outcome"], result["protection"]) == ("ACTIVE", "token")
    (unit,) = station.operator()["terminals"]
    assert unit["protection"] == "token"
    assert result["session"] in {row["session"] for row in station.operator()["activations"] if row["outcome"] == "approved"}
    assert not (station.state_dir / "keys" / "record.pem").exists()
    written = b"".join(path.read_bytes() for path in station.state_dir.rglob("*") if path.is_file())
    assert PIN not in written


def test_token_gone_before_the_record_is_one_code_and_the_next_customer_is_served_when_it_is_back(counter: Counter) -> None:
    station = counter.station
    station.start().ready()
    before = station.operator()
    counter.token.unplug()
    result = activate(station)
    assert result["outcome"] == "R515"
    assert len(station.operator()["activations"]) == len(before["activations"])
    counter.token.plug()
    assert activate(station)["outcome"] == "ACTIVE"


def test_token_gone_while_it_signs_is_one_code_and_the_next_customer_is_served_when_it_is_back(counter: Counter) -> None:
    """The TPM is killed inside TPM2_Sign. SoftHSM signs inside its module: there the worker that runs it is killed."""
    station, token = counter.station, counter.token
    screen = station.start()
    screen.ready()
    if isinstance(token, SoftTpm):
        token.line.silent.set()
        asked = token.line.signs()
        station.fresh_card()
        station.forget_numbers()
        station.device("desk", "start")
        screen.wait("step", step="record", phase="begin")
        while token.line.signs() == asked:
            assert station.terminal is not None
            assert station.terminal.poll() is None
        token.unplug()
        assert screen.result()["outcome"] == "R515"
        token.plug()
        screen.ready()
    else:
        station.kill_worker("firmware.keystore.token_worker")
        assert activate(station)["outcome"] == "R515"
    assert activate(station)["outcome"] == "ACTIVE"


def test_terminal_with_its_token_away_does_not_start_and_says_why(counter: Counter) -> None:
    counter.token.unplug()
    try:
        command = [sys.executable, "-m", "firmware.runtime", "--config", str(counter.station.terminal_toml)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    finally:
        counter.token.plug()
    assert ended.returncode == 6
    assert b'"error": "KeyUnavailable"' in ended.stderr
    assert Path(counter.token.pin_file).name.encode() not in ended.stderr
