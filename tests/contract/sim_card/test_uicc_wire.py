# SPDX-License-Identifier: Apache-2.0
"""The simulated UICC as any other program meets it: through PC/SC, knowing nothing but the standards."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators.kit.launch import RunningSimulator

PROGRAM = """
import json, sys, time
from smartcard.scard import *

context = SCardEstablishContext(SCARD_SCOPE_USER)[1]
end = time.monotonic() + 8
while True:
    result, card, protocol = SCardConnect(context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0)
    if result == SCARD_S_SUCCESS or time.monotonic() > end:
        break
    time.sleep(0.05)
print(json.dumps({"atr": bytes(SCardStatus(card)[4]).hex(), "protocol": protocol}), flush=True)
for line in sys.stdin:
    result, answer = SCardTransmit(card, SCARD_PCI_T0, list(bytes.fromhex(line)))
    print(json.dumps({"result": result, "answer": bytes(answer).hex().upper()}), flush=True)
"""
"""A program of somebody else's: pyscard alone, commands on standard input, answers on standard output."""

Tlv = dict[int, bytes]


class Tool:
    """Asks like a tool that believes the card: every length and identifier comes from what it read."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program
        self.opened = self._line()

    def _line(self) -> dict[str, str]:
        assert self._program.stdout is not None
        answer: dict[str, str] = json.loads(self._program.stdout.readline())
        return answer

    def send(self, command: str) -> tuple[bytes, str]:
        """Send one command as it is; (data, status word)."""
        assert self._program.stdin is not None
        self._program.stdin.write(command + "\n")
        self._program.stdin.flush()
        answer = self._line()["answer"]
        return bytes.fromhex(answer[:-4]), answer[-4:]

    def ask(self, command: str) -> tuple[bytes, str]:
        """Send one command and follow 6Cxx, 61xx and 9Fxx."""
        data, sw = self.send(command)
        if sw[:2] == "6C":
            data, sw = self.send(command[:8] + sw[2:])
        while sw[:2] in ("61", "9F"):
            more, sw = self.send(command[:2] + "C00000" + sw[2:])
            data += more
        return data, sw

    def fetched(self, command: str) -> bytes:
        """Return the data of a command that must succeed."""
        data, sw = self.ask(command)
        assert sw[:2] in ("90", "91"), (command, sw)
        return data

    def describe(self, command: str) -> Tlv:
        """Return the FCP that a SELECT gives."""
        outer = parse(self.fetched(command))
        return parse(outer[0x62])

    def read(self, file: Tlv) -> bytes:
        """Read the current file whole."""
        descriptor, size = file[0x82], int.from_bytes(file[0x80], "big")
        if len(descriptor) == 2:
            return b"".join(self.fetched(f"00B0{at:04X}{min(255, size - at):02X}") for at in range(0, size, 255))
        return b"".join(self.fetched(f"00B2{number:02X}04{descriptor[3]:02X}") for number in range(1, descriptor[4] + 1))


def parse(data: bytes) -> Tlv:
    found, at = {}, 0
    while at < len(data) and data[at] not in (0x00, 0xFF):
        length, start = (data[at + 2], at + 3) if data[at + 1] == 0x81 else (data[at + 1], at + 2)
        found[data[at]] = data[start : start + length]
        at = start + length
    return found


@contextmanager
def tool_at(card: str) -> Iterator[tuple[Tool, RunningSimulator]]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-u-"))
    with (
        RunningSimulator("simulators.pcscd", "--run-dir", str(folder / "p")) as pcscd,
        RunningSimulator(
            "simulators.sim_card", "--slot-socket", pcscd.endpoints["slot_socket"], "--card", card, control=folder / "c"
        ) as simulator,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, pcscd.endpoints["reader"]],
            env={"PCSCLITE_CSOCK_NAME": pcscd.endpoints["pcscd_socket"]},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as program,
    ):  # fmt: skip
        try:
            yield Tool(program), simulator
        finally:
            program.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def open_card() -> Iterator[tuple[Tool, RunningSimulator]]:
    with tool_at("usim-2g3g") as pair:
        yield pair


def test_uicc_is_opened_at_t0_with_the_reset_answer_of_its_model(open_card: tuple[Tool, RunningSimulator]) -> None:
    tool, simulator = open_card
    assert tool.opened == {"atr": simulator.endpoints["atr"], "protocol": 1}


def test_uicc_applications_are_found_in_the_directory_and_their_files_read(open_card: tuple[Tool, RunningSimulator]) -> None:
    tool, _ = open_card
    tool.describe("00A40004023F00")
    listed = tool.describe("00A40004022F00")
    records = [tool.fetched(f"00B2{number:02X}0400") for number in range(1, listed[0x82][4] + 1)]
    names = [parse(parse(record)[0x61])[0x4F] for record in records if record[0] == 0x61]
    assert [name[:7].hex() for name in names] == ["a0000000871002", "a0000000871004"]
    for name in names:
        application = tool.describe(f"00A4040410{name.hex()}")
        assert application[0x84] == name
        assert parse(application[0xC6])[0x90] == b"\x7f"  # every key but PIN1 is asked for
        read = {fid: tool.read(tool.describe(f"00A4000402{fid}")) for fid in ("6F07", "6FAD", "6F06")}
        assert all(read.values())


def test_uicc_directories_are_walked_by_their_own_templates(open_card: tuple[Tool, RunningSimulator]) -> None:
    tool, simulator = open_card
    names = {"7F10": ("ADN", "6F3A"), "7F20": ("PLMNsel", "6F30"), "5FC0": ("UAC_AIC", "4F06")}
    for directory, (name, fid) in names.items():
        tool.fetched("00A4040C07A0000000871002" if directory == "5FC0" else "00A4000C023F00")
        assert tool.describe(f"00A4000402{directory}")[0x82][0] & 0x38 == 0x38
        held = tool.read(tool.describe(f"00A4000402{fid}"))
        where = {"7F10": "DF.TELECOM", "7F20": "DF.GSM", "5FC0": "ADF.USIM/DF.5GS"}[directory]
        assert held.hex() == simulator.control("read_file", path=f"{where}/{name}")["content"]


def test_uicc_is_programmed_and_holds_what_was_written(open_card: tuple[Tool, RunningSimulator]) -> None:
    tool, simulator = open_card
    imsi = "084906001121223343"
    tool.fetched("00A4040C07A0000000871002")
    tool.fetched("00A4000C026F07")
    assert tool.ask("00D6000009" + imsi)[1] == "6982"
    assert tool.ask("0020000A00")[1] == "63C3"
    tool.fetched("0020000A08A1B2C3D4E5F60718")
    tool.fetched("00D6000009" + imsi)
    assert tool.fetched("00B0000000").hex() == imsi
    assert simulator.control("read_file", path="DF.GSM/IMSI")["content"] == imsi
    record = tool.describe("00A40004026F42")[0x82]
    tool.fetched(f"00DC0104{record[3]:02X}" + "A5" * record[3])
    assert tool.fetched("00B2010400") == b"\xa5" * record[3]
    assert tool.ask("00A20104" + "02A5A5")[0] == b"\x01"


def test_uicc_second_generation_tool_reads_and_writes_it_too(open_card: tuple[Tool, RunningSimulator]) -> None:
    tool, _ = open_card
    told = tool.fetched("A0A40000023F00")
    assert (len(told), told[4:7]) == (23, b"\x3f\x00\x01")
    iccid = tool.fetched("A0A40000022FE2")
    assert tool.fetched(f"A0B00000{int.from_bytes(iccid[2:4], 'big'):02X}").hex() == "98680099000000000068"
    tool.fetched("A0A40000027F10")
    lnd = tool.fetched("A0A40000026F44")
    assert (lnd[13], lnd[14]) == (3, 34)
    tool.fetched("A0DC000322" + "42" * 34)
    assert tool.fetched("A0B2010422") == b"\x42" * 34
    assert tool.ask("A0A40000026FFF")[1] == "9404"


def test_uicc_every_prompt_of_a_menu_card_is_answered_at_the_wire() -> None:
    with tool_at("usim-91xx") as (tool, _):
        assert tool.ask("00A4000C023F00")[1] == "9000"
        _, sw = tool.ask("8010000002FFFF")
        assert sw[:2] == "91"
        menu, sw = tool.send("80120000" + sw[2:])
        assert (parse(menu)[0xD0][:5].hex(), sw) == ("8103012500", "9000")
        _, sw = tool.ask("801400000C810301250002028281030100")
        text, _ = tool.send("80120000" + sw[2:])
        assert parse(text)[0xD0][:5].hex() == "8103022180"
        assert tool.ask("801400000C810302218002028281030100")[1] == "9000"


def test_uicc_long_templates_pass_the_wire_whole() -> None:
    with tool_at("usim-long-fcp") as (tool, _):
        whole = tool.fetched("00A40004023F00")
        assert whole[:2] == b"\x62\x81"
        assert len(whole) == whole[2] + 3 > 130
