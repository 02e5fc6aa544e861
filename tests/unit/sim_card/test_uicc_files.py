# SPDX-License-Identifier: Apache-2.0
"""The simulated UICC, command by command: selection and file contents, against the clauses of ETSI TS 102 221 and 3GPP TS 31.102."""

from __future__ import annotations

import pytest

from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS

ADM = "0020000A08A1B2C3D4E5F60718"
USIM = "00A4040C07A0000000871002"
Script = list[tuple[str, str]]


def card_of(name: str) -> Card:
    persona = CARDS[name]
    return Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=None))


def tell(card: Card, command: str) -> str:
    return card.process(bytes.fromhex(command)).hex().upper()


def fcp(card: Card, select: str) -> str:
    answer = tell(card, select)
    assert answer[:2] == "61", answer
    told = tell(card, "00C00000" + answer[2:])
    assert told[-4:-2] in ("90", "91")
    return told[:-4]


def play(card: Card, script: Script) -> None:
    for number, (command, wanted) in enumerate(script):
        answer = tell(card, command)
        assert answer == wanted or (wanted.endswith("*") and answer.startswith(wanted[:-1])), (number, command, answer, wanted)


SELECTION: dict[str, Script] = {
    "8.4.2-children-parent-siblings-and-nothing-else": [
        ("00A4000C027F10", "9000"),
        ("00A4000C025F3A", "9000"),  # a child
        ("00A4000C024F3A", "9000"),  # a file in it
        ("00A4000C025F50", "9000"),  # a sibling
        ("00A4000C025F50", "9000"),  # itself
        ("00A4000C027F10", "9000"),  # the parent
        ("00A4000C027F20", "9000"),  # a sibling
        ("00A4000C025F3A", "6A82"),  # not a child of a sibling
        ("00A4000C022F00", "6A82"),  # nor a file of the parent
        ("00A4000C023F00", "9000"),
        ("00A4000C022F00", "9000"),
    ],
    "8.4-a-failed-selection-changes-nothing": [
        ("00A4000C022FE2", "9000"),
        ("00A4000C026FFF", "6A82"),
        ("00A4040C05A0000000FF", "6A82"),
        ("00A4080C047F106FFF", "6A82"),
        ("00B000000A", "986800990000000000689000"),
    ],
    "8.6-7FFF-is-the-current-application": [
        ("00A4000C027FFF", "6A82"),
        (USIM, "9000"),
        ("00A4000C023F00", "9000"),
        ("00A4000C027FFF", "9000"),
        ("00A4000C026F07", "9000"),
        ("00A4080C067FFF5FC04F01", "9000"),
        ("00B0000014", "FF*"),
    ],
    "11.1.1-P1": [
        ("00A4010C027F10", "9000"),
        ("00A4010C027F20", "6A82"),  # no child
        ("00A4030C00", "9000"),
        ("00A4030C00", "6A82"),  # nothing above the MF
        ("00A4090C047F106F3A", "9000"),
        ("00A4090C026F44", "9000"),
        ("00A4080C047F206F07", "9000"),
        ("00A4080C03" + "7F2000", "6700"),
        ("00A4020C026F07", "6A86"),
        ("00A40010023F00", "6A86"),
        ("00A40001023F00", "6A86"),
        ("00A4000C013F", "6700"),
    ],
    "11.1.1-occurrences-of-a-partial-name": [
        ("00A4040C05A000000087", "9000"),
        ("80F2000112", "8410A0000000871002FF86FF0389FFFFFFFF9000"),
        ("00A4040E05A000000087", "9000"),  # next
        ("80F2000112", "8410A0000000871004FF86FF0389FFFFFFFF9000"),
        ("00A4040E05A000000087", "6A82"),
        ("00A4040F05A000000087", "9000"),  # previous
        ("00A4040D05A000000087", "9000"),  # last
        ("80F2000112", "8410A0000000871004FF86FF0389FFFFFFFF9000"),
        ("00A4040C10A0000000871002FF86FF0389FFFFFFFF", "9000"),
        ("00A4040C11A0000000871002FF86FF0389FFFFFFFFFF", "6A82"),
    ],
    "8.5-an-application-session-is-ended": [
        ("00A4044C07A0000000871002", "6985"),
        (USIM, "9000"),
        ("00A4044C07A0000000871002", "9000"),
        ("00A4000C027FFF", "6A82"),
        ("00B082000A", "98*"),
    ],
}


@pytest.mark.parametrize("clause", SELECTION)
def test_uicc_selection_follows_the_clause(clause: str) -> None:
    play(card_of("usim-2g3g"), SELECTION[clause])


def test_uicc_template_of_a_transparent_file_is_as_the_standard_has_it() -> None:
    card = card_of("blank-usim")
    tell(card, USIM)
    assert fcp(card, "00A40004026F07") == "62178202412183026F078A01058B032F060280020009880138"
    assert fcp(card, "00A40004026F39").startswith("62198205462100030583026F39")


def test_uicc_template_of_an_application_names_it_its_keys_and_their_state() -> None:
    card = card_of("usim-2g3g")
    told = fcp(card, "00A4040407A0000000871002")
    assert told.startswith("625C8202782183027FF0")
    assert "8410A0000000871002FF86FF0389FFFFFFFF" in told
    assert told.endswith("C61E90017F83010183018183010A95010883011183010B83010C83010D83010E")


@pytest.mark.parametrize(("name", "select", "wanted"), [
    ("usim-long-fcp", "00A40004022FE2", "62819E82024121"),
    ("usim-91xx", "00A40004022FE2", "AB1B800101900080011AA40683010A9501088401D4A40683010A950108"),
    ("usim-no-sfi", "00A40004022FE2", "8800"),
])  # fmt: skip
def test_uicc_template_of_a_model_has_its_own_form(name: str, select: str, wanted: str) -> None:
    assert wanted in fcp(card_of(name), select)


def test_uicc_without_short_identifiers_finds_no_file_by_one() -> None:
    card = card_of("usim-no-sfi")
    play(card, [("00B082000A", "6A82"), ("00A4000C022FE2", "9000"), ("00B000000A", "986800990000000010209000")])


CONTENTS: dict[str, Script] = {
    "11.1.3-bounds": [
        ("00B0820000", "6C0A"),
        ("00B0820002", "98689000"),
        ("00B0820A01", "6B00"),
        ("00B0820809", "6C02"),
        ("00B0020001", "6B00"),
        ("00B0800001", "6A86"),
        ("00B0A20001", "6A86"),
        ("00B09F0001", "6A82"),
        ("00B2010438", "6981"),
        (USIM, "9000"),
        ("00B0000001", "6986"),
        ("00B0910000", "FFFFFF0000*"),  # 256 of the 300 bytes
    ],
    "11.1.5-record-pointer-of-a-linear-file": [
        (USIM, "9000"),
        (ADM, "9000"),
        ("00A4000C026F3C", "9000"),
        ("00B20004B0", "6A83"),  # no current record yet
        ("00B20002B0", "00FF*"),  # next: the first
        ("00B20002B0", "00FF*"),
        ("00DC0004B001" + "AA" * 175, "9000"),  # the current one
        ("00B20204B0", "01AA*"),
        ("00B20003B0", "00FF*"),  # previous: 1
        ("00B20003B0", "6A83"),
        ("00A4000C026F3C", "9000"),
        ("00B20003B0", "00FF*"),  # previous of nothing: the last
        ("00B20002B0", "6A83"),
        ("00B20B04B0", "6A83"),
        ("00B20102B0", "6A86"),
        ("00B20105B0", "6A86"),
        ("00B20104B1", "6CB0"),
    ],
    "11.1.6-cyclic-file": [
        ("00A4000C027F10", "9000"),
        ("00A4000C026F44", "9000"),
        ("00DC010422" + "11" * 34, "6981"),
        ("00DC000322" + "11" * 34, "9000"),
        ("00DC000322" + "22" * 34, "9000"),
        ("00DC000321" + "22" * 33, "6700"),
        ("00B2010422", "22" * 34 + "9000"),
        ("00B2020422", "11" * 34 + "9000"),
        ("00B2000222", "11" * 34 + "9000"),  # the pointer stands at the newest
        ("00B2000322", "22" * 34 + "9000"),
        ("00B2000322", "FF" * 34 + "9000"),  # and goes round
    ],
    "11.1.8-increase": [
        (USIM, "9000"),
        ("00A4000C026F39", "9000"),
        ("8032000003000005", "6106"),
        ("00C0000006", "0000050000059000"),
        ("803200000110", "6104"),
        ("00C0000004", "000015109000"),
        ("00B2010403", "0000159000"),
        ("00B2020403", "0000059000"),
        ("8032000003FFFFFF", "9850"),
        ("803200000401000000", "6700"),
        ("00A4000C026F3C", "9000"),
        ("8032000003000001", "6981"),
    ],
    "11.1.7-search": [
        (USIM, "9000"),
        (ADM, "9000"),
        ("00A4000C026F40", "9000"),
        ("00DC020422" + "414243" + "FF" * 31, "9000"),
        ("00A20104024243", "6101"),
        ("00C0000001", "029000"),
        ("00B2000422", "414243" + "FF" * 31 + "9000"),  # found is current
        ("00A2010501FF", "6101"),
        ("00C0000001", "019000"),
        ("00A20106040400FFFF", "6102"),
        ("00C0000002", "01029000"),
        ("00A20106040403FFFF", "6102"),
        ("00A20106030C4243", "6101"),  # behind the first 42
        ("00C0000001", "029000"),
        ("00A2010402FEFE", "6282"),
        ("00A2030402FEFE", "6A83"),
        ("00A20104" + "23" + "00" * 35, "6700"),
        ("00A20107024243", "6A86"),
        ("00A4000C026F07", "9000"),
        ("00A2010401FF", "6981"),
    ],
    "11.1.14-a-deactivated-file-gives-nothing": [
        (USIM, "9000"),
        ("00A4000C026F46", "9000"),
        ("0004000000", "6982"),
        (ADM, "9000"),
        ("0004000000", "9000"),
        ("00B0000011", "6984"),
        ("00D6000001FF", "6984"),
        ("00A4000C026F46", "6283"),
        ("00A40004026F46", "61*"),
        ("00C0000001", "62*"),
        ("0044000000", "9000"),
        ("00B0000011", "FF*"),
        ("0004000002" + "6F46", "9000"),
        ("0044080004" + "7FFF6F46", "9000"),
        ("0004010000", "6A86"),
    ],
    "7.3.1.1-responses-in-pieces-and-lost": [
        ("00A40004023F00", "61*"),
        ("00C0000002", "62*"),
        ("00B082000A", "98*"),
        ("00C0000001", "6985"),
    ],
    "10-classes-and-instructions": [
        ("01A4000C023F00", "6881"),
        ("40A4000C023F00", "6881"),
        ("0070000201", "9000"),
        ("0CA4000C023F00", "6882"),
        ("A0A40000023F00", "9F17"),
        ("B0A40000023F00", "6E00"),
        ("80A4000C023F00", "6E00"),
        ("00FE000000", "6D00"),
        ("00CA006600", "6A88"),
        ("00A4000C053F00", "6700"),
        ("00A4", "6700"),
        ("80AA000005A903830180", "9000"),
        ("8010000001FF", "9000"),
        ("8012000001", "6985"),
    ],
}


@pytest.mark.parametrize("clause", CONTENTS)
def test_uicc_contents_follow_the_clause(clause: str) -> None:
    play(card_of("usim-2g3g"), CONTENTS[clause])


def test_uicc_status_tells_the_directory_the_application_or_nothing() -> None:
    card = card_of("blank-usim")
    length = tell(card, "80F2000000")
    assert length[:2] == "6C"
    assert tell(card, "80F20000" + length[2:]).startswith("62")
    play(card, [("80F2000C00", "9000"), ("80F2000102", "84009000"), ("80F2030C00", "6A86"), ("80F2000200", "6A86"), (USIM, "9000")])
    assert tell(card, "80F2010112") == "8410A0000000871002FF86FF0389FFFFFFFF9000"


def test_uicc_short_read_is_a_warning_on_a_model_that_warns() -> None:
    card = card_of("usim-91xx")
    assert tell(card, "00B0820809") == card.content("MF/ICCID")[8:].hex().upper() + "6282"


@pytest.mark.parametrize("name", sorted(name for name, card in CARDS.items() if card.model.uicc))
def test_uicc_every_file_is_selected_by_path_and_its_template_tells_its_size(name: str) -> None:
    card = card_of(name)
    for directory in card.mf.all_directories():
        if directory.aid:
            tell(card, "00A4040C10" + directory.aid.hex())
        steps = [d.fid for d in card.mf.all_directories() if f"{directory.path}/".startswith(f"{d.path}/") and d.path != "MF"]
        for file in directory.files:
            path = b"".join((0x7FFF if fid in (0x7FF0, 0x7FF1) else fid).to_bytes(2, "big") for fid in [*steps, file.fid])
            told = bytes.fromhex(fcp(card, f"00A40804{len(path):02X}{path.hex()}"))
            assert file.length.to_bytes(2, "big") in told
            assert len(card.content(f"{directory.path}/{file.name}")) == file.length


def test_uicc_access_rule_records_are_the_rules_enforced() -> None:
    card = card_of("blank-usim")
    records = card.content("MF/ARR")
    assert len(records) == 56 * len(card.persona.model.rules)
    assert records.startswith(bytes.fromhex("800101900080011AA40683010A950108"))
    assert bytes.fromhex("840132A406830101950108") in records  # INCREASE under PIN1


def test_uicc_directory_file_lists_every_application() -> None:
    records = card_of("usim-2g3g").content("MF/DIR")
    assert records[:2] == bytes.fromhex("6118")
    assert records[38:40] == bytes.fromhex("6118")
    assert records.index(bytes.fromhex("A0000000871002")) < 38 < records.index(bytes.fromhex("A0000000871004"))


def test_uicc_links_show_the_same_bytes_and_separate_copies_do_not() -> None:
    for name, same in (("usim-2g3g", True), ("usim-2g-separate", False)):
        card = card_of(name)
        play(card, [(USIM, "9000"), (ADM, "9000"), ("00D6870009084906001121223343", "9000"), ("00A4080C047F206F07", "9000")])
        assert (tell(card, "00B0000009") == "0849060011212233439000") is same
