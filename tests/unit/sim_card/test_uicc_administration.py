# SPDX-License-Identifier: Apache-2.0
"""Files created, deleted and resized by whoever holds the administrative key: ETSI TS 102 222 §6.3, §6.4, §6.10."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS
from tests.unit.sim_card.test_uicc_files import ADM, USIM, card_of, fcp, play, tell

OPEN, GUARDED = "01", "02"
"""Records of EF_ARR."""


def tlv(tag: str, value: str) -> str:
    return f"{tag}{len(value) // 2:02X}{value}"


def creating(descriptor: str, fid: str, *more: str, rule: str = OPEN) -> str:
    template = tlv("62", tlv("82", descriptor) + tlv("83", fid) + tlv("8A", "05") + tlv("8B", "2F06" + rule) + "".join(more))
    return "00E00000" + tlv("", template)


def resizing(fid: str, size: str) -> str:
    return "80D40000" + tlv("", tlv("62", tlv("83", fid) + tlv("80", size)))


TRANSPARENT = creating("4121", "6F99", tlv("80", "0010"), tlv("88", ""))
RECORDS = creating("42210014", "6F9A", tlv("80", "003C"), tlv("88", "F8"), rule=GUARDED)
DIRECTORY = creating("7821", "5F70", tlv("81", "0100"))


def test_uicc_file_created_is_current_tells_its_template_and_keeps_what_is_written() -> None:
    card = card_of("blank-usim")
    play(card, [(USIM, "9000"), (TRANSPARENT, "6982"), (ADM, "9000"), (TRANSPARENT, "9000"), ("00B0000010", "FF" * 16 + "9000")])
    play(card, [("00D6000002AA55", "9000"), (RECORDS, "9000"), ("00B2030414", "FF" * 20 + "9000"), ("00B2040414", "6A83")])
    assert fcp(card, "00A40004026F99") == "62168202412183026F998A01058B032F0601800200108800"
    assert fcp(card, "00A40004026F9A") == "621A82054221001403" + "83026F9A8A01058B032F06028002003C8801F8"
    play(card, [("00B201FC14", "FF" * 20 + "9000"), ("00A4000C026F99", "9000"), ("00B0000002", "AA559000"), (TRANSPARENT, "6A89")])
    play(card, [("00A4000C023F00", "9000"), ("00A4000C026F99", "6A82")])


def test_uicc_directory_created_holds_files_and_goes_with_all_of_them() -> None:
    card = card_of("blank-usim")
    free = card.free
    play(card, [(ADM, "9000"), (DIRECTORY, "9000"), (TRANSPARENT, "9000"), ("00A40804045F706F99", "61*"), ("00A40304", "61*")])
    assert card.free == free - 16
    assert fcp(card, "00A40004025F70").startswith("62388202782183025F70A514")
    play(card, [("00A4030C", "9000"), ("00E40000025F70", "9000"), ("00A4000C025F70", "6A82"), ("00A4080C045F706F99", "6A82")])
    assert card.free == free
    assert card.memory.fact("created") == []


def test_uicc_file_of_the_maker_is_deleted_under_one_name_and_may_be_made_again() -> None:
    card = card_of("usim-2g3g")
    play(card, [(USIM, "9000"), ("00A4000C026F07", "9000"), ("00E40000026F07", "6982"), (ADM, "9000"), ("00E40000026F07", "9000")])
    play(card, [("00B0000009", "6986"), ("00B0870009", "6A82"), ("00E40000026F07", "6A82"), ("00A4080C047F206F07", "9000")])
    play(card, [(USIM, "9000"), (creating("4121", "6F07", tlv("80", "09")), "9000"), ("00B0870009", "FF" * 9 + "9000")])


def test_uicc_file_resized_keeps_its_beginning_under_every_name() -> None:
    card = card_of("usim-2g3g")
    play(card, [(USIM, "9000"), (resizing("6F7B", "30"), "6982"), (ADM, "9000"), ("00A4000C026F7B", "9000"), ("00D600000300F110", "9000")])
    play(card, [(resizing("6F7B", "0030"), "9000"), ("00B0000030", "00F110" + "FF" * 45 + "9000")])
    assert "80020030" in fcp(card, "00A408040" + "47F206F7B")
    play(card, [(USIM, "9000"), (resizing("6F7B", "03"), "9000"), ("00B0000000", "6C03")])
    play(card, [(resizing("6F42", "03"), "6A80"), (resizing("6F42", f"{53 * 3 + 1:04X}"), "6A80"), (resizing("6F99", "03"), "6A82")])
    played = fcp(card, "00A40004026F42")
    record = int(played[played.index("8205") + 8 : played.index("8205") + 12], 16)
    play(card, [(resizing("6F42", f"{record * 4:04X}"), "9000"), (f"00B20404{record:02X}", "FF" * record + "9000")])


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00E0000000", "6700"),
        ("00E00100026200", "6A86"),
        ("00E00000026200", "6A80"),
        ("00E00000036205FF", "6A80"),
        ("00E00000026300", "6A80"),
        (creating("7921", "6F99", tlv("80", "10")), "6A81"),
        (creating("4321", "6F99", tlv("80", "10")), "6A80"),
        (creating("4121", "6F", tlv("80", "10")), "6A80"),
        (creating("4121", "2FE2", tlv("80", "10")), "6A89"),
        (creating("4121", "3F00", tlv("80", "10")), "6A89"),
        (creating("4121", "7F10", tlv("80", "10")), "6A89"),
        (creating("4121", "6F99"), "6A80"),
        (creating("4121", "6F99", tlv("80", "00")), "6A80"),
        (creating("4121", "6F99", tlv("80", "7FFF")), "6A84"),
        (creating("4121", "6F99", tlv("80", "FFFFFF")), "6A84"),
        (creating("42210014", "6F99", tlv("80", "0015")), "6A80"),
        (creating("4221", "6F99", tlv("80", "0014")), "6A80"),
        (creating("4121", "6F99", tlv("80", "10"), rule="63"), "6A80"),
        (creating("4121", "6F99", tlv("80", "10"), tlv("88", "10")), "6A80"),  # the one of EF_ICCID
        (creating("7821", "7FF5", tlv("84", "A0000000871002")), "6A81"),
        ("00E40000027FF0", "6985"),
        ("00E40000016F", "6700"),
        ("00E40000023F00", "6A82"),
        ("80D40000026200", "6A80"),
        (resizing("7F10", "10"), "6A81"),
        (resizing("2FE2", "7FFF"), "6A84"),
        ("00E60000027F10", "6D00"),
        ("00E80000022FE2", "6D00"),
        ("00FE000000", "6D00"),
    ],
)
def test_uicc_file_command_that_cannot_be_done_changes_nothing(command: str, sw: str) -> None:
    card = card_of("blank-usim")
    play(card, [(ADM, "9000"), (command, sw)])
    assert card.mf == card.persona.tree()


def test_uicc_file_content_begins_with_the_pattern_asked_for() -> None:
    card = card_of("blank-usim")
    filled, repeated = tlv("A5", tlv("C1", "0100")), tlv("A5", tlv("C2", "A1B2C3"))
    play(card, [(ADM, "9000"), (creating("4121", "6F99", tlv("80", "04"), filled), "9000"), ("00B0000004", "010000009000")])
    play(card, [(creating("46210004", "6F9A", tlv("80", "08"), repeated), "9000"), ("00B2020404", "A1B2C3A19000")])


def test_uicc_file_is_there_after_reset_and_restart_and_other_channels_stay_where_they_were(tmp_path: Path) -> None:
    def inserted() -> Card:
        persona = CARDS["blank-usim"]
        return Card(persona, Memory(persona.contents(), persona.tries(), name="blank-usim", store=tmp_path / "nvm"))

    card = inserted()
    play(card, [("0070000001", "019000"), ("01A4040C07A0000000871002", "9000"), ("01A4000C026FAD", "9000"), (ADM, "9000")])
    play(card, [(DIRECTORY, "9000"), (TRANSPARENT, "9000"), ("00D60000015A", "9000"), ("01B0000004", "000000039000")])
    card.power_up()
    for again in (card, inserted()):
        play(again, [("00A4080C045F706F99", "9000"), ("00B0000001", "5A9000")])


def test_uicc_rule_of_directories_and_files_is_told_as_it_is_enforced() -> None:
    card = card_of("blank-usim")
    number = len(card.persona.model.rules)
    assert f"8B032F06{number:02X}" in fcp(card, "00A40004023F00")
    play(card, [("00A4000C022F06", "9000")])
    assert tell(card, f"00B2{number:02X}0438").startswith("800107A40683010A950108FF")
    assert "8401D4A40683010A950108" in tell(card, "00B2010438")


@given(st.binary(max_size=60), st.sampled_from(["00E00000", "80D40000", "00E40000"]))
@settings(max_examples=2000, deadline=None)
def test_uicc_file_command_of_noise_answers_a_status_word(noise: bytes, head: str) -> None:
    card = card_of("blank-usim")
    play(card, [(ADM, "9000")])
    for data in (noise, b"\x62" + bytes([len(noise)]) + noise, bytes.fromhex("6250820241218302")[:4] + noise):
        answer = card.process(bytes.fromhex(head) + bytes([len(data)]) + data)
        assert len(answer) == 2
        assert answer[0] in (0x90, 0x67, 0x69, 0x6A, 0x6C, 0x61, 0x6D)
