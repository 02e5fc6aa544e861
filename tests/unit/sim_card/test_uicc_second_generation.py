# SPDX-License-Identifier: Apache-2.0
"""The 2G side of the simulated UICC, class A0. 3GPP TS 51.011 §9."""

from __future__ import annotations

from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS

PIN, WRONG, NEW = "31323334FFFFFFFF", "39393939FFFFFFFF", "34333231FFFFFFFF"


def card_of(name: str) -> Card:
    persona = CARDS[name]
    return Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=None))


def play(card: Card, *script: tuple[str, str]) -> None:
    for number, (command, wanted) in enumerate(script):
        answer = card.process(bytes.fromhex(command)).hex().upper()
        assert answer.endswith(wanted), (number, command, answer, wanted)


def test_uicc_second_generation_directory_is_told_in_23_bytes() -> None:
    card = card_of("usim-2g3g")
    play(card, ("A0A40000027F20", "9F17"))
    form = card.process(bytes.fromhex("A0C0000017"))
    assert form[-2:] == b"\x90\x00"
    assert (form[4:6], form[6], form[12], form[13]) == (b"\x7f\x20", 0x02, 10, 0xB1)  # CHV1 disabled
    assert form[18:22] == bytes.fromhex("838A838A")
    play(card, ("A0F2000016", "8A9000"), ("A0F2000018", "6717"))


def test_uicc_second_generation_files_are_told_with_conditions_and_structure() -> None:
    card = card_of("usim-2g3g")
    play(card, ("A0A40000027F20", "9F17"), ("A0A40000026F07", "9F0F"), ("A0C000000F", "000000096F07040014FF440102" + "0000" + "9000"))
    play(card, ("A0A40000026F39", "9F0F"), ("A0C000000F", "0000000F6F390440121F440102" + "0303" + "9000"))
    play(card, ("A0A40000027F10", "9F17"), ("A0A40000026F3A", "9F0F"), ("A0C000000F", "000002A86F3A040011FF440102" + "0122" + "9000"))


def test_uicc_second_generation_status_words_are_its_own() -> None:
    play(
        card_of("usim-2g3g"),
        ("A0A40000026FFF", "9404"),
        ("A0A40000027FFF", "9404"),
        ("A0A40000027FF0", "9404"),
        ("A0A40001023F00", "6B00"),
        ("A0A40000013F", "6702"),
        ("A0B000000A", "9400"),
        ("A0A40000022FE2", "9F0F"),
        ("A0B000000A", "9000"),
        ("A0B000000B", "670A"),
        ("A0B0820001", "6B00"),
        ("A0D6000001FF", "9804"),
        ("A0B2010401", "9408"),
        ("A0FE000000", "6D00"),
        ("A0FA000000", "9000"),
        ("A0C0000001", "6F00"),
    )


def test_uicc_second_generation_records_seek_and_increase() -> None:
    play(
        card_of("usim-2g3g"),
        ("A0A40000027F10", "9F17"),
        ("A0A40000026F3A", "9F0F"),
        ("A0DC020422" + "41" * 34, "9000"),
        ("A0DC040422" + "4141" + "42" * 32, "9000"),
        ("A0A20010024141", "9F01"),
        ("A0C0000001", "029000"),
        ("A0A20002024141", "9000"),  # type 1: the next one, no number
        ("A0B2000422", "4141" + "42" * 32 + "9000"),
        ("A0A20012024141", "9404"),
        ("A0A20013024141", "9F01"),
        ("A0C0000001", "029000"),
        ("A0A20011024141", "9F01"),
        ("A0C0000001", "049000"),
        ("A0B2150422", "9402"),
        ("A0A40000027F20", "9F17"),
        ("A0A40000026F39", "9F0F"),
        ("A032000003000007", "9F06"),
        ("A0C0000006", "0000070000079000"),
        ("A032000003FFFFFF", "9850"),
    )


def test_uicc_second_generation_keys() -> None:
    play(
        card_of("usim-2g3g"),
        ("A020000108" + PIN, "9808"),  # disabled
        ("A028000108" + PIN, "9000"),
        ("A028000108" + PIN, "9808"),
        ("A020000108" + WRONG, "9804"),
        ("A020000100", "6708"),
        ("A020000108" + WRONG, "9804"),
        ("A020000108" + WRONG, "9840"),
        ("A020000108" + PIN, "9840"),
        ("A02C000010" + "3132333435363738" + NEW, "9000"),
        ("A020000108" + NEW, "9000"),
        ("A024000110" + NEW + PIN, "9000"),
        ("A026000108" + PIN, "9000"),
        ("A020000408A1B2C3D4E5F60718", "9000"),  # ADM1
        ("A0A40000022FE2", "9F0F"),
        ("A0D600000198", "9000"),
        ("A020000308" + PIN, "6B00"),
    )
    play(card_of("usim-key-file"), ("A020000508" + PIN, "9802"))


def test_uicc_second_generation_file_is_invalidated_and_rehabilitated() -> None:
    play(
        card_of("usim-2g3g"),
        ("A020000408A1B2C3D4E5F60718", "9000"),
        ("A0A40000027F20", "9F17"),
        ("A0A40000026F7B", "9F0F"),
        ("A004000000", "9000"),
        ("A0B0000003", "9810"),
        ("A0A40000026F7B", "9F0F"),
        ("A0C000000C", "00" + "9000"),
        ("A044000000", "9000"),
        ("A0B0000003", "9000"),
    )


def test_uicc_second_generation_algorithm_answers_in_twelve_bytes() -> None:
    card = card_of("usim-2g3g")
    play(card, ("A0A40000027F20", "9F17"), ("A088000010" + "23553CBE9637A89D218AE64DAE47BF35", "9F0C"))
    answer = card.process(bytes.fromhex("A0C000000C"))
    assert answer.hex().upper() == "46F8416A" + "EAE4BE823AF9A08B" + "9000"  # 3GPP TS 55.205, test set 1


def test_uicc_without_a_second_generation_refuses_the_class() -> None:
    play(card_of("usim-no-sfi"), ("A0A40000023F00", "6E00"))


def test_uicc_of_the_second_generation_alone_answers_its_class_alone() -> None:
    card = card_of("sim-2g")
    assert card.persona.atr.hex().upper() == "3B1694524E54473131"
    for command in ("00A40004023F00", "80F2000000", "8050000008" + "00" * 8, "00C0000001"):
        play(card, (command, "6E00"))
    for directory in card.mf.all_directories():
        for file in directory.files:
            play(card, ("A0A40000023F00", "9F17"))
            if directory.fid != 0x3F00:
                steps = [
                    f"{d.fid:04X}" for d in card.mf.all_directories() if f"{directory.path}/".startswith(f"{d.path}/") and d.fid != 0x3F00
                ]
                play(card, *[(f"A0A4000002{step}", "9F17") for step in steps])
            play(card, (f"A0A4000002{file.fid:04X}", "9F0F"), ("A0C0000004", f"{file.length:04X}9000"))
    play(card, ("A088000010" + "23553CBE9637A89D218AE64DAE47BF35", "9F0C"))
