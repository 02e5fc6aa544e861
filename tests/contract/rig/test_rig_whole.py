# SPDX-License-Identifier: Apache-2.0
"""The rig: all simulators come up together, are reachable, and end with it."""

import json
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.kit.launch import RunningSimulator, SimulatorFailed, control_request
from simulators.rig.layout import MODULES


class Rig:
    def __init__(self, *arguments: str) -> None:
        self.process = RunningSimulator("simulators.rig", *arguments)
        self.list: dict[str, Any] = json.loads(Path(self.process.endpoints["rig"]).read_text())
        self.terminal: dict[str, Any] = tomllib.loads(Path(self.process.endpoints["terminal"]).read_text())

    def control(self, cmd: str, **arguments: Any) -> dict[str, Any]:
        return control_request(Path(self.list["control"]), {"cmd": cmd, **arguments})

    def device(self, device: str, cmd: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.control("device", device=device, request={"cmd": cmd, **arguments})["answer"]
        return answer


@pytest.fixture
def small() -> Iterator[Rig]:
    rig = Rig("--only", "camera", "--only", "printer", "--only", "id_reader", "--persona", "li")
    yield rig
    rig.process.stop()


@pytest.fixture
def whole() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.process.stop()


def test_rig_whole_everything_answers_and_the_configuration_points_at_it(whole: Rig) -> None:
    assert list(whole.list["devices"]) == list(MODULES)
    for device in MODULES:
        whole.device(device, "ping")
    tables = whole.terminal
    assert Path(tables["id_reader"]["port"]).exists()
    assert Path(tables["controller"]["port"]).exists()
    assert Path(tables["printer"]["port"]).exists()
    assert Path(tables["camera"]["source"]).is_socket()
    assert Path(tables["sim_card"]["pcscd_socket"]).is_socket()
    assert tables["sim_card"]["reader"] == whole.list["devices"]["pcscd"]["endpoints"]["reader"]
    assert tables["backend"]["url"] == whole.list["url"]
    assert Path(whole.list["ca"]).is_file()
    assert Path(whole.list["work_order"]).is_file()
    assert not Path(tables["terminal"]["state_dir"]).exists()
    assert len(str(whole.list["kiosk"])) < 100


def test_rig_whole_the_card_in_the_slot_is_in_the_operators_pool(whole: Rig) -> None:
    iccid = whole.list["devices"]["sim_card"]["endpoints"]["iccid"]
    blanks = whole.device("backend", "state")["blanks"]
    assert {"iccid": iccid, "state": "blank", "mode": "fields", "counter": 0, "sqn": 0} in blanks
    assert whole.device("sim_card", "state")["inserted"]


def test_rig_only_some_devices_are_started(small: Rig) -> None:
    assert set(small.list["devices"]) == {"camera", "printer", "id_reader"}
    assert small.list["work_order"] is None
    with pytest.raises(RuntimeError, match="on this rig"):
        small.device("backend", "state")


def test_rig_refused_request_names_the_device(small: Rig) -> None:
    with pytest.raises(RuntimeError, match=r"camera: .*KeyError"):
        small.device("camera", "persona", persona="nobody")


def test_rig_killed_device_comes_back_at_the_same_path(small: Rig) -> None:
    port = Path(small.terminal["printer"]["port"])
    small.control("kill", device="printer")
    small.control("restart", device="printer")
    assert port.is_symlink()
    assert port.exists()
    assert small.device("printer", "lines") == {"lines": []}


def test_rig_stopped_nothing_is_left(small: Rig) -> None:
    root, source = Path(small.list["rig"]), small.terminal["camera"]["source"]
    small.process.stop()
    assert small.process.process.returncode == 0
    assert not root.exists()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel, pytest.raises(OSError, match=r"No such file|refused"):
        channel.connect(source)


def test_rig_killed_its_simulators_end_by_themselves(small: Rig) -> None:
    small.device("camera", "fault", fault={"at": "frame", "do": "silence"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.connect(small.terminal["camera"]["source"])
        small.process.kill()
        channel.settimeout(5)
        assert channel.recv(1) == b""
    shutil.rmtree(small.list["rig"])


def test_rig_device_that_cannot_start_ends_everything_with_a_reason(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SimulatorFailed, match=r"ended with code"):
        RunningSimulator("simulators.rig", "--only", "camera", "--only", "printer", "--option", "camera=--no-such-option")
    assert "simulators.camera" in capfd.readouterr().err


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "simulators.rig.ask", *arguments], capture_output=True, text=True, timeout=10, check=False)


def test_ask_by_hand_prints_the_answer_or_why_not(small: Rig) -> None:
    control = small.list["devices"]["camera"]["control"]
    answered = ask(control, '{"cmd": "frames"}')
    assert (answered.returncode, json.loads(answered.stdout)) == (0, {"count": 0})
    refused = ask(control, '{"cmd": "fly"}')
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "fly" in refused.stderr
    assert ask(control + "x", '{"cmd": "ping"}').returncode == 1
    assert ask(control).returncode == 2
