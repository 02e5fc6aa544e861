# SPDX-License-Identifier: Apache-2.0
"""R513: the terminal works with the one reader it was provisioned with, told by the 16 bytes of its SAM id."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hal.id_reader.sam_id import sam_id_text
from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator
from tests.support.station import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Station

OTHER = bytes.fromhex("050001000ab8320105be1200adc5b111")
"""The id of another reader: one bit of its date differs."""


def rnt(station: Station, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run ``rnt`` on the station's terminal; returns exit code and result."""
    command = [sys.executable, "-m", "host_tools.rnt", *arguments, "--terminal", f"local:{station.terminal_toml}", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, input="")
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def provision(station: Station, *more: str) -> tuple[int, dict[str, Any]]:
    facts = station.facts
    operator = ("--operator", facts["url"], "--operator-ca", facts["ca"], "--work-order", facts["work_order"])
    return rnt(station, "provision", "--yes", *operator, *more)


@pytest.fixture
def another_reader(station: Station) -> Iterator[Station]:
    """Yield the station with another reader plugged in at its port, and everything as it was afterwards."""
    configured, registered = station.terminal_toml.read_text(encoding="utf-8"), (station.state_dir / "trust/sam-id").read_bytes()
    link = station.root / "dev" / "other"
    with RunningSimulator("simulators.id_reader", "--link", str(link), "--sam-id", OTHER.hex(), control=station.root / "other.sock"):
        station.terminal_toml.write_text(configured.replace("/dev/id-reader", "/dev/other"), encoding="utf-8")
        yield station
        station.stop()
    station.terminal_toml.write_text(configured, encoding="utf-8")
    (station.state_dir / "trust/sam-id").write_bytes(registered)


def test_provisioning_registers_the_connected_reader(station: Station) -> None:
    connected = station.facts["devices"]["id_reader"]["endpoints"]["sam_id"]
    assert rnt(station, "terminal", "info")[1]["data"]["sam_id"] == connected
    assert (station.state_dir / "trust/sam-id").read_text(encoding="ascii") == connected + "\n"


@pytest.mark.clause("XT-GA", "T-3")
def test_another_reader_is_refused_until_it_is_registered(another_reader: Station) -> None:
    assert another_reader.start().wait("view", state="out_of_service")["code"] == "R513"
    another_reader.stop()
    code, result = provision(another_reader, "--sam-id", sam_id_text(OTHER))
    assert (code, result["data"]["sam_id"]) == (0, OTHER.hex())
    another_reader.start().ready()


def test_reader_that_is_not_the_named_one_is_not_registered(station: Station) -> None:
    code, result = provision(station, "--sam-id", OTHER.hex())
    assert code == ExitCode.VERIFICATION
    assert sam_id_text(OTHER) in result["message"]
    station.start().ready()


def test_terminal_without_a_registered_reader_is_out_of_service(station: Station) -> None:
    file = station.state_dir / "trust/sam-id"
    registered = file.read_bytes()
    file.unlink()
    try:
        assert station.start().wait("view", state="out_of_service")["code"] == "R513"
    finally:
        file.write_bytes(registered)


@pytest.mark.clause("XT-GA", "T-3")
def test_reader_exchanged_in_the_middle_of_a_session_makes_no_identity(station: Station) -> None:
    """The registered reader falls silent, and another one answers at its port: the driver opens it anew, the terminal refuses it."""
    place, other = station.root / "dev" / "id-reader", station.root / "dev" / "stranger"
    registered = place.readlink()
    control = station.root / "stranger.sock"
    station.fault("desk", at="notice", do="hold")
    with RunningSimulator("simulators.id_reader", "--link", str(other), "--sam-id", OTHER.hex(), "--no-pace", control=control) as stranger:
        screen = station.start()
        screen.ready()
        station.device("desk", "start")
        assert station.device("desk", "wait_held", timeout=20)["held"]
        stranger.control("insert", persona="zhang")
        for event in ("find", "samid", "status", "reset"):
            station.fault("id_reader", at=event, do="drop", times=0)
        place.unlink()
        place.symlink_to(other.readlink())
        try:
            station.device("desk", "release")
            result = screen.result()
        finally:
            place.unlink()
            place.symlink_to(registered)
    assert (result["outcome"], result["masked"]) == ("R513", {})
