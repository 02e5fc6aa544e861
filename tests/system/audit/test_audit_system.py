# SPDX-License-Identifier: Apache-2.0
"""The audit log of a real terminal process: witnessed, exported, proven, and a copy of the unit caught.

One terminal lives through all of it but the breach; each test leaves it at rest.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.journal import Journal
from simulators.personas import PERSONAS
from tests.support.staff import Staff
from tests.support.station import ROOT, Station
from tests.support.truth import encodable

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIAL = "RNT-000001"


@contextmanager
def terminal_at_rest() -> Iterator[tuple[Station, dict[str, Any]]]:
    """Give a terminal at rest after one activation whose log the operator has countersigned."""
    station = Station("--option", "id_reader=--no-pace")
    try:
        station.provision()
        screen = station.start()
        screen.ready()
        result = activate(station, screen)
        wait_for_witness(station, 2)
        assert station.stop() == 0
        with journal(station) as opened:  # here, for every export adds a checkpoint that nobody has seen yet
            last = opened.last_checkpoint()
            assert last is not None
            assert last.countersigned == last.seq + 1
        yield station, result
    finally:
        station.close()


@pytest.fixture(scope="module")
def witnessed() -> Iterator[tuple[Station, dict[str, Any]]]:
    with terminal_at_rest() as found:
        yield found


@pytest.fixture
def doomed() -> Iterator[Station]:
    """A terminal that is not fit for another test afterwards."""
    with terminal_at_rest() as (station, _):
        yield station


def activate(station: Station, screen: Any) -> dict[str, Any]:
    station.fresh_card()
    station.device("desk", "start")
    result: dict[str, Any] = screen.result()
    assert result["outcome"] == "ACTIVE"
    return result


def kept(station: Station) -> dict[str, Any]:
    return station.device("backend", "checkpoints", serial=SERIAL)


def wait_for_witness(station: Station, checkpoints: int) -> None:
    """Wait until the operator has kept so many checkpoints and the terminal has stored the last countersignature."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if len(kept(station)["checkpoints"]) >= checkpoints:
            return
        time.sleep(0.05)
    raise AssertionError("the log was never shown to the operator")


def journal(station: Station) -> Journal:
    return Journal.open(station.state_dir / "journal.db", station.store_key())


def rnt(*arguments: str, code: int = 0) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "host_tools.rnt", *arguments, "--json"], cwd=ROOT, capture_output=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == code, result["message"]
    return result


def keys(station: Station) -> list[str]:
    trust = station.state_dir / "trust"
    certificate, ca, listed = (str(trust / name) for name in ("record-cert.pem", "operator-ca.pem", "trust.json"))
    return ["--key", certificate, "--operator-ca", ca, "--trust", listed]


def held(station: Station, folder: Path) -> list[str]:
    """Return options naming the checkpoints the operator has kept, as files."""
    options: list[str] = []
    for number, checkpoint in enumerate(kept(station)["checkpoints"]):
        path = folder / f"checkpoint-{number}"
        path.write_bytes(bytes.fromhex(checkpoint["message"]))
        options += ["--checkpoint", str(path)]
    return options


def export(station: Station, folder: Path) -> str:
    path, terminal = str(folder / "log.audit"), f"local:{station.terminal_toml}"
    rnt("audit", "export", "--terminal", terminal, "--out", path, *staff_of(station).warranted("log"))
    return path


def staff_of(station: Station) -> Staff:
    """Return two people on the station's roster; a roster that came later takes the place of the one before."""
    folder = Path(tempfile.mkdtemp(dir=station.root))
    made = Staff(folder, lambda people: station.device("backend", "roster", people=people)["roster"], rnt, f"local:{station.terminal_toml}")
    made.install()
    return made


@pytest.mark.clause("AH-20", "AH-04")
@pytest.mark.slow
def test_log_is_witnessed_exported_verified_and_proven_on_a_laptop(witnessed: tuple[Station, dict[str, Any]], tmp_path: Path) -> None:
    station, result = witnessed
    log = export(station, tmp_path)
    found = rnt("audit", "verify", log, *keys(station), *held(station, tmp_path))["data"]
    assert found["serial"] == SERIAL
    activations = len(station.operator()["activations"])  # another test may have made one more before
    assert activations >= 1
    assert (found["records"], found["approvals_spent"]) == (activations, activations)
    assert found["held"] == len(kept(station)["checkpoints"]) >= activations + 1
    assert found["covered"] > found["witnessed"] >= 18  # who asked for the export came after what the operator saw
    proof = str(tmp_path / "session.proof")
    rows = rnt("audit", "prove", log, "--session", result["session"], "--out", proof)["data"]["rows"]
    proven = rnt("audit", "verify", proof, *keys(station))["data"]
    assert [row["row"] for row in proven["rows"]] == rows
    assert [row["kind"] for row in proven["rows"]][-1] == "erased"
    assert {row["session"] for row in proven["rows"]} == {result["session"]}


@pytest.mark.clause("TB-18", "JX-44d", "POL-1", "DS-14")
@pytest.mark.slow
def test_exported_log_and_proof_hold_nothing_personal(witnessed: tuple[Station, dict[str, Any]], tmp_path: Path) -> None:
    station, result = witnessed
    log = export(station, tmp_path)
    rnt("audit", "prove", log, "--session", result["session"], "--out", f"{log}.proof")
    for path in (log, f"{log}.proof"):
        with open(path, "rb") as file:  # noqa: PTH123  # the tool takes text
            content = file.read()
        for persona in PERSONAS.values():
            for text in (persona.name, persona.number, persona.address):
                assert not (text and encodable(text, "utf-8")) or text.encode() not in content
        assert result["iccid"].encode() not in content


@pytest.mark.slow
def test_changed_log_and_wrong_keys_end_with_their_exit_codes(witnessed: tuple[Station, dict[str, Any]], tmp_path: Path) -> None:
    station, result = witnessed
    log = export(station, tmp_path)
    with open(log, "rb") as file:  # noqa: PTH123  # the tool takes text
        content = file.read()
    changed = tmp_path / "changed.audit"
    changed.write_bytes(content.replace(b"card-rechecked", b"card-unchecked"))
    assert "edited" in rnt("audit", "verify", str(changed), *keys(station), code=7)["message"]
    changed.write_bytes(content[: len(content) // 2])
    assert "malformed" in rnt("audit", "verify", str(changed), *keys(station), code=7)["message"]
    tls = ["--key", str(station.state_dir / "trust" / "tls-cert.pem")]
    assert "signature" in rnt("audit", "verify", log, *tls, code=7)["message"]
    assert "mixes" in rnt("audit", "verify", log, *tls, *keys(station)[2:4], code=7)["message"]
    rnt("audit", "verify", str(tmp_path / "none"), *keys(station), code=4)
    rnt("audit", "verify", log, "--key", log, code=2)
    rnt("audit", "prove", log, "--session", "00" * 16, "--out", str(tmp_path / "p"), code=4)
    rnt("audit", "prove", log, "--session", "x", "--out", str(tmp_path / "p"), code=2)
    rnt("audit", "prove", log, "--session", result["session"], "--out", log, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed.audit", "log.audit"]


@pytest.mark.clause("DS-14")
@pytest.mark.slow
def test_inspector_sees_the_chosen_fields_and_json_names_them_only(witnessed: tuple[Station, dict[str, Any]], tmp_path: Path) -> None:
    station, result = witnessed
    path = tmp_path / "bundle"
    path.write_bytes(bytes.fromhex(station.device("backend", "bundle", session=result["session"], fields=[1, 4])["bundle"]))
    shown = rnt("record", "show", str(path), *keys(station))
    assert shown["data"]["disclosed"] == ["name", "birth"]
    assert shown["data"]["approved"] is True
    names = {persona.name for persona in PERSONAS.values() if persona.name}
    assert not any(name in json.dumps(shown, ensure_ascii=False) for name in names)
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.rnt", "record", "show", str(path), *keys(station)], cwd=ROOT, capture_output=True, check=True
    )
    assert any(name in done.stdout.decode() for name in names)
    rnt("record", "verify", str(path), *keys(station)[:4], code=2)
    path.write_bytes(path.read_bytes()[:-1])
    rnt("record", "verify", str(path), *keys(station), code=7)


@pytest.mark.slow
def test_record_approval_and_log_verify_after_the_operator_erased_the_items(
    witnessed: tuple[Station, dict[str, Any]], tmp_path: Path
) -> None:
    station, _ = witnessed
    screen = station.start()
    screen.ready()
    result = activate(station, screen)
    wait_for_witness(station, len(kept(station)["checkpoints"]))
    assert station.stop() == 0
    station.device("backend", "erase_items", session=result["session"])
    path = tmp_path / "bundle"
    path.write_bytes(bytes.fromhex(station.device("backend", "bundle", session=result["session"])["bundle"]))
    bare = rnt("record", "verify", str(path), *keys(station))["data"]
    assert (bare["disclosed"], bare["approved"]) == ([], True)
    assert "name" in bare["fields"]
    log = export(station, tmp_path)
    rnt("audit", "prove", log, "--session", result["session"], "--out", f"{log}.proof")
    rnt("audit", "verify", f"{log}.proof", *keys(station))


@pytest.mark.clause("T-11")
@pytest.mark.slow
def test_restored_old_journal_is_r517_and_out_of_service(doomed: Station, tmp_path: Path) -> None:
    """The unit lives on; then somebody puts its old storage back, keys and all. Before any customer it is out of service."""
    station, old = doomed, tmp_path / "old"
    shutil.copytree(station.state_dir, old)
    screen = station.start()
    screen.ready()
    before = len(kept(station)["checkpoints"])
    activate(station, screen)
    wait_for_witness(station, before + 1)
    assert station.stop() == 0
    shutil.rmtree(station.state_dir)
    shutil.copytree(old, station.state_dir)
    view = station.start().wait("view", state="out_of_service")
    assert view["code"] == "R517"
    assert station.stop() == 0
    assert [breach["code"] for breach in kept(station)["breaches"]] == ["LOG_TRUNCATED"]
    with journal(station) as opened:
        assert [outline.kind for _, outline, _ in opened.outlines(0)].count("audit.refused") == 1
    again = station.start().wait("view", state="out_of_service")  # a restart changes nothing
    assert again["code"] == "R517"
    station.stop()
    log = export(station, tmp_path)
    message = rnt("audit", "verify", log, *keys(station), *held(station, tmp_path), code=7)["message"]
    assert "truncated" in message or "forked" in message
