# SPDX-License-Identifier: Apache-2.0
"""The doctor against the ID reader's common troubles, each played by the simulator at the wire: cause and fix are told."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import serial

from simulators.kit.launch import RunningSimulator
from tests.support.rnt_bench import TEMPLATE, Bench

CHECKS = ("id-reader-port", "id-reader", "id-reader-power")
PLAIN_USER = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
"""Root without its rights: what a mode forbids is forbidden."""


class Ward:
    """One terminal's configuration with one reader, simulated; no operator, who has no part in it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.environment: dict[str, str] = {}
        self.bench = Bench(folder, None)  # type: ignore[arg-type]  # the checks of the reader ask no operator
        self.bench.config.write_text(TEMPLATE.format(folder=folder, url="https://localhost:1"))

    def run(self, module: str, *arguments: str, control: Path | None = None) -> RunningSimulator:
        return self._stack.enter_context(RunningSimulator(module, *arguments, control=control))

    def reader(self, *arguments: str, faults: tuple[dict[str, Any], ...] = ()) -> RunningSimulator:
        place = ["--socket", str(self.folder / "usb")] if "--usb" in arguments else ["--link", str(self.folder / "id-reader"), "--no-pace"]
        running = self.run("simulators.id_reader", *place, *arguments, control=self.folder / "r.sock")
        for fault in faults:
            running.control("fault", fault={"times": 0, **fault})
        if "--usb" in arguments:
            bus = self.run("simulators.usb", "--device", str(self.folder / "usb"))
            self.environment = {"LD_PRELOAD": str(bus.endpoints["preload"]), "UMOCKDEV_DIR": str(bus.endpoints["root"])}
            self.configure(f'usb = "{running.endpoints["usb"]}"')
        return running

    def configure(self, text: str) -> None:
        config = self.bench.config
        config.write_text(config.read_text().replace(f'port = "{self.folder}/id-reader"', text))

    def doctor(self) -> dict[str, dict[str, str]]:
        outcome = self.bench.rnt("doctor", "--config", str(self.bench.config), "--only", ",".join(CHECKS), environment=self.environment)
        return {check["id"]: check for check in outcome.data["checks"]}


@pytest.fixture
def ward() -> Iterator[Ward]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        yield Ward(folder, stack)


def verdicts(found: dict[str, dict[str, str]]) -> tuple[str, str]:
    return found["id-reader-port"]["verdict"], found["id-reader"]["verdict"]


TROUBLES: dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...], str, str]] = {
    "self-test failed": (("--sam-failure", "60"), (), "self-test", "replace the reader"),
    "unauthorised SAM": (("--sam-failure", "66"), (), "not authorised", "R513"),
    "another checksum": ((), ({"at": "status", "do": "summed"},), "another checksum", "SAM protocol"),
    "another protocol": ((), ({"at": "status", "do": "foreign", "n": 12},), "not as a SAM reader", "another device"),
    "silence": ((), ({"at": "status", "do": "drop"},), "Nothing answers", "power"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TROUBLES)
def test_reader_that_does_not_work_is_told_with_cause_and_fix(ward: Ward, name: str) -> None:
    arguments, faults, cause, fix = TROUBLES[name]
    ward.reader(*arguments, faults=faults)
    found = ward.doctor()
    assert verdicts(found) == ("ok", "fail")
    told = found["id-reader"]
    assert cause in told["cause"]
    assert fix in told["fix"] + told["cause"]


@pytest.mark.parametrize(
    ("counted", "verdict", "words"),
    [
        (None, "ok", "was not switched"),
        ('{"switched": 3, "helped": 2}', "warn", "3 times since the terminal started, 1 in vain"),
        ("3", "unknown", "cannot be read"),
        ("{", "unknown", "cannot be read"),
    ],
)
def test_reader_whose_power_had_to_be_switched_is_a_warning(ward: Ward, counted: str | None, verdict: str, words: str) -> None:
    (ward.folder / "run").mkdir()
    if counted is not None:
        (ward.folder / "run/id-reader-power.json").write_text(counted)
    told = ward.doctor()["id-reader-power"]
    assert (told["verdict"], words in told["cause"], bool(told["fix"])) == (verdict, True, verdict == "warn")


def test_reader_that_refuses_its_rate_is_a_warning_with_what_it_costs(ward: Ward) -> None:
    ward.reader("--baud", "9600", "--fixed-baud")
    told = ward.doctor()["id-reader"]
    assert (told["verdict"], "9600" in told["cause"], "1.3 s" in told["cause"]) == ("warn", True, True)


def test_reader_of_another_sam_than_the_registered_one_is_found(ward: Ward) -> None:
    ward.reader()
    (ward.bench.state / "trust").mkdir(parents=True)
    (ward.bench.state / "trust/sam-id").write_text("00" * 16)
    told = ward.doctor()["id-reader"]
    assert told["verdict"] == "fail"
    assert "R513" in told["cause"]
    assert "--sam-id 05.01-20101129-0001228293-0296863149" in told["fix"]


@pytest.mark.parametrize(("name", "fix"), [("ModemManager", "systemctl disable --now ModemManager"), ("brltty", "apt-get remove brltty")])
def test_program_that_takes_the_readers_answers_is_named(ward: Ward, tmp_path: Path, name: str, fix: str) -> None:
    """A program of that name, reading the port and locking nothing, as they do."""
    ward.reader()
    shutil.copy("/bin/cat", tmp_path / name)
    with subprocess.Popen([tmp_path / name, "-", str(ward.folder / "id-reader")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"started\n")
        process.stdin.close()
        process.stdout.readline()
        while not any(
            os.path.realpath(ward.folder / "id-reader") == str(fd.readlink()) for fd in Path(f"/proc/{process.pid}/fd").iterdir()
        ):
            pass  # it opens the port next; the test's time limit ends this
        found = ward.doctor()
        process.kill()
    assert verdicts(found) == ("fail", "unknown")
    assert name in found["id-reader-port"]["cause"]
    assert fix in found["id-reader-port"]["fix"]


def test_port_the_terminal_holds_is_told_with_the_command_that_frees_it(ward: Ward) -> None:
    ward.reader()
    with serial.Serial(str(ward.folder / "id-reader"), exclusive=True):
        found = ward.doctor()
    assert verdicts(found) == ("unknown", "unknown")
    assert f"process {os.getpid()}" in found["id-reader-port"]["cause"]
    assert found["id-reader-port"]["fix"].startswith("systemctl stop rnt-terminal")


@pytest.mark.parametrize("usb", [(), ("--usb", "four")])
def test_place_this_user_may_not_use_is_told_with_the_udev_rule(ward: Ward, usb: tuple[str, ...]) -> None:
    running = ward.reader(*usb)
    if usb:
        (node,) = (Path(ward.environment["UMOCKDEV_DIR"]) / "dev/bus/usb/001").glob("00[2-9]")
    else:
        node = Path(str(running.endpoints["port"])).resolve()
    node.chmod(0)
    ward.bench.prefix.extend(PLAIN_USER)
    found = ward.doctor()["id-reader-port"]
    assert found["verdict"] == "fail"
    assert "60-rnt.rules" in found["fix"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "word"), [("ccid", "smart-card reader"), ("keyboard", "like a keyboard"), ("disk", "none of the pipes")]
)
def test_usb_device_in_another_mode_is_told_by_what_it_is(ward: Ward, variant: str, word: str) -> None:
    ward.reader("--usb", variant)
    found = ward.doctor()
    assert verdicts(found) == ("ok", "fail")
    assert word in found["id-reader"]["cause"]
    assert found["id-reader"]["fix"]


@pytest.mark.slow
def test_healthy_usb_reader_is_found_well_and_a_pulled_one_is_missed(ward: Ward) -> None:
    running = ward.reader("--usb", "two")
    assert verdicts(ward.doctor()) == ("ok", "ok")
    running.control("hangup")
    found = ward.doctor()
    while found["id-reader-port"]["verdict"] == "ok":
        found = ward.doctor()  # the bus follows; the test's time limit ends this
    assert "No USB device is called" in found["id-reader-port"]["cause"]


def test_usb_reader_without_any_is_missed(ward: Ward) -> None:
    ward.configure('usb = "0400:c35a"')
    found = ward.doctor()
    assert verdicts(found) == ("fail", "unknown")


@pytest.mark.slow
def test_pcsc_reader_is_found_by_its_name_and_cannot_activate(ward: Ward) -> None:
    pcscd = ward.run("simulators.pcscd", "--run-dir", str(ward.folder / "p"), "--name", "rnt ID reader")
    ward.configure(f'pcsc = "{pcscd.endpoints["reader"]}"\npcscd_socket = "{pcscd.endpoints["pcscd_socket"]}"')
    found = ward.doctor()
    assert verdicts(found) == ("ok", "fail")
    assert "R513" in found["id-reader"]["cause"]
