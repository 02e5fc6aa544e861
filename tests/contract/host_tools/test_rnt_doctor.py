# SPDX-License-Identifier: Apache-2.0
"""The doctor against seeded faults: each is found by its own check, with the command that fixes it."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from host_tools.rnt.doctor.command import CHECKS
from host_tools.rnt.doctor.machine import judge_disk
from host_tools.rnt.doctor.operator import judge_skew
from host_tools.rnt.doctor.trust import judge_life
from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator
from tests.support.rnt_bench import Bench


@pytest.fixture
def id_reader(bench: Bench) -> Iterator[RunningSimulator]:
    with RunningSimulator("simulators.id_reader", "--link", str(bench.folder / "id-reader"), control=bench.folder / "r.sock") as running:
        yield running


def controller(bench: Bench, state: str) -> RunningSimulator:
    return RunningSimulator("simulators.controller", "--link", str(bench.folder / "controller"), "--state", state)


def test_doctor_of_a_healthy_terminal_finds_its_own_things_well(provisioned: Bench) -> None:
    found = provisioned.doctor(
        "python", "configuration", "disk", "clock", "key-files", "trust", "certificates", "journal", "backend", "clock-skew"
    )
    assert {name: check["verdict"] for name, check in found.items() if name != "disk"} == dict.fromkeys(
        ("python", "configuration", "clock", "key-files", "trust", "certificates", "journal", "backend", "clock-skew"), "ok"
    )


def test_doctor_of_a_bare_terminal_fails_and_names_a_fix_for_each(bench: Bench) -> None:
    outcome = bench.rnt("doctor", "--config", str(bench.config))
    assert outcome.code == ExitCode.FAILED
    assert [check["id"] for check in outcome.data["checks"]] == [check.id for check in CHECKS]
    assert [check for check in outcome.data["checks"] if check["verdict"] in {"fail", "warn"} and not check["fix"]] == []
    assert outcome.result["hint"]


def test_doctor_with_an_unknown_check_is_a_usage_error(bench: Bench) -> None:
    assert bench.rnt("doctor", "--config", str(bench.config), "--only", "moon").code == ExitCode.USAGE


def test_key_file_others_can_read_is_found(provisioned: Bench) -> None:
    key = provisioned.state / "keys/record.pem"
    key.chmod(0o644)
    found = provisioned.doctor("key-files")["key-files"]
    assert (found["verdict"], found["fix"]) == ("fail", f"chmod 0600 {key}")


def test_missing_store_key_is_found(provisioned: Bench) -> None:
    (provisioned.state / "keys/store.key").unlink()
    assert provisioned.doctor("key-files")["key-files"]["verdict"] == "fail"


def test_trust_list_with_a_swapped_key_is_found(provisioned: Bench) -> None:
    path = provisioned.state / "trust/trust.json"
    trust = json.loads(path.read_text())
    trust["approval_keys"][0]["kid"] = "00" * 16
    path.write_text(json.dumps(trust))
    found = provisioned.doctor("trust")["trust"]
    assert found["verdict"] == "fail"
    assert "--renew" in found["fix"]


def test_certificate_of_another_key_is_found(provisioned: Bench) -> None:
    shutil.copy(provisioned.state / "trust/tls-cert.pem", provisioned.state / "trust/record-cert.pem")
    found = provisioned.doctor("certificates")["certificates"]
    assert (found["verdict"], "another key" in found["cause"]) == ("fail", True)


@pytest.mark.parametrize(
    ("left", "life", "verdict"), [(30.0, 30.0, "ok"), (10.0, 30.0, "ok"), (9.9, 30.0, "warn"), (0.0, 30.0, "fail"), (29.0, 90.0, "warn")]
)
def test_certificate_in_the_last_third_of_its_life_is_a_warning(left: float, life: float, verdict: str) -> None:
    found = judge_life("tls", left, life, "rnt provision --renew")
    assert (found.verdict, found.fix) == (verdict, "" if verdict == "ok" else "rnt provision --renew")


def test_damaged_journal_is_found(provisioned: Bench) -> None:
    path = provisioned.state / "journal.db"
    path.write_bytes(b"x" * 4096 + path.read_bytes()[4096:])
    assert provisioned.doctor("journal")["journal"]["verdict"] == "fail"


def test_doctor_fix_that_repeats_the_doctor_names_the_same_terminal(bench: Bench) -> None:
    found = bench.doctor("clock-skew")["clock-skew"]
    assert found["fix"] == f"rnt doctor --config {bench.config} --only backend"


def test_operator_nobody_reaches_is_found(provisioned: Bench) -> None:
    provisioned.operator.stop()
    found = provisioned.doctor("backend", "clock-skew")
    assert found["backend"]["verdict"] == "fail"
    assert found["clock-skew"]["verdict"] == "unknown"


@pytest.mark.slow
def test_operator_that_no_longer_accepts_this_certificate_is_found(provisioned: Bench) -> None:
    files = [provisioned.state / "keys/tls.pem", provisioned.state / "trust/tls-cert.pem"]
    old = [path.read_bytes() for path in files]
    provisioned.new_order()
    provisioned.provision("--renew", "--serial", "RNT-000001")
    for path, content in zip(files, old, strict=True):
        path.write_bytes(content)
    assert provisioned.doctor("backend")["backend"]["verdict"] == "fail"


def test_configuration_naming_another_operator_is_found(provisioned: Bench) -> None:
    text = provisioned.config.read_text()
    provisioned.config.write_text(text.replace("https://localhost", "https://127.0.0.1"))
    found = provisioned.doctor("trust")["trust"]
    assert (found["verdict"], "backend" in found["fix"]) == ("warn", True)


def test_absent_pcscd_is_found(bench: Bench) -> None:
    found = bench.doctor("pcscd", "sim-writer")
    assert (found["pcscd"]["verdict"], "pcscd" in found["pcscd"]["fix"]) == ("fail", True)
    assert found["sim-writer"]["verdict"] == "unknown"


def test_pcscd_socket_nobody_serves_is_found(bench: Bench) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(bench.folder / "pcscd.comm"))
    found = bench.doctor("pcscd")["pcscd"]
    assert (found["verdict"], "restart" in found["fix"]) == ("fail", True)


def with_pcscd(bench: Bench, reader: str) -> RunningSimulator:
    running = RunningSimulator("simulators.pcscd", "--run-dir", str(bench.folder / "p"))
    text = bench.config.read_text().replace(f"{bench.folder}/pcscd.comm", str(running.endpoints["pcscd_socket"]))
    bench.config.write_text(text.replace("rnt SIM writer 00 00", reader or str(running.endpoints["reader"])))
    return running


@pytest.mark.slow
def test_healthy_sim_writer_is_found_by_its_name(bench: Bench) -> None:
    with with_pcscd(bench, ""):
        found = bench.doctor("pcscd", "sim-writer")
    assert {name: check["verdict"] for name, check in found.items()} == {"pcscd": "ok", "sim-writer": "ok"}


@pytest.mark.slow
def test_sim_writer_of_another_name_is_not_taken(bench: Bench) -> None:
    with with_pcscd(bench, "another writer 00 00"):
        found = bench.doctor("sim-writer")["sim-writer"]
    assert (found["verdict"], "another writer" in found["cause"]) == ("fail", True)


def test_missing_id_reader_is_found(bench: Bench) -> None:
    found = bench.doctor("id-reader-port", "id-reader")
    assert found["id-reader-port"]["verdict"] == "fail"
    assert found["id-reader"]["verdict"] == "unknown"


def test_port_that_is_a_plain_file_is_found(bench: Bench) -> None:
    (bench.folder / "id-reader").touch()
    assert bench.doctor("id-reader-port")["id-reader-port"]["cause"].endswith("is no serial port.")


def test_healthy_id_reader_names_its_sam(bench: Bench, id_reader: RunningSimulator) -> None:
    found = bench.doctor("id-reader-port", "id-reader")
    assert found["id-reader-port"]["verdict"] == "ok"
    assert (found["id-reader"]["verdict"], str(id_reader.endpoints["sam_id"]) in found["id-reader"]["cause"]) == ("ok", True)


def test_id_reader_with_a_broken_sam_is_found(bench: Bench, id_reader: RunningSimulator) -> None:
    id_reader.control("sam", code=0x60)
    assert bench.doctor("id-reader")["id-reader"]["verdict"] == "fail"


def test_port_held_by_another_process_is_named(bench: Bench, id_reader: RunningSimulator) -> None:
    with serial.Serial(str(id_reader.endpoints["port"]), exclusive=True):
        found = bench.doctor("id-reader-port")["id-reader-port"]
    assert (found["verdict"], "process" in found["cause"]) == ("unknown", True)


def test_healthy_controller_answers(bench: Bench) -> None:
    with controller(bench, "ready"):
        assert bench.doctor("controller")["controller"]["verdict"] == "ok"


def test_tampered_controller_is_found(bench: Bench) -> None:
    with controller(bench, "tampered"):
        found = bench.doctor("controller")["controller"]
    assert (found["verdict"], "case" in found["cause"]) == ("fail", True)


def test_modem_manager_is_found(bench: Bench, tmp_path: Path) -> None:
    """A process of that name; what it does is not looked at."""
    stand_in = tmp_path / "ModemManager"
    shutil.copy("/bin/cat", stand_in)
    with subprocess.Popen([str(stand_in)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"started\n")
        process.stdin.flush()
        process.stdout.readline()
        found = bench.doctor("port-grabbers")["port-grabbers"]
        process.stdin.close()
    assert (found["verdict"], "ModemManager" in found["fix"]) == ("warn", True)


@pytest.mark.parametrize(("free", "verdict"), [(1 << 20, "fail"), (100 << 20, "warn"), (1 << 30, "ok")])
def test_disk_is_judged_by_what_is_free(free: int, verdict: str) -> None:
    assert judge_disk(free, Path("/var/lib/rnt")).verdict == verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(0, "ok"), (-29, "ok"), (31, "warn"), (-301, "fail"), (86400, "fail")])
def test_clock_skew_is_judged_in_both_directions(seconds: float, verdict: str) -> None:
    assert judge_skew(seconds).verdict == verdict
