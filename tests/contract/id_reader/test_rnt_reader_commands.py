# SPDX-License-Identifier: Apache-2.0
"""``rnt reader`` as a process of its own, against a reader at the wire: what it says, what it keeps to itself, how it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import serial

from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator
from simulators.personas import PERSONAS, appended_block, photo_block, text_block
from tests.support.reader_bench import SAM_ID, BlockBench, ReaderControl, starter
from tests.support.rnt_bench import TEMPLATE

IIN, SN = "a1b2c3d4", "c0ffee1122334455"
"""What find and select answer on this reader: they identify a card, so no output may have them."""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lines[-1]["data"]
        return found

    @property
    def told(self) -> tuple[str, str]:
        return self.lines[-1]["message"], self.lines[-1]["hint"]


class Desk(ReaderControl):
    """One reader and the command line."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory, self.port = directory, str(directory / "reader")
        self.environment = dict(os.environ)
        self.bus: RunningSimulator | None = None
        place = ["--socket", str(directory / "usb")] if "--usb" in arguments else ["--link", self.port, "--no-pace"]
        self.simulator = RunningSimulator(
            "simulators.id_reader", *place, *arguments, "--iin", IIN, "--sn", SN, control=directory / "control"
        )
        if "--usb" in arguments:
            self.bus = RunningSimulator("simulators.usb", "--device", str(directory / "usb"))
            self.environment |= {"LD_PRELOAD": str(self.bus.endpoints["preload"]), "UMOCKDEV_DIR": str(self.bus.endpoints["root"])}

    def command(self, verb: str, *arguments: str) -> list[str]:
        place = () if "--terminal" in arguments or "--port" in arguments or verb == "list" else ("--port", self.port)
        if self.bus and place:
            place = ("--usb", str(self.simulator.endpoints["usb"]))
        return [sys.executable, "-m", "host_tools.rnt", "reader", verb, *place, *arguments]

    def text(self, verb: str, *arguments: str) -> Done:
        done = subprocess.run(self.command(verb, *arguments), capture_output=True, text=True, check=False, input="", env=self.environment)
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, verb: str, *arguments: str) -> Done:
        return self.text(verb, *arguments, "--json")

    def close(self) -> None:
        if self.bus:
            self.bus.stop()
        self.simulator.stop()


@pytest.fixture
def start() -> Iterator[Callable[..., Desk]]:
    yield from starter(Desk)


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    desks = starter(Desk)
    yield next(desks)()
    next(desks, None)


@pytest.fixture
def desk(shared: Desk) -> Desk:
    shared.simulator.control("clear_faults")
    shared.simulator.control("remove")
    shared.simulator.control("sam", code=0)
    return shared


def personal(key: str) -> list[str]:
    """Everything of a persona's card that says something: texts, their bytes, pieces of the photo."""
    persona = PERSONAS[key]
    texts = [persona.name, persona.number, persona.number[6:14], persona.address, persona.issuer, *persona.appended]
    blocks = text_block(persona) + appended_block(persona)
    pieces = [blocks[at : at + 4].hex() for at in range(0, len(blocks) - 4, 4) if blocks[at : at + 4] != b" \0 \0"]
    photo = photo_block(persona)[16:].hex()
    return [*texts, *pieces, *(photo[at : at + 16] for at in range(0, len(photo) - 16, 16)), IIN, SN]


def leaked(done: Done, key: str) -> list[str]:
    said = (done.out + done.err).lower()
    return [text for text in personal(key) if text.lower() in said]


def test_info_tells_the_sam_its_rate_and_how_well_it_answers(desk: Desk) -> None:
    done = desk.json("info")
    assert (done.code, done.data["sam_id"], done.data["kind"], done.data["baud"]) == (0, SAM_ID, "serial", 115200)
    assert done.data["sam_label"] == "05.01-20101129-0001228293-0296863149"
    assert done.data["figures"] | {"answer_ms": 0, "slowest_ms": 0} == {
        "exchanges": 7, "failed": {}, "stray_bytes": 0, "answer_ms": 0, "slowest_ms": 0,
    }  # fmt: skip


def test_info_counts_what_had_to_be_asked_again(desk: Desk) -> None:
    desk.fault("status#2", "corrupt", byte=-1)
    desk.fault("status#4", "junk", n=5)
    done = desk.json("info")
    assert (done.code, done.data["figures"]["failed"], done.data["figures"]["stray_bytes"]) == (0, {"checksum": 1}, 5)


def test_read_shows_a_masked_card_to_the_person_and_none_to_the_log(desk: Desk) -> None:
    desk.insert("canary")
    shown, kept = desk.text("read"), desk.json("read")
    assert (shown.code, kept.code) == (0, 0)
    number = PERSONAS["canary"].number
    assert "*" * 14 + number[-4:] in shown.out
    assert "*" not in kept.out
    assert (leaked(shown, "canary"), leaked(kept, "canary")) == ([], [])
    assert kept.data["checks"] == dict.fromkeys(
        ("origin", "kind", "number", "birth", "dates", "clock", "started", "not-expired", "age"), True
    )
    assert (kept.data["refused"], kept.data["moved"], kept.data["frames"]) == (None, True, 8)


@pytest.mark.parametrize(("key", "code"), [("expired", "R105"), ("bad_check", "R111"), ("minor", "R206")])
def test_read_tells_what_the_terminal_would_say(desk: Desk, key: str, code: str) -> None:
    desk.insert(key)
    assert desk.json("read").data["refused"] == code


def test_read_of_a_card_nobody_knows_is_told_by_its_code(desk: Desk) -> None:
    desk.insert("unknown_type")
    done = desk.json("read")
    assert (done.code, "R103" in done.told[0]) == (ExitCode.FAILED, True)


def test_read_without_a_card_ends_in_time_and_says_what_to_do(desk: Desk) -> None:
    done = desk.json("read", "--timeout", "1")
    assert (done.code, done.told) == (ExitCode.NOT_FOUND, ("No card came in time.", "repeat with a longer --timeout"))


def test_trace_shows_every_exchange_and_no_byte_of_the_card(desk: Desk) -> None:
    desk.insert("canary")
    shown, kept = desk.text("trace"), desk.json("trace")
    assert (leaked(shown, "canary"), leaked(kept, "canary")) == ([], [])
    frames = [line for line in kept.lines if line.get("task") == "trace"]
    commands = [frame["command"] for frame in frames]
    assert commands[-4:] == ["select", "read", "appended", "status"]
    read = next(frame for frame in frames if frame["command"] == "read")
    assert (read["sent"], read["answer"], read["left_out"]) == (
        "aaaaaa966900033001 32".replace(" ", ""),
        "aaaaaa9669050800009001000400",
        1281,
    )
    assert SAM_ID in next(frame for frame in frames if frame["command"] == "sam_id")["answer"]
    assert all(0 <= frame["first_ms"] <= frame["took_ms"] for frame in frames)
    assert "[1281 bytes blanked]" in shown.out


def test_trace_tells_a_broken_answer_by_its_reason(desk: Desk) -> None:
    desk.insert("li")
    desk.fault("read", "short")
    frames = [line for line in desk.json("trace").lines if line.get("task") == "trace"]
    assert [frame["problem"] for frame in frames if frame["command"] == "read"] == ["cut", None]


def follow(desk: Desk, *arguments: str) -> tuple[subprocess.Popen[str], Callable[[str], dict[str, Any]]]:
    """Start the monitor; returns it and a function that waits for an event."""
    command = [*desk.command("monitor", *arguments), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=desk.environment)

    def wait_for(event: str) -> dict[str, Any]:
        assert process.stdout is not None
        for line in process.stdout:
            told: dict[str, Any] = json.loads(line)
            if event in (told.get("event"), told.get("text"), told["type"]):
                return told
        raise AssertionError(f"no {event}")

    return process, wait_for


def test_monitor_tells_cards_coming_and_going_until_ctrl_c(desk: Desk) -> None:
    process, wait_for = follow(desk)
    with process:
        wait_for("watching; Ctrl-C ends it")
        desk.insert("li")
        wait_for("presented")
        assert wait_for("read")["card"]["kind"] == "D01"
        desk.simulator.control("remove")
        wait_for("removed")
        desk.fault("read", "lifted")
        desk.insert("zhang")
        assert wait_for("failed")["reason"] == "card_lifted"
        process.send_signal(signal.SIGINT)
        ended = wait_for("result")
        assert process.wait(5) == ExitCode.OK
    assert ended["data"] | {"figures": {}} == {"presented": 2, "read": 1, "failed": 1, "removed": 1, "figures": {}}


def test_monitor_ends_after_the_cards_it_was_told_to_count(desk: Desk) -> None:
    process, wait_for = follow(desk, "--count", "1")
    with process:
        desk.insert("li")
        wait_for("read")
        desk.simulator.control("remove")
        assert wait_for("result")["code"] == 0


def test_monitor_of_a_reader_whose_cable_is_pulled_ends_and_says_so(start: Callable[..., Desk]) -> None:
    desk = start()
    process, wait_for = follow(desk)
    with process:
        wait_for("watching; Ctrl-C ends it")
        desk.simulator.control("hangup")
        ended = wait_for("result")
    assert (ended["code"], "went away" in ended["message"]) == (ExitCode.NOT_FOUND, True)


def test_port_somebody_locked_is_busy_and_named(desk: Desk) -> None:
    with serial.Serial(desk.port, exclusive=True):
        done = desk.json("info")
    assert (done.code, f"process {os.getpid()}" in done.told[0], "systemctl stop rnt-terminal" in done.told[1]) == (
        ExitCode.BUSY,
        True,
        True,
    )


def test_reader_that_is_not_there_is_not_found(desk: Desk) -> None:
    done = desk.json("info", "--port", "/dev/none")
    assert (done.code, "rnt reader list" in done.told[1]) == (ExitCode.NOT_FOUND, True)


@pytest.mark.parametrize("arguments", [(), ("--port", "/dev/a", "--usb", "1-1"), ("--terminal", "ssh:a@b"), ("--baud", "9600")])
def test_reader_that_is_not_named_once_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "host_tools.rnt", "reader", "info", *arguments]
    assert subprocess.run(command, capture_output=True, check=False).returncode == ExitCode.USAGE


def test_reader_of_a_terminal_is_compared_with_the_registered_one(desk: Desk) -> None:
    with tempfile.TemporaryDirectory(prefix="rnt-") as name:
        folder = Path(name)
        text = TEMPLATE.format(folder=folder, url="https://localhost:1").replace(f"{folder}/id-reader", desk.port)
        (folder / "terminal.toml").write_text(text)
        (folder / "state/trust").mkdir(parents=True)
        terminal = f"local:{folder}/terminal.toml"
        (folder / "state/trust/sam-id").write_text(SAM_ID)
        assert desk.json("info", "--terminal", terminal).data["registered"] is True
        (folder / "state/trust/sam-id").write_text("00" * 16)
        done = desk.json("info", "--terminal", terminal)
    assert (done.code, done.data["registered"], "R513" in done.told[1]) == (ExitCode.VERIFICATION, False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "kind"), [("four", "four_pipes"), ("two", "two_pipes"), ("hid", "reports")])
def test_usb_reader_is_listed_by_its_place_and_kind_and_then_asked(start: Callable[..., Desk], variant: str, kind: str) -> None:
    desk = start("--usb", variant)
    (found,) = [one for one in desk.json("list").data["found"] if one["option"].startswith("--usb")]
    assert (found["kind"], found["held_by"], found["allowed"]) == (kind, [], True)
    done = desk.json("info", "--usb", found["option"].removeprefix("--usb "), "--terminal", "")
    assert (done.code, done.data["kind"], done.data["sam_id"]) == (0, kind, SAM_ID)


@pytest.mark.slow
def test_reader_of_another_family_is_listed_read_and_traced_by_the_same_commands() -> None:
    benches = starter(BlockBench)
    bench = next(benches)()
    try:
        bench.insert("canary")
        reader, socket = str(bench.table["pcsc"]), str(bench.table["pcscd_socket"])

        def run(verb: str, *arguments: str) -> Done:
            command = [sys.executable, "-m", "host_tools.rnt", "reader", verb, "--pcscd-socket", socket, *arguments, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return Done(done.returncode, done.stdout, done.stderr)

        assert f"--pcsc '{reader}'" in [one["option"] for one in run("list").data["found"]]
        traced = run("trace", "--pcsc", reader)
        assert (traced.code, leaked(traced, "canary")) == (0, [])
        assert [line["command"] for line in traced.lines if line.get("task") == "trace"] == [f"block {number}" for number in range(6)]
        assert run("info", "--pcsc", reader).data["sam_id"] is None
        assert run("info", "--pcsc", "no such reader").code == ExitCode.NOT_FOUND
    finally:
        next(benches, None)
