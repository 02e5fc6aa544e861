# SPDX-License-Identifier: Apache-2.0
"""The driver against the controller's own firmware on MicroPython, over a pty: commands, states, tamper, button, watchdogs."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hal.controller.errors import Refused, Tampered
from hal.controller.service import ControllerService
from hal.deadline import Deadline
from hal.errors import DeadlinePassed, LinkClosed
from hal.link.serial import SerialLink
from simulators.controller.device import FIRMWARE
from tests.contract.controller.controller_bench import Bench

VECTORS = Path(__file__).parents[2] / "vectors" / "controller"
NONCE = bytes(range(0xA0, 0xB0)).hex()
OTHER_NONCE = bytes(range(0xB0, 0xC0)).hex()


# ---- who is there


def test_simulator_ready_line_names_port_and_version(start: Callable[..., Bench]) -> None:
    with tempfile.TemporaryDirectory(prefix="rnt-") as folder:
        bench = start("--link", f"{folder}/controller")
        assert bench.simulator.endpoints == {"ready": "controller", "port": f"{folder}/controller", "version": "1.2.0"}
        assert bench.op("hello")["version"] == "1.2.0"
        bench.simulator.stop()
        assert not (Path(folder) / "controller").exists()


@pytest.mark.parametrize("state", ["ready", "tampered", "unprovisioned"])
def test_hello_start_state_told(start: Callable[..., Bench], state: str) -> None:
    bench = start("--state", state)
    hello = bench.op("hello")
    assert hello["state"] == state
    assert hello["reset_cause"] == "power_on"
    assert len(bytes.fromhex(hello["boot_id"])) == 8
    report = bench.op("state")
    assert report == {"state": state, "tamper": False, "armed": False, "pressed": None, "boot_id": hello["boot_id"], "reader_off": False}


@pytest.mark.parametrize("state", ["ready", "tampered", "unprovisioned"])
def test_exchange_vectors_firmware_answers_to_the_byte(start: Callable[..., Bench], state: str) -> None:
    bench = start("--state", state)
    link = SerialLink(bench.port, 115200)
    try:
        for vector in json.loads((VECTORS / "exchanges.json").read_text())["exchanges"]:
            if vector["state"] == state:
                assert exchange(link, bytes.fromhex(vector["request"])).hex() == vector["answer"], vector["name"]
    finally:
        link.close()


def exchange(link: SerialLink, request: bytes) -> bytes:
    link.write(request, Deadline.after(5))
    opening = link.read_until(b"\0", 1, Deadline.after(5))
    return opening + link.read_until(b"\0", 250, Deadline.after(5))


# ---- commands


def test_light_steady_and_blinking_lamps_follow(bench: Bench) -> None:
    bench.op("light", colour="green")
    assert bench.control("light")["on"] == ["green"]
    bench.op("light", colour="amber", blink=True)
    bench.until(lambda: bench.control("light")["blinking"])
    assert bench.control("light")["colour"] == "amber"
    bench.op("light", colour="off")
    assert bench.control("light")["on"] == []


def test_buzz_patterns_sound(bench: Bench) -> None:
    bench.op("buzz", pattern="attention")
    bench.until(lambda: len(bench.control("light")["buzzer_ms"]) == 3)
    bench.op("buzz", pattern="fail")
    bench.until(lambda: len(bench.control("light")["buzzer_ms"]) == 4)
    assert bench.control("light")["buzzer_ms"][3] > bench.control("light")["buzzer_ms"][0]


def test_sim_power_off_at_boot_follows_command(bench: Bench) -> None:
    assert bench.control("light")["sim_power"] is False
    bench.op("sim_power", on=True)
    assert bench.control("light")["sim_power"] is True
    bench.control("reset")
    assert bench.control("light")["sim_power"] is False


def test_reader_cycle_supply_goes_and_comes_back_by_itself(bench: Bench) -> None:
    assert bench.control("light")["reader_power"] is True
    bench.op("reader_cycle", off_ms=300)
    assert (bench.op("state")["reader_off"], bench.control("light")["reader_power"]) == (True, False)
    bench.until(lambda: bench.op("state")["reader_off"] is False)
    assert bench.control("light")["reader_power"] is True
    assert bench.control("light")["reader_off_ms"][0] >= 300


def test_reader_cycle_cut_by_a_reset_supply_is_back(bench: Bench) -> None:
    bench.op("reader_cycle", off_ms=5000)
    bench.control("reset")
    assert (bench.op("state")["reader_off"], bench.control("light")["reader_power"]) == (False, True)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("light", {"colour": "purple"}),
        ("buzz", {"pattern": "melody"}),
        ("arm", {"nonce": "00", "seconds": 5}),
        ("arm", {"nonce": NONCE, "seconds": 301}),
        ("heartbeat", {"seconds": 61}),
        ("reader_cycle", {"off_ms": 99}),
        ("reader_cycle", {"off_ms": 5001}),
    ],
)
def test_command_outside_its_range_refused(bench: Bench, operation: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        bench.op(operation, **arguments)
    assert refusal.value.data["code"] == 2


def test_command_unprovisioned_refused(start: Callable[..., Bench]) -> None:
    bench = start("--state", "unprovisioned")
    with pytest.raises(Refused) as refusal:
        bench.op("arm", nonce=NONCE, seconds=5)
    assert refusal.value.data == {"code": 3, "state": "unprovisioned"}


# ---- the confirm button


@pytest.mark.clause("T-13")
def test_button_pressed_while_armed_confirms_nonce(bench: Bench) -> None:
    bench.op("arm", nonce=NONCE, seconds=30)
    assert bench.op("state")["armed"] is True
    assert bench.op("state")["pressed"] is None
    bench.control("press", hold_ms=120)
    report = bench.op("state")
    assert (report["pressed"], report["armed"]) == (NONCE, False)
    bench.op("arm", nonce=OTHER_NONCE, seconds=30)
    assert bench.op("state")["pressed"] is None


def test_button_pressed_while_not_armed_means_nothing(bench: Bench) -> None:
    bench.control("press", hold_ms=120)
    assert bench.op("state")["pressed"] is None
    bench.op("arm", nonce=NONCE, seconds=30)
    bench.op("disarm")
    bench.control("press", hold_ms=120)
    assert bench.op("state")["pressed"] is None


def test_button_held_since_before_arm_ignored_until_released(bench: Bench) -> None:
    bench.control("press", hold_ms=120)  # the firmware has debounced at least one press
    bench.control("button", down=True)
    bench.rounds()
    bench.op("arm", nonce=NONCE, seconds=30)
    bench.rounds()
    assert bench.op("state")["pressed"] is None
    bench.control("button", down=False)
    bench.rounds()
    assert bench.op("state")["pressed"] is None
    bench.control("press", hold_ms=120)
    assert bench.op("state")["pressed"] == NONCE


def test_button_bounce_shorter_than_debounce_ignored(bench: Bench) -> None:
    bench.op("arm", nonce=NONCE, seconds=30)
    for _ in range(20):
        bench.control("press", hold_ms=1)
    bench.rounds()
    assert bench.op("state")["pressed"] is None


def test_button_pressed_after_expiry_ignored(bench: Bench) -> None:
    bench.op("arm", nonce=NONCE, seconds=1)
    bench.until(lambda: not bench.op("state")["armed"])
    bench.control("press", hold_ms=120)
    assert bench.op("state")["pressed"] is None


def test_button_confirmation_lost_with_power(bench: Bench) -> None:
    bench.op("arm", nonce=NONCE, seconds=30)
    bench.control("press", hold_ms=120)
    first = bench.op("state")
    bench.control("power_cut")
    report = bench.op("state")
    assert (report["pressed"], report["armed"]) == (None, False)
    assert report["boot_id"] != first["boot_id"]


# ---- tamper


@pytest.mark.clause("DS-23")
def test_tamper_short_pulse_wipes_and_latches_for_ever(bench: Bench) -> None:
    bench.op("sim_power", on=True)
    bench.op("arm", nonce=NONCE, seconds=30)
    assert bench.control("secret")["page"] != "00" * 256
    bench.control("tamper", pulse_ms=0)
    report = bench.op("state")
    assert (report["state"], report["tamper"], report["armed"]) == ("tampered", False, False)
    assert bench.control("secret")["page"] == "00" * 256
    assert bench.control("light")["sim_power"] is False
    bench.until(lambda: bench.control("light")["colour"] == "red")
    for restart in ("reset", "power_cut"):
        bench.control(restart)
        assert bench.op("hello")["state"] == "tampered"
    with pytest.raises(Tampered):
        bench.op("arm", nonce=NONCE, seconds=30)
    bench.op("heartbeat")


def test_tamper_open_at_boot_wiped_before_first_answer(start: Callable[..., Bench]) -> None:
    bench = start("--tamper-open")
    assert bench.op("state")["state"] == "tampered"
    assert bench.op("state")["tamper"] is True
    assert bench.control("secret")["page"] == "00" * 256


def test_tamper_open_unprovisioned_reported_not_latched(start: Callable[..., Bench]) -> None:
    bench = start("--state", "unprovisioned", "--tamper-open")
    assert bench.op("state")["tamper"] is True
    bench.control("tamper", open=False)
    report = bench.op("state")
    assert (report["state"], report["tamper"]) == ("unprovisioned", False)
    assert bench.control("secret")["page"] == "ff" * 256


@pytest.mark.parametrize("done", [1, 4, 20, 255])
def test_tamper_wipe_cut_short_finished_at_next_boot(bench: Bench, done: int) -> None:
    bench.control("fault", fault={"at": "flash", "do": "power_cut", "done": done})
    bench.control("tamper", pulse_ms=0)
    bench.control("wait_boot", after=1)
    assert bench.op("state")["state"] == "tampered"
    assert bench.control("secret")["page"] == "00" * 256


def test_tamper_flash_file_outlives_the_process(start: Callable[..., Bench]) -> None:
    with tempfile.TemporaryDirectory(prefix="rnt-") as folder:
        first = start("--flash", f"{folder}/flash")
        first.control("tamper", pulse_ms=0)
        assert first.op("state")["state"] == "tampered"
        first.simulator.kill()
        second = start("--flash", f"{folder}/flash")
        assert second.op("state")["state"] == "tampered"


# ---- resets and watchdogs


@pytest.mark.slow
def test_hang_own_watchdog_resets_cause_told(bench: Bench) -> None:
    before = bench.op("hello")["boot_id"]
    bench.control("wait_boot", after=bench.control("hang")["boots"])
    hello = bench.op("hello")
    assert hello["reset_cause"] == "watchdog"
    assert hello["boot_id"] != before


@pytest.mark.parametrize("restart", ["reset", "power_cut"])
def test_hang_reset_or_power_cut_does_not_wait_for_the_watchdog(bench: Bench, restart: str) -> None:
    bench.control("hang")
    assert bench.control(restart) == {"boots": 2}
    assert bench.op("hello")["reset_cause"] == "power_on"


@pytest.mark.slow
def test_firmware_uncaught_exception_watchdog_resets_it(start: Callable[..., Bench], tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("*.md"))
    main = (firmware / "main.py").read_text()
    (firmware / "main.py").write_text("import machine\nif machine.reset_cause() == 1:\n    raise ValueError('planted')\n" + main)
    assert start("--firmware", str(firmware)).op("hello")["reset_cause"] == "watchdog"


def test_power_cut_while_request_arrives_answered_after_reboot(bench: Bench) -> None:
    bench.control("fault", fault={"at": "rx", "do": "power_cut", "ms": 50})
    assert bench.op("hello")["reset_cause"] == "power_on"  # the request that fell into the dark was sent again


def test_heartbeat_stops_host_is_reset_once(bench: Bench) -> None:
    bench.op("heartbeat", seconds=1)
    bench.until(lambda: bench.control("light")["host_resets"] == 1)
    bench.op("state")
    assert bench.control("light")["host_resets"] == 1


@pytest.mark.slow
def test_heartbeat_takes_leave_host_is_not_reset(bench: Bench) -> None:
    bench.op("heartbeat", seconds=1)
    bench.op("heartbeat", seconds=0)
    bench.op("arm", nonce=NONCE, seconds=2)
    bench.until(lambda: not bench.op("state")["armed"])  # two seconds of the controller's own clock
    assert bench.control("light")["host_resets"] == 0


# ---- the port


def test_simulator_killed_link_closed(bench: Bench) -> None:
    bench.op("hello")
    bench.simulator.kill()
    with pytest.raises(LinkClosed):
        bench.op("state")


def test_port_missing_link_closed() -> None:
    with pytest.raises(LinkClosed):
        ControllerService({"port": "/nonexistent/controller"}).operations["hello"]({}, Deadline.after(1))


def test_port_silent_deadline() -> None:
    master, slave = os.openpty()
    try:
        service = ControllerService({"port": os.ttyname(slave)})
        with pytest.raises(DeadlinePassed):
            service.operations["hello"]({}, Deadline.after(0.3))
    finally:
        os.close(master)
        os.close(slave)


def test_worker_process_hello_answers_with_link_time(bench: Bench) -> None:
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen([sys.executable, "-m", "hal.worker", "controller", str(theirs.fileno())], pass_fds=[theirs.fileno()]) as worker,
    ):
        theirs.close()
        stream = ours.makefile("rwb")
        stream.write(json.dumps({"config": {"port": bench.port}}).encode() + b"\n")
        stream.write(json.dumps({"id": 1, "op": "hello", "args": {}, "timeout": 5}).encode() + b"\n")
        stream.write(json.dumps({"id": 2, "op": "light", "args": {"colour": "none"}, "timeout": 5}).encode() + b"\n")
        stream.flush()
        first, second = json.loads(stream.readline()), json.loads(stream.readline())
        stream.close()
        ours.shutdown(socket.SHUT_RDWR)
        assert worker.wait(10) == 0
    assert first["ok"]["state"] == "ready"
    assert first["link_us"] > 0
    assert (second["error"], second["data"]) == ("refused", {"code": 2})
