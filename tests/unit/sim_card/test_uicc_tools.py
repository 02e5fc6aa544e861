# SPDX-License-Identifier: Apache-2.0
"""What the tools of others do with a card: walk all it names, believe its service table, use its logical channels, ask for its domain."""

import pytest

from simulators.sim_card.card import Card
from simulators.sim_card.files import Directory
from simulators.sim_card.personas import CARDS
from tests.unit.sim_card.test_uicc_files import ADM, USIM, card_of, fcp, play, tell

MODELS = sorted(name for name, card in CARDS.items() if card.model.uicc)
CHANNELS = {
    "11.1.17-opened-used-closed": [
        ("0070000000", "6C01"),
        ("0070000001", "019000"),
        ("01A4040C07A0000000871002", "9000"),
        ("01A4000C026FAD", "9000"),
        ("00A4000C022FE2", "9000"),
        ("01B0000004", "000000039000"),  # each has its own selection
        ("00B000000A", "986800990000000000689000"),
        ("0070000001", "029000"),
        ("0070000300", "9000"),  # the one asked for
        ("0070000001", "6A81"),
        ("0070000200", "6A81"),
        ("0070800200", "9000"),
        ("0070000001", "029000"),
        ("0070800100", "9000"),
        ("01A4000C023F00", "6881"),
        ("0070800100", "6881"),
        ("0070800000", "6A86"),
        ("0070000400", "6A86"),
    ],
    "11.1.17-closed-from-itself": [("0070000001", "019000"), ("0170800000", "9000"), ("01A4000C023F00", "6881")],
    "8.7-a-channel-opened-from-another-stands-where-that-one-does": [
        ("0070000001", "019000"),
        ("01A4040C07A0000000871002", "9000"),
        ("01A4000C026FAD", "9000"),
        ("0170000001", "029000"),
        ("02B0000004", "000000039000"),
        ("82F2000100", "6C12"),
    ],
    "9.5-what-was-verified-counts-on-every-channel": [
        (ADM, "9000"),
        ("0070000001", "019000"),
        ("0120000A00", "9000"),
        ("01D682000A98680099000000000068", "9000"),
    ],
    "7.4.2.1-a-waiting-response-belongs-to-its-channel": [
        ("0070000001", "019000"),
        ("01A40004022FE2", "61*"),
        ("00C0000019", "6985"),
        ("01C0000019", "62*"),
    ],
}


@pytest.mark.parametrize("clause", CHANNELS)
def test_uicc_channels_follow_the_clause(clause: str) -> None:
    play(card_of("usim-2g3g"), CHANNELS[clause])


def test_uicc_channels_are_gone_after_a_reset() -> None:
    card = card_of("usim-2g3g")
    play(card, [("0070000001", "019000")])
    card.power_up()
    play(card, [("01A4000C023F00", "6881")])


def test_uicc_of_the_second_generation_knows_no_channel() -> None:
    play(card_of("sim-2g"), [("01A4000C023F00", "6E00"), ("0070000001", "6E00")])


def test_uicc_selected_without_a_name_shows_its_security_domain() -> None:
    card = card_of("blank-usim")
    assert fcp(card, "00A4040000") == "6F108408A000000151000000A5049F6501FF"
    assert tell(card, "8050000008" + "00" * 8)[:2] == "61"


def everything(directory: Directory) -> list[Directory]:
    return [directory, *(below for inner in directory.directories for below in everything(inner))]


def enter(card: Card, directory: Directory) -> None:
    """Go there as a tool does: the application by its name, then down by identifiers."""
    card.power_up()
    parts = directory.path.split("/")
    named = {one.path: one for one in everything(card.mf)}
    for at in range(1, len(parts) + 1):
        step = named["/".join(parts[:at])]
        select = f"00A4040C{len(step.aid):02X}{step.aid.hex()}" if step.aid else f"00A4000C02{step.fid:04X}"
        assert tell(card, select)[:2] in ("90", "91"), step.path


def read_whole(card: Card, told: dict[int, bytes]) -> list[str]:
    descriptor, size = told[0x82], int.from_bytes(told[0x80], "big")
    if len(descriptor) == 2:
        return [tell(card, f"00B0{at:04X}{min(255, size - at):02X}") for at in range(0, size, 255)]
    assert int.from_bytes(descriptor[2:4], "big") * descriptor[4] == size
    return [tell(card, f"00B2{number:02X}04{descriptor[3]:02X}") for number in range(1, descriptor[4] + 1)]


@pytest.mark.parametrize("name", MODELS)
def test_uicc_every_file_there_is_tells_of_itself_and_is_read_or_refused_by_its_rule(name: str) -> None:
    card, seen = card_of(name), 0
    for directory in everything(card.mf):
        if directory.aid and not directory.label:
            continue  # a security domain holds no files
        for file in directory.files:
            enter(card, directory)
            template = fcp(card, f"00A4000402{file.fid:04X}")
            told = inner(bytes.fromhex(template))
            assert (int.from_bytes(told[0x83], "big"), told[0x8A]) == (file.fid, b"\x05"), file.place
            words = {answer[-4:] for answer in read_whole(card, told)}
            assert all(word[:2] in ("90", "91") for word in words) or words == {"6982"}, (file.place, words)
            seen += 1
    assert seen > 100


def inner(template: bytes) -> dict[int, bytes]:
    """Return the objects of an FCP whose own length takes one byte or two."""
    data, found, at = template[3:] if template[1] == 0x81 else template[2:], {}, 0
    while at < len(data):
        length, start = (data[at + 2], at + 3) if data[at + 1] == 0x81 else (data[at + 1], at + 2)
        found[data[at]] = data[start : start + length]
        at = start + length
    return found


SERVICES = {
    2: "6F3B", 4: "6F49", 8: "6F81 6F83", 9: "6F80 6F82", 10: "6F3C 6F43", 11: "6F47", 12: "6F42", 13: "6F37 6F39 6F41", 14: "6F4F",
    15: "6F48", 16: "6F50", 17: "6F3E", 18: "6F3F", 19: "6F46", 20: "6F60", 21: "6F40", 34: "6F56", 35: "6F57", 36: "6F2C", 37: "6F32",
    42: "6F61", 43: "6F62", 44: "6F4E", 45: "6FC5", 46: "6FC6", 47: "6FC7 6FC9", 48: "6FCA", 49: "6FCB", 51: "6FCD", 71: "6FD9", 73: "6FDB",
    74: "6FDC", 85: "6FE3 6FE4", 96: "6FE8", 3: "6F4B", 5: "6F4C", 6: "6F4D", 7: "6F55", 52: "6FCE 6FCF 6FD0", 54: "6FD2", 55: "6FD3",
    64: "6FD6", 82: "6FE2", 86: "6FDE 6FDF", 87: "6FE6", 93: "6FED 6FEE", 106: "6FF3",
}  # fmt: skip
"""Service number → files of the USIM that are there where it is on, and only there: 3GPP TS 31.102 §4.2.8."""
BELOW = {
    "5F3B": {27: "4F20 4F52", 39: "4F63", 40: "4F64"},
    "5FC0": {122: "4F01 4F02 4F03 4F04", 123: "4F05", 124: "4F07 4F0A", 126: "4F06", 129: "4F08", 130: "4F09", 132: "4F0B", 133: "4F0C"},
}


@pytest.mark.parametrize("name", MODELS)
def test_uicc_service_table_and_files_agree_both_ways(name: str) -> None:
    card = card_of(name)
    play(card, [(USIM, "9*")])
    table = card.content("ADF.USIM/UST")
    wrong = []
    for directory, services in (("", SERVICES), *BELOW.items()):
        for number, fids in services.items():
            on = bool(table[(number - 1) // 8] & 1 << (number - 1) % 8)
            for fid in fids.split():
                play(card, [(USIM, "9*"), *([(f"00A4000C02{directory}", "9*")] if directory else [])])
                there = tell(card, f"00A4000C02{fid}")[:2] in ("90", "91")
                wrong += [(number, fid)] if on is not there else []
    assert wrong == []
