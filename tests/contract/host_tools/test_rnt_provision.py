# SPDX-License-Identifier: Apache-2.0
"""Provisioning over the real seams: the maintenance process of a terminal and the operator's backend."""

import hashlib
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from firmware.journal import Journal
from firmware.keystore import load_store_key
from host_tools.rnt.outcome import ExitCode
from tests.support.rnt_bench import Bench


def fingerprint(key: Path) -> str:
    public = load_pem_private_key(key.read_bytes(), None).public_key()
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@pytest.mark.clause("AH-01")
def test_provision_of_a_new_terminal_gives_it_keys_certificates_and_trust(bench: Bench) -> None:
    outcome = bench.provision()
    assert outcome.code == ExitCode.OK
    assert outcome.data["provisioned"] is True
    assert outcome.data["fingerprints"] == {name: fingerprint(bench.state / f"keys/{name}.pem") for name in ("record", "tls")}
    assert json.loads((bench.state / "trust/trust.json").read_text())["operator_id"] == "operator-0"
    assert not (bench.state / "next").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (bench.state / "keys").iterdir()} == {0o600}


@pytest.mark.clause("DS-17")
def test_provision_shows_no_private_key_and_no_work_order(bench: Bench) -> None:
    outcome = bench.provision()
    said = json.dumps(outcome.lines) + outcome.errors
    assert "PRIVATE KEY" not in said
    assert bench.order_file.read_text() not in said


def test_provision_again_does_nothing(provisioned: Bench) -> None:
    before = {path: path.read_bytes() for path in provisioned.state.rglob("*.pem")}
    assert provisioned.provision().code == ExitCode.NOTHING_TO_DO
    assert {path: path.read_bytes() for path in provisioned.state.rglob("*.pem")} == before


def test_renew_replaces_both_keys_and_keeps_the_store_key(provisioned: Bench) -> None:
    keys, store_key = provisioned.info()["keys"], (provisioned.state / "keys/store.key").read_bytes()
    provisioned.new_order()
    assert provisioned.provision("--renew", "--serial", "RNT-000001").code == ExitCode.OK
    renewed = provisioned.info()["keys"]
    assert all(renewed[name]["kid"] != keys[name]["kid"] for name in ("record", "tls"))
    assert (provisioned.state / "keys/store.key").read_bytes() == store_key


def test_renew_without_naming_the_unit_is_refused(provisioned: Bench) -> None:
    assert provisioned.provision("--renew").code == ExitCode.USAGE


def test_provision_of_another_unit_than_named_is_refused(bench: Bench) -> None:
    outcome = bench.provision("--serial", "RNT-000002")
    assert outcome.code == ExitCode.UNSAFE
    assert not bench.state.exists()


def test_provision_without_yes_asks_nobody_and_changes_nothing(bench: Bench) -> None:
    url = str(bench.operator.endpoints["url"])
    outcome = bench.rnt(
        "provision",
        f"--terminal=local:{bench.config}",
        f"--operator={url}",
        f"--operator-ca={bench.ca}",
        f"--work-order={bench.order_file}",
    )
    assert outcome.code == ExitCode.USAGE
    assert "--yes" in outcome.result["hint"]
    assert not bench.state.exists()


def test_provision_dry_run_prints_the_plan_and_changes_nothing(bench: Bench) -> None:
    outcome = bench.provision("--dry-run")
    assert outcome.code == ExitCode.OK
    assert len(outcome.data["plan"]) == 5
    assert not bench.state.exists()


def test_provision_with_a_used_work_order_is_not_authorised(provisioned: Bench) -> None:
    outcome = provisioned.provision("--renew", "--serial", "RNT-000001")
    assert outcome.code == ExitCode.NOT_AUTHORISED
    assert provisioned.info()["provisioned"] is True


def test_provision_with_an_unknown_work_order_is_not_authorised(bench: Bench) -> None:
    bench.order_file.write_text("no-such-order")
    assert bench.provision().code == ExitCode.NOT_AUTHORISED
    assert bench.info()["provisioned"] is False


def test_provision_with_a_foreign_ca_trusts_nobody(bench: Bench, tmp_path: Path) -> None:
    other = bench.folder / "other"
    command = [sys.executable, "-m", "simulators.backend", "--state", str(other), "--watch-stdin"]
    subprocess.run(command, input="", text=True, capture_output=True, check=False)
    outcome = bench.provision(operator_ca=str(other / "ca.pem"))
    assert outcome.code == ExitCode.VERIFICATION
    assert bench.info()["provisioned"] is False


def test_provision_with_nobody_at_the_operator_is_a_network_error(bench: Bench) -> None:
    bench.operator.stop()
    outcome = bench.provision()
    assert outcome.code == ExitCode.NETWORK
    assert outcome.result["retryable"] is True


def test_provision_repeated_after_the_operator_was_away_uses_the_waiting_keys(bench: Bench) -> None:
    assert bench.provision(operator="https://localhost:1").code == ExitCode.NETWORK
    waiting = {name: fingerprint(bench.state / f"next/keys/{name}.pem") for name in ("record", "tls")}
    outcome = bench.provision()
    assert outcome.code == ExitCode.OK
    assert outcome.data["fingerprints"] == waiting


def test_provision_while_the_terminal_holds_its_journal_is_busy(provisioned: Bench) -> None:
    provisioned.new_order()
    with Journal.open(provisioned.state / "journal.db", load_store_key(provisioned.state / "keys/store.key")):
        outcome = provisioned.provision("--renew", "--serial", "RNT-000001")
        assert outcome.code == ExitCode.BUSY
        assert provisioned.info()["journal"] == {"state": "busy"}


@pytest.mark.clause("DS-19", "T-10")
def test_provision_with_an_open_activation_is_unsafe(provisioned: Bench) -> None:
    provisioned.new_order()
    with Journal.open(provisioned.state / "journal.db", load_store_key(provisioned.state / "keys/store.key")) as journal:
        journal.append(bytes(16), "started", b"")
    assert provisioned.provision("--renew", "--serial", "RNT-000001").code == ExitCode.UNSAFE


def test_provision_with_a_missing_work_order_file_is_not_found(bench: Bench) -> None:
    assert bench.provision(work_order=str(bench.folder / "none")).code == ExitCode.NOT_FOUND


def test_info_of_a_terminal_without_configuration_is_not_found(bench: Bench) -> None:
    assert bench.rnt("terminal", "info", "--terminal", f"local:{bench.folder}/none.toml").code == ExitCode.NOT_FOUND


def test_info_over_ssh_runs_the_terminals_own_maintenance_command(provisioned: Bench) -> None:
    """A program named ``ssh`` stands for the network: it notes how it was called and runs the remote command here."""
    tools, note = provisioned.folder / "bin", provisioned.folder / "called"
    tools.mkdir()
    (tools / "ssh").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{note}\nexec {sys.executable} -m firmware.runtime.maintenance --config {provisioned.config}\n'
    )
    (tools / "ssh").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    outcome = provisioned.rnt("terminal", "info", environment={"PATH": path, "RNT_DEVICE": "ssh:rnt@terminal-1"})
    assert outcome.code == ExitCode.OK
    assert outcome.data["serial"] == "RNT-000001"
    assert note.read_text().split() == ["-T", "-o", "BatchMode=yes", "--", "rnt@terminal-1", "rnt-maintenance"]


@pytest.mark.parametrize("answer", ["", "nonsense\n", "[]\n", '{"ready": "maintenance"}\n'])
def test_info_of_something_else_than_a_terminal_is_not_found(bench: Bench, answer: str) -> None:
    tools = bench.folder / "bin"
    tools.mkdir()
    (tools / "answer").write_text(answer)
    (tools / "ssh").write_text(f"#!/bin/sh\ncat {tools}/answer\n")
    (tools / "ssh").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    assert bench.rnt("terminal", "info", environment={"PATH": path, "RNT_DEVICE": "ssh:rnt@other"}).code == ExitCode.NOT_FOUND


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", ExitCode.NOTHING_TO_DO), (b"\n", ExitCode.NOTHING_TO_DO), (b"y\n", ExitCode.OK)])
def test_provision_on_a_terminal_asks_once_and_heeds_the_answer(bench: Bench, typed: bytes, code: ExitCode) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "host_tools.rnt", "provision", f"--terminal=local:{bench.config}", f"--work-order={bench.order_file}"]
    command += [f"--operator={bench.operator.endpoints['url']}", f"--operator-ca={bench.ca}"]
    os.write(ours, typed)
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == code
    assert done.stderr.count("[y/N]") == 1
    assert bench.info()["provisioned"] is (code is ExitCode.OK)
