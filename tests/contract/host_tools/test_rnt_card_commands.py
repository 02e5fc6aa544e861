# SPDX-License-Identifier: Apache-2.0
"""``rnt card`` as a process of its own, against a card in a reader of a private PC/SC service."""

import itertools
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator

ADM = "A1B2C3D4E5F60718"
BLANK, USED = "89860099000000000011", "89860099000000000037"
PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10,
}  # fmt: skip
IMSI_BYTES = "4906001121223343"
CONFIGURATION = """
[terminal]
serial = "RNT-000001"
state_dir = "{folder}"
run_dir = "{folder}"
[backend]
url = "https://localhost:1"
[id_reader]
port = "none"
[sim_card]
reader = "{reader}"
pcscd_socket = "{socket}"
[controller]
port = "none"
[camera]
source = "none"
[printer]
port = "none"
"""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Done:
    """A finished command: JSON lines, exit code, all it printed."""

    code: int
    lines: list[dict[str, Any]]
    printed: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lines[-1]["data"]
        return found

    @property
    def message(self) -> str:
        return str(self.lines[-1]["message"])


class Desk:
    """A reader with a card, a profile and its secrets."""

    def __init__(self, folder: Path, pcscd: RunningSimulator, card: RunningSimulator) -> None:
        self.folder, self.card = folder, card
        self.reader, self.socket = pcscd.endpoints["reader"], pcscd.endpoints["pcscd_socket"]
        self.profile = str(folder / "profile.json")
        Path(self.profile).write_text(json.dumps(PROFILE))
        self.secrets = str(folder / "secrets.toml")
        Path(self.secrets).write_text(f'adm = "{ADM}"\n')
        Path(self.secrets).chmod(0o600)

    def put_in(self, persona: str) -> str:
        """Put in a card of this kind that was never used; returns its ICCID."""
        iccid = f"898601999{next(_numbers):011d}"
        self.card.control("clear_faults")
        self.card.control("swap", card=persona, iccid=iccid)
        return iccid

    def command(self, verb: str, *arguments: str) -> list[str]:
        """Return the command line of one verb at this reader."""
        reader = [] if "--terminal" in arguments else ["--reader", self.reader, "--pcscd-socket", self.socket]
        return [sys.executable, "-m", "host_tools.rnt", "card", verb, *arguments, *reader]

    def run(self, verb: str, *arguments: str, stdin: str = "") -> Done:
        """Run one verb with --json."""
        done = subprocess.run([*self.command(verb, *arguments), "--json"], capture_output=True, text=True, check=False, input=stdin)
        return Done(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stdout + done.stderr)

    def write(self, *more: str) -> Done:
        """Write the profile without a question."""
        return self.run("write", self.profile, "--secrets", self.secrets, "--yes", *more)

    def state(self) -> tuple[int, int]:
        """Return the updates and key presentations the card has seen."""
        state = self.card.control("state")
        return state["updates"], state["verifies"]


@pytest.fixture(scope="module")
def started() -> Iterator[Desk]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with RunningSimulator("simulators.pcscd", "--run-dir", str(folder / "p")) as pcscd:
            slot = pcscd.endpoints["slot_socket"]
            with RunningSimulator("simulators.sim_card", "--slot-socket", slot, control=folder / "c.sock") as card:
                yield Desk(folder, pcscd, card)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def desk(started: Desk) -> Desk:
    started.card.control("clear_faults")
    return started


def test_info_of_a_blank_card_tells_model_keys_and_files_and_changes_nothing(desk: Desk) -> None:
    iccid = desk.put_in("blank-usim")
    found = desk.run("info")
    assert (found.code, found.data["iccid"], found.data["state"], found.data["model"]) == (0, iccid, "blank", "rnt-usim-1")
    assert {key["reference"]: key["left"] for key in found.data["keys"]}["0A"] == 3
    files = {file["path"]: file for file in found.data["files"]}
    assert {"MF/ICCID", "ADF.USIM/IMSI", "ADF.USIM/SMSP"} <= files.keys()
    assert files["ADF.USIM/IMSI"]["size"] == 9
    assert desk.state() == (0, 0)


def test_info_masks_the_subscriber_unless_asked(desk: Desk) -> None:
    desk.put_in("personalised")
    masked, shown = desk.run("info", "--trace"), desk.run("info", "--show", "--trace")
    assert masked.data["state"] == "personalised"
    assert masked.data["imsi"].strip("*") == shown.data["imsi"][:5]
    assert shown.data["imsi"].isdecimal()
    assert shown.data["imsi"] not in masked.printed


def test_info_of_an_unknown_card_tells_what_it_is_and_asks_no_key(desk: Desk) -> None:
    desk.put_in("unknown")
    found = desk.run("info", "--trace")
    assert (found.code, found.data["model"], found.data["keys"]) == (0, None, [])
    assert found.data["atr"].startswith("3B")
    assert "VERIFY" not in found.printed
    assert desk.write().code == ExitCode.FAILED


def test_plan_is_what_a_write_sends_and_sends_none_of_it(desk: Desk) -> None:
    desk.put_in("blank-usim")
    planned = desk.run("plan", desk.profile)
    assert (planned.code, desk.state()) == (0, (0, 0))
    assert planned.data["lengths"] == "card"
    totals = planned.data["totals"]
    written = desk.write()
    assert written.data["write"]["apdus"] == totals["look"]["apdus"] + totals["write"]["apdus"]
    assert written.data["write"]["bytes"] == totals["look"]["bytes"] + totals["write"]["bytes"]
    assert written.data["verify"] == totals["verify"]


def test_plan_offline_uses_no_reader(desk: Desk) -> None:
    line = [sys.executable, "-m", "host_tools.rnt", "card", "plan", desk.profile, "--offline", "--model", "rnt-usim-1"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "PCSCLITE_CSOCK_NAME": "/none"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "UPDATE BINARY   ADF.USIM/IMSI" in done.stdout
    assert IMSI_BYTES not in done.stdout


def test_dry_run_of_a_write_writes_nothing(desk: Desk) -> None:
    desk.put_in("blank-usim")
    found = desk.write("--dry-run")
    assert (found.code, desk.state()) == (0, (0, 0))
    assert any(command["changes"] for command in found.data["commands"])


def test_write_writes_reads_back_and_verify_agrees_without_a_write(desk: Desk) -> None:
    desk.put_in("blank-usim")
    written = desk.write()
    assert (written.code, written.data["equal"], written.data["iccid"]) == (0, True, PROFILE["iccid"])
    before = desk.state()
    verified = desk.run("verify", desk.profile)
    assert (verified.code, verified.data["equal"], desk.state()) == (0, True, before)
    assert desk.card.control("read_file", path="ADF.USIM/IMSI")["content"].endswith(IMSI_BYTES)


def test_verify_of_another_profile_is_verification_failed(desk: Desk) -> None:
    desk.put_in("blank-usim")
    found = desk.run("verify", desk.profile)
    assert (found.code, desk.state()) == (ExitCode.VERIFICATION, (0, 0))
    assert {"IMSI", "ICCID"} <= set(found.data["mismatched"])


def test_card_that_forgets_what_was_written_fails_verification(desk: Desk) -> None:
    desk.put_in("blank-usim")
    desk.card.control("fault", fault={"at": "update#1", "do": "sw", "sw": "9000"})
    assert desk.write().code == ExitCode.VERIFICATION


def test_card_with_a_subscriber_is_refused_unless_it_is_the_very_one_named(desk: Desk) -> None:
    iccid = desk.put_in("personalised")
    assert desk.write().code == ExitCode.UNSAFE
    assert desk.write("--override-live", BLANK).code == ExitCode.UNSAFE
    assert desk.state() == (0, 0)
    assert desk.run("plan", desk.profile).data["state"] == "personalised"
    assert desk.write("--override-live", iccid).code == 0


def test_blank_card_under_another_name_is_refused(desk: Desk) -> None:
    desk.put_in("blank-usim")
    assert (desk.write("--override-live", USED).code, desk.state()) == (ExitCode.UNSAFE, (0, 0))


@pytest.mark.clause("DS-14", "TB-18")
def test_no_secret_and_no_subscriber_is_printed_whatever_is_asked(desk: Desk) -> None:
    desk.put_in("blank-usim")
    printed = "".join(
        done.printed
        for done in (desk.run("plan", desk.profile, "--trace"), desk.write("--trace"), desk.run("verify", desk.profile, "--trace"))
    )
    assert "VERIFY" in printed
    assert [secret for secret in (ADM, ADM.lower(), IMSI_BYTES, PROFILE["imsi"], PROFILE["msisdn"]) if secret in printed] == []


def test_wrong_key_is_presented_once_and_nothing_is_written(desk: Desk) -> None:
    desk.put_in("blank-usim")
    wrong = "11" * 8
    found = desk.run("write", desk.profile, "--secrets", "-", "--yes", stdin=f'adm = "{wrong}"')
    assert (found.code, desk.state()) == (ExitCode.NOT_AUTHORISED, (0, 1))
    assert "2 tries are left" in found.message
    assert wrong not in found.printed


K, OPC = "00112233445566778899AABBCCDDEEFF", "FFEEDDCCBBAA99887766554433221100"


@pytest.mark.parametrize("persona", ["usim-key-file", "usim-key-command"])
def test_key_is_written_unseen_and_said_to_be_not_compared(desk: Desk, persona: str) -> None:
    desk.put_in(persona)
    hidden = f'adm = "{ADM}"\nk = "{K}"\nopc = "{OPC}"\n'
    found = desk.run("write", desk.profile, "--secrets", "-", "--yes", "--trace", stdin=hidden)
    assert (found.code, found.data["equal"], bool(found.data["unread"])) == (0, True, True)
    assert [secret for secret in (K, OPC, ADM) for shown in (secret, secret.lower()) if shown in found.printed] == []
    assert found.data["unread"][0] in found.data["written"]


def test_key_for_a_card_without_a_place_for_it_is_a_usage_error(desk: Desk) -> None:
    desk.put_in("blank-usim")
    found = desk.run("write", desk.profile, "--secrets", "-", "--yes", stdin=f'adm = "{ADM}"\nk = "{K}"\nopc = "{OPC}"\n')
    assert (found.code, desk.state()) == (ExitCode.USAGE, (0, 0))


def test_key_with_one_try_left_is_presented_only_when_ordered(desk: Desk) -> None:
    desk.put_in("blank-usim")
    wrong = 'adm = "1111111111111111"'
    for _ in range(2):
        assert desk.run("write", desk.profile, "--secrets", "-", "--yes", stdin=wrong).code == ExitCode.NOT_AUTHORISED
    assert (desk.write().code, desk.state()) == (ExitCode.UNSAFE, (0, 2))
    assert desk.run("plan", desk.profile).code == 0
    assert desk.write("--last-try").code == 0


@pytest.mark.slow
def test_empty_reader_is_not_found(desk: Desk) -> None:
    desk.card.control("remove")
    assert desk.run("info").code == ExitCode.NOT_FOUND
    desk.put_in("blank-usim")


def test_reader_or_service_that_is_not_there_is_not_found(desk: Desk) -> None:
    line = [sys.executable, "-m", "host_tools.rnt", "card", "info", "--json"]
    for reader, socket in (("another reader", desk.socket), (desk.reader, str(desk.folder / "none"))):
        done = subprocess.run([*line, "--reader", reader, "--pcscd-socket", socket], capture_output=True, text=True, check=False)
        assert done.returncode == ExitCode.NOT_FOUND


def test_card_another_program_holds_is_busy(desk: Desk) -> None:
    desk.put_in("blank-usim")
    desk.card.control("fault", fault={"at": "apdu#1", "do": "hold"})
    with subprocess.Popen(desk.command("info"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as holder:
        desk.card.control("wait_held")
        assert desk.run("info").code == ExitCode.BUSY
        desk.card.control("release")
        assert holder.wait(20) == 0


@pytest.mark.slow
def test_reader_that_hangs_ends_with_the_timeout(desk: Desk) -> None:
    desk.put_in("blank-usim")
    desk.card.control("fault", fault={"at": "apdu#2", "do": "stall"})
    found = desk.run("info", "--timeout", "3")  # pcscd sees a new card within 0.8 s
    assert (found.code, found.lines[-1]["retryable"]) == (ExitCode.BUSY, True)
    desk.put_in("blank-usim")


def test_card_pulled_while_written_is_told_with_the_next_step(desk: Desk) -> None:
    desk.put_in("blank-usim")
    desk.card.control("fault", fault={"at": "update#3", "do": "remove", "when": "before"})
    found = desk.write()
    assert found.code == ExitCode.FAILED
    assert "may hold a part" in found.message
    assert "verify" in found.lines[-1]["hint"]
    desk.put_in("blank-usim")


@pytest.mark.slow
def test_interrupt_while_writing_says_that_the_card_may_hold_a_part(desk: Desk) -> None:
    desk.put_in("blank-usim")
    desk.card.control("fault", fault={"at": "update#3", "do": "hold"})
    line = [*desk.command("write", desk.profile, "--secrets", desk.secrets, "--yes"), "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        desk.card.control("wait_held")
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=20)[0]
    desk.card.control("release")
    result = json.loads(output.splitlines()[-1])
    assert (process.returncode, result["type"], result["code"]) == (ExitCode.INTERRUPTED, "result", ExitCode.INTERRUPTED)
    assert "may hold a part" in result["message"]


def test_trace_is_told_in_json_too(desk: Desk) -> None:
    desk.put_in("blank-usim")
    told = [line for line in desk.run("info", "--trace").lines if line["type"] == "task_progress"]
    assert {"command", "target", "apdu", "answer"} <= told[0].keys()
    assert told[0]["target"] == "MF/ICCID"


def test_reader_is_taken_from_a_terminals_configuration(desk: Desk) -> None:
    desk.put_in("blank-usim")
    path = desk.folder / "terminal.toml"
    path.write_text(CONFIGURATION.format(folder=desk.folder, reader=desk.reader, socket=desk.socket))
    assert desk.run("info", "--terminal", f"local:{path}").data["reader"] == desk.reader
    assert desk.run("info", "--terminal", "ssh:user@host").code == ExitCode.USAGE
    assert desk.run("info", "--terminal", f"local:{path}.none").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("answer", ["y", "n"])
def test_write_on_a_terminal_asks_and_draws_its_progress(desk: Desk, answer: str) -> None:
    desk.put_in("blank-usim")
    ours, theirs = pty.openpty()
    line = desk.command("write", desk.profile, "--secrets", desk.secrets)
    with subprocess.Popen(line, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = _until(ours, b"[y/N] ")
        os.write(ours, answer.encode() + b"\n")
        shown += _until(ours, b"\0")
        output = process.communicate(timeout=20)[0]
    os.close(ours)
    drawn = "━".encode() in shown
    assert (process.returncode, drawn, bool(output)) == ((0, True, True) if answer == "y" else (ExitCode.NOTHING_TO_DO, False, False))
    assert desk.state()[0] == (10 if answer == "y" else 0)


def _until(terminal: int, wanted: bytes) -> bytes:
    """Return what the terminal shows up to ``wanted``, or to its end."""
    shown = b""
    while wanted not in shown and select.select([terminal], [], [], 20)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's way of saying that nobody has it open
            break
        shown += part
    return shown
