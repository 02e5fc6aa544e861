# SPDX-License-Identifier: Apache-2.0
"""The simulated cards in the hands of the tools people use in the field: what those send, in the order they send it, through PC/SC.

The sequences are those of a reader of old SIMs and UICCs, an interactive shell that knows the whole file system, a programmer of key
files, and an over-the-air centre on a bench. They follow 61xx, 9Fxx, 62xx and 63xx by GET RESPONSE in the command's own class, 6Cxx once,
and 91xx. One card serves all tests, in any order.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from simulators.backend.card_crypto import Scp80Sender, Verdict, challenge, judge
from simulators.kit.launch import RunningSimulator
from tests.contract.sim_card.test_uicc_wire import Tlv, Tool, parse, tool_at

USIM, ADM = "A0000000871002", "A1B2C3D4E5F60718"
K, OPC = "000102030405060708090A0B0C0D0E0F", "101112131415161718191A1B1C1D1E1F"
NOT_LISTED = ("A00000015141434C00", "A0000005591010FFFFFFFF8900000100", "A000000003000000", "A0000003431002", "A000000087100A")
"""Applications a shell asks for although EF_DIR does not name them: access rules, eUICC, a security domain, CSIM, HPSIM."""
TREE = {
    "3F00": "2F00 2FE2 2F05 2F06 2F08 2F16",
    "7F20": "6F05 6F07 6F20 6F30 6F31 6F37 6F38 6F39 6F3E 6F3F 6F41 6F45 6F46 6F48 6F50 6F52 6F53 6F60 6F61 6F62 6F74 6F78 "
    "6F7B 6F7E 6FAD 6FAE 6FB7",
    "7F10": "6F3A 6F3B 6F3C 6F3D 6F40 6F42 6F43 6F44 6F47 6F49 6F4A 6F4B 6F4C 6F4D 6F54",
    "7F10 5F3A": "4F30 4F22 4F23 4F24 4F3A 4F4A",
    "7F10 5F50": "4F20 4F21",
    USIM: "6F05 6F06 6F07 6F08 6F09 6F2C 6F31 6F32 6F37 6F38 6F39 6F3B 6F3C 6F40 6F42 6F46 6F56 6F57 6F5B 6F5C 6F60 6F61 6F62 6F73 6F78 "
    "6F7B 6F7E 6F80 6F81 6F82 6F83 6FAD 6FB7 6FC4 6FC5 6FC6 6FC7 6FC9 6FCA 6FCD 6FD9 6FDB 6FDC 6FE3 6FE4 6FE8 6FF3 6FF7",
    f"{USIM} 5FC0": "4F01 4F02 4F03 4F04 4F05 4F06 4F07 4F08 4F09 4F0A 4F0B 4F0C 4F10",
    f"{USIM} 5F3B": "4F20 4F52 4F63 4F64",
}  # fmt: skip
"""Where a walk goes, and the files it knows there: those that are not on the card are 6A82."""


class Field:
    """A field tool: believes no answer it did not ask for, and stops at any status word it does not know."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool

    def ask(self, command: str) -> tuple[bytes, str]:
        """Send one command as such a tool does; (data, last status word)."""
        data, sw = self._tool.send(command)
        if sw[:2] == "6C":
            return self._tool.send(command[:8] + sw[2:])
        asked = sw
        while sw[:2] in ("61", "9F", "62", "63") and not (data and sw[:2] == "62"):
            more, sw = self._tool.send(command[:2] + "C00000" + (sw[2:] if sw[:2] in ("61", "9F") else "00"))
            if not more:
                return data, asked
            data += more
        return data, sw

    def done(self, command: str) -> bytes:
        """Send a command that has to end with 9000."""
        data, sw = self.ask(command)
        assert sw == "9000", (command, sw)
        return data

    def select(self, *path: str, cla: str = "00") -> bytes:
        """Select each step with its template: names of applications by name, the rest by identifier; returns the last template."""
        template = b""
        for step in path:
            head = "0404" if len(step) > 4 else "0004" if cla == "00" else "0000"
            template = self.done(f"{cla}A4{head}{len(step) // 2:02X}{step}")
        return template

    def read(self, told: Tlv) -> list[str]:
        """Read the current file whole, 255 bytes at a time; returns the status words."""
        descriptor, size = told[0x82], int.from_bytes(told[0x80], "big")
        if len(descriptor) == 2:
            return [self.ask(f"00B0{at:04X}{min(255, size - at):02X}")[1] for at in range(0, size, 255)]
        return [self.ask(f"00B2{number:02X}04{descriptor[3]:02X}")[1] for number in range(1, descriptor[4] + 1)]

    def write(self, path: tuple[str, ...], data: str) -> None:
        """Write a transparent file as a careful tool does: size, then what is there, then all of it."""
        size = int.from_bytes(parse(parse(self.select(*path))[0x62])[0x80], "big")
        data = data.ljust(2 * size, "F")
        held, sw = self.ask(f"00B00000{size:02X}")
        if (held.hex().upper(), sw) != (data, "9000"):
            self.select(*path)
            self.done(f"00D60000{size:02X}{data}")


@pytest.fixture(scope="module")
def bench() -> Iterator[tuple[Field, RunningSimulator]]:
    with tool_at("usim-key-file") as (tool, simulator):
        yield Field(tool), simulator


def test_field_tool_tells_what_kind_of_card_it_is_and_what_is_on_it(bench: tuple[Field, RunningSimulator]) -> None:
    field, _ = bench
    assert field.ask("A0A40000023F00")[1] == "9000"
    assert parse(field.select("3F00"))[0x62]
    assert [field.ask(f"00A4000402{fid}")[1] for fid in ("7F20", "7F25")] == ["9000", "6A82"]
    field.select("3F00")
    listed = parse(parse(field.select("2F00"))[0x62])[0x82]
    entries = [field.done(f"00B2{number:02X}04{listed[3]:02X}") for number in range(1, listed[4] + 1)]
    assert [entry[:4].hex() for entry in entries] == ["61184f10", "ffffffff"]
    for name in NOT_LISTED:
        assert field.ask(f"00A40404{len(name) // 2:02X}{name}")[1] == "6A82"
    assert field.done("00B2010426")[:2] == b"\x61\x18"  # EF_DIR is still the current file


def test_field_tool_walks_all_it_knows_and_understands_every_template(bench: tuple[Field, RunningSimulator]) -> None:
    field, _ = bench
    seen, rules = 0, set()
    for path, files in TREE.items():
        steps = path.split() if path.startswith(("3F00", "A0")) else ["3F00", *path.split()]
        told = parse(parse(field.select(*steps))[0x62])
        assert parse(field.done("80F20000"))[0x62] == parse(field.done("80F2000000"))[0x62]
        check_directory(told)
        for fid in files.split():
            data, sw = field.ask(f"00A4000402{fid}00")
            if sw == "6A82":
                continue
            file = parse(parse(data)[0x62])
            assert (sw, file[0x83].hex().upper(), file[0x82][1], file[0x8A]) == ("9000", fid, 0x21, b"\x05")
            rules.add(file[0x8B])
            words = set(field.read(file))
            assert words in ({"9000"}, {"6982"}), (path, fid, words)
            field.select(fid, *(steps[-1:] if len(steps[-1]) == 4 else steps))  # itself again, then the directory from inside
            seen += 1
    assert seen > 110
    field.select("3F00")
    length = parse(parse(field.select("2F06"))[0x62])[0x82][3]
    for rule in rules:
        assert rule[:2] == b"\x2f\x06"
        check_rule(field.done(f"00B2{rule[2]:02X}04{length:02X}"))


def check_directory(told: Tlv) -> None:
    """A directory tells its state, its total size, its rule, its keys, and what the card is like (TS 102 221 §11.1.1.4.6)."""
    assert (told[0x82], told[0x8A], told[0x8B][:2]) == (b"\x78\x21", b"\x05", b"\x2f\x06")
    assert len(told[0x81]) >= 2
    own = parse(told[0xA5])
    assert (len(own[0x80]), len(own[0x82]), len(own[0x83])) == (1, 1, 4)
    volts, _, megahertz = own[0x81]
    assert (volts in (1, 2, 4, 8, 16), megahertz >= 10) == (True, True)
    keys = told[0xC6]
    assert (keys[0], keys[1] * 8 >= keys.count(b"\x83\x01")) == (0x90, True)


def check_rule(record: bytes) -> None:
    """A record of EF_ARR is pairs of an access mode and one condition, then FF: a tool needs the pairs whole."""
    at = 0
    while at < len(record) and record[at] != 0xFF:
        assert record[at] in (0x80, 0x84)
        condition = at + 2 + record[at + 1]
        assert record[condition] in (0x90, 0x97, 0xA4)
        at = condition + 2 + record[condition + 1]
    assert at
    assert set(record[at:]) <= {0xFF}


def test_field_tool_programs_a_card_by_its_key_and_the_key_answers(bench: tuple[Field, RunningSimulator]) -> None:
    field, simulator = bench
    assert [field.ask(f"002000{key}")[1] for key in ("01", "81")] == ["63C3", "63C3"]
    field.done(f"0020000A08{ADM}")
    field.write(("3F00", "2FE2"), "98680099000000000118")
    field.write((USIM, "6F07"), "084906001121223343")
    field.write((USIM, "6FAD"), "00000002")
    field.write((USIM, "6F78"), "0008")
    field.write((USIM, "AF20"), "01" + K + OPC)
    record = parse(parse(field.select(USIM, "6F42"))[0x62])[0x82][3]
    field.done(f"00DC0104{record:02X}" + ("FF" * (record - 28) + "E1" + "FF" * 12 + "0891683108100005F0").ljust(2 * record, "F"))
    field.write((USIM, "6FAD"), "00000002")  # is there already: read, not written
    assert simulator.control("read_file", path="ADF.USIM/KEY")["content"].upper() == "01" + K + OPC
    sent = challenge(bytes.fromhex(K), bytes.fromhex(OPC), 0x20, bytes(16))
    field.select(USIM)
    answer = field.done(f"008800812210{sent.rand.hex()}10{sent.autn.hex()}")
    assert judge(sent, answer, 0x9000) is Verdict.RIGHT


def test_field_tool_changes_the_administrative_key(bench: tuple[Field, RunningSimulator]) -> None:
    field, simulator = bench
    other = "3132333435363738"
    field.done(f"0024000A10{ADM}{other}")
    assert field.ask(f"0020000A08{ADM}")[1] == "63C2"
    field.done(f"0020000A08{other}")
    field.done(f"0024000A10{other}{ADM}")
    assert simulator.control("state")["tries"]["0A"] == 3


def test_field_tool_takes_a_file_out_of_use_and_back(bench: tuple[Field, RunningSimulator]) -> None:
    field, _ = bench
    field.done(f"0020000A08{ADM}")
    field.select(USIM, "6F46")
    field.done("00040000")
    assert parse(parse(field.select("6F46"))[0x62])[0x8A] == b"\x04"
    assert field.ask("00B0000011")[1] == "6984"
    field.done("00440000026F46")
    assert parse(parse(field.select("6F46"))[0x62])[0x8A] == b"\x05"
    field.done("00B0000011")


def test_field_tool_makes_resizes_and_deletes_files(bench: tuple[Field, RunningSimulator]) -> None:
    field, _ = bench
    field.done(f"0020000A08{ADM}")
    field.select("3F00")
    field.done("00E00000166214" + "82027821" + "83025F99" + "8A0105" + "8B032F0601" + "81020100")
    field.done("00E0000021621F" + "82054221001003" + "83026F99" + "8A0105" + "8B032F0601" + "80020030" + "8800" + "A504C1020100")
    assert field.done("00B2030410") == b"\x01" + bytes(15)
    field.done("80D400000A6208" + "83026F99" + "80020040")
    assert parse(parse(field.select("3F00", "5F99", "6F99"))[0x62])[0x82].hex() == "4221001004"
    field.select("3F00")
    field.done("00E40000025F99")
    assert field.ask("00A40004025F99")[1] == "6A82"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("807600000401000200", "6D00"),  # SUSPEND UICC; EF_UMPC says that there is none
        ("8078000100", "6D00"),  # GET IDENTITY; service 125 is off
        ("80CB0080015C", "6D00"),  # RETRIEVE DATA: no BER-TLV files
        ("80DB0080015C", "6D00"),
        ("00CA006600", "6A88"),  # GET DATA
        ("80CA9F7F00", "6A88"),
        ("0073000000", "6D00"),  # MANAGE SECURE CHANNEL
        ("8075000000", "6D00"),
        ("00E60000027F20", "6D00"),  # TERMINATE DF, TERMINATE EF, TERMINATE CARD USAGE
        ("00E80000026F07", "6D00"),
        ("00FE000000", "6D00"),
        ("80F24000024F00", "6A86"),  # GET STATUS
    ],
)
def test_field_tool_is_told_what_there_is_not(bench: tuple[Field, RunningSimulator], command: str, sw: str) -> None:
    assert bench[0].ask(command)[1] == sw


def test_field_tool_opens_and_closes_a_channel(bench: tuple[Field, RunningSimulator]) -> None:
    field, _ = bench
    assert field.done("00700000") == b"\x01"
    assert parse(field.done(f"01A4040407{USIM}"))[0x62]
    field.done("00708001")


counters = count(100, 100)


def centre(shared: dict[str, Any], spi: str) -> Scp80Sender:
    return Scp80Sender(bytes.fromhex(shared["kic"]), bytes.fromhex(shared["kid"]), next(counters), spi=bytes.fromhex(spi))


def test_field_centre_gets_its_proof_by_a_message_of_the_cards(bench: tuple[Field, RunningSimulator]) -> None:
    field, simulator = bench
    sender = centre(simulator.endpoints["shared"], "1639")
    script = [bytes.fromhex(step) for step in ("00A4000C026F46", "00D6000011" + "01" + "42" * 16, "00B0000003")]
    data, sw = field.ask(sender.command(sender.packet(script)).hex())  # no SELECT of the USIM: its file management begins there
    assert (data, sw[:2]) == (b"", "91")
    message = parse(parse(field.done("80120000" + sw[2:]))[0xD0])
    assert (message[0x81].hex(), message[0x82].hex(), message[0x8B][:8].hex()) == ("011300", "8183", "41000481016000f6")
    assert sender.check(message[0x8B][9:]).data == b"\x01\x42\x42"
    field.done("801400000C810301130002028281830100")
    assert simulator.control("read_file", path="ADF.USIM/SPN")["content"] == "01" + "42" * 16


def test_field_centre_reads_the_shared_files_from_the_master_file(bench: tuple[Field, RunningSimulator]) -> None:
    field, simulator = bench
    sender = centre(simulator.endpoints["shared"], "1619")
    packet = sender.packet([bytes.fromhex("00A40004022FE2"), bytes.fromhex("00C0000019")], tar=bytes.fromhex("B00000"))
    told = sender.check(field.done(sender.command(packet).hex()))
    assert (told.sw, told.data[:2].hex()) == (0x9000, "6217")
    outside = sender.check(field.done(sender.command(sender.packet([bytes.fromhex("00A4000C027FFF")], tar=bytes.fromhex("B00000"))).hex()))
    assert (outside.commands, outside.sw) == (1, 0x6A82)


def test_field_programmer_of_two_key_files_opens_them_with_their_own_key() -> None:
    with tool_at("usim-key-files") as (tool, simulator):
        field = Field(tool)
        field.done("0020000B08B1B2B3B4B5B6B7B8")
        field.write(("3F00", "7FF7", "6FF5"), K)
        field.write(("3F00", "7FF7", "6FF6"), "01" + OPC)
        assert field.ask("00B0000010")[1] == "6982"
        assert [simulator.control("read_file", path=f"DF.VENDOR/{name}")["content"].upper() for name in ("KI", "OPC")] == [K, "01" + OPC]


def test_field_reader_of_old_cards_falls_back_to_the_second_generation_and_writes_it() -> None:
    with tool_at("sim-2g") as (tool, simulator):
        field = Field(tool)
        assert field.ask("00A40004023F00")[1] == "6E00"
        assert field.select("3F00", cla="A0")[13] & 0x71 == 0x31  # the clock may stop, 1.8 V and 3 V will do
        sizes = {fid: field.select("3F00", directory, fid, cla="A0")[2:4] for directory, fid in (("7F20", "6F07"), ("7F10", "6F42"))}
        assert {fid: int.from_bytes(size, "big") for fid, size in sizes.items()} == {"6F07": 9, "6F42": 80}
        field.done(f"A020000408{ADM}")
        field.select("3F00", "7F20", "6F07", cla="A0")
        field.done("A0D6000009084906001121223343")
        assert field.done("A0B0000009").hex() == "084906001121223343" == simulator.control("read_file", path="DF.GSM/IMSI")["content"]
        assert field.ask("A0A40000026FF3")[1] == "9404"
