# SPDX-License-Identifier: Apache-2.0
"""A copied key and a turned-back journal. A whole clone and an old journal show in the audit log before anybody is served; a key used
without its log shows in the chain of records. None of them gets an approval.
"""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from bench.requests import RequestMaker
from firmware.backend.answers import Refused
from firmware.backend.client import BackendClient
from firmware.keystore import open_signer
from tests.system.keystore.conftest import activate, new_unit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.station import Station

pytestmark = pytest.mark.slow


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def serve(station: Station) -> str:
    station.start().ready()
    try:
        return str(activate(station)["outcome"])
    finally:
        station.stop()


def stays_out_of_service(station: Station) -> None:
    """Check that the terminal, started as it lies there, serves nobody because the operator knows another log of it."""
    before = station.operator()["activations"]
    screen = station.start()
    try:
        screen.wait("view", state="out_of_service", code="R517")
    finally:
        station.stop()
    assert station.operator()["activations"] == before


def test_clone_of_a_whole_unit_is_noticed_before_it_serves_anybody(file_station: Station, tmp_path: Path) -> None:
    new_unit(file_station)
    shutil.copytree(file_station.state_dir, tmp_path / "clone")
    assert serve(file_station) == "ACTIVE"
    shutil.rmtree(file_station.state_dir)
    shutil.copytree(tmp_path / "clone", file_station.state_dir)
    stays_out_of_service(file_station)


def test_restored_old_journal_is_noticed_before_anybody_is_served(file_station: Station, tmp_path: Path) -> None:
    new_unit(file_station)
    assert serve(file_station) == "ACTIVE"
    for path in file_station.state_dir.glob("journal.db*"):
        shutil.copy2(path, tmp_path)
    assert serve(file_station) == "ACTIVE"
    for path in file_station.state_dir.glob("journal.db*"):
        path.unlink()
    for path in tmp_path.iterdir():
        shutil.copy2(path, file_station.state_dir)
    stays_out_of_service(file_station)


def test_copied_key_file_in_other_hands_forks_the_chain_of_records_and_is_refused(file_station: Station, tmp_path: Path) -> None:
    """A thief with both key files and software of his own: he signs well, and does not know the digest of the last record."""
    serial = new_unit(file_station)
    stolen = tmp_path / "stolen"
    shutil.copytree(file_station.state_dir, stolen)
    assert serve(file_station) == "ACTIVE"
    operator = file_station.operator()
    trust = json.loads((stolen / "trust" / "trust.json").read_bytes())
    thief = RequestMaker(serial, open_signer("file:keys/record.pem", stolen), trust, (0, bytes(32)))
    backend = BackendClient(
        file_station.facts["url"],
        stolen / "trust" / "operator-ca.pem",
        stolen / "trust" / "tls-cert.pem",
        stolen / "keys" / "tls.pem",
        10.0,
    )
    for sequence in (1, 2):
        request = thief.request(file_station.fresh_card())
        assert backend.submit(request.session, request.record.message, octets(request.body["items"])) == Refused("R802")
        breaks = [row for row in file_station.operator()["chain_breaks"] if row["serial"] == serial]
        assert [row["record"] for row in breaks if row["sequence"] == sequence] == [request.record.digest.hex()]
    backend.close()
    after = file_station.operator()
    assert (after["activations"], after["terminals"]) == (operator["activations"], operator["terminals"])
    assert serve(file_station) == "ACTIVE"
