# SPDX-License-Identifier: Apache-2.0
"""The keys of the simulated UICC: counters, states and what they open. ETSI TS 102 221 §9.5, §11.1.9 to §11.1.13."""

from pathlib import Path

import pytest

from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS

PIN, WRONG, NEW = "31323334FFFFFFFF", "39393939FFFFFFFF", "34333231FFFFFFFF"
PUK = "3132333435363738"
USIM = "00A4040C07A0000000871002"
IMSI = "00B0870009"


def card_of(name: str, store: Path | None = None) -> Card:
    persona = CARDS[name]
    return Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=store))


def play(card: Card, *script: tuple[str, str]) -> None:
    for number, (command, wanted) in enumerate(script):
        answer = card.process(bytes.fromhex(command)).hex().upper()
        assert answer.endswith(wanted), (number, command, answer, wanted)


def test_uicc_pin_guards_until_verified_and_again_after_a_reset() -> None:
    card = card_of("pin-enabled")
    play(card, (USIM, "9000"), (IMSI, "6982"), ("0020000100", "63C3"), ("0020000108" + PIN, "9000"), (IMSI, "9000"), ("0020000100", "9000"))
    card.power_up()
    play(card, (USIM, "9000"), (IMSI, "6982"))


def test_uicc_pin_is_blocked_after_three_and_unblocked_by_its_key() -> None:
    play(
        card_of("pin-enabled"),
        ("0020000108" + WRONG, "63C2"),
        ("0020000108" + WRONG, "63C1"),
        ("0020000108" + WRONG, "63C0"),
        ("0020000108" + PIN, "6983"),
        ("0024000110" + PIN + NEW, "6983"),
        ("002C000100", "63CA"),
        ("002C000110" + WRONG + NEW, "63C9"),
        ("002C000100", "63C9"),
        ("002C000110" + PUK + NEW, "9000"),
        ("002C000100", "63CA"),
        ("0020000108" + PIN, "63C2"),
        ("0020000108" + NEW, "9000"),
    )


def test_uicc_unblocking_key_is_blocked_after_ten() -> None:
    card = card_of("pin-enabled")
    play(card, *[("002C000110" + WRONG + NEW, f"63C{left:X}") for left in range(9, -1, -1)], ("002C000110" + PUK + NEW, "6983"))


def test_uicc_pin_is_changed_disabled_and_enabled() -> None:
    play(
        card_of("pin-enabled"),
        (USIM, "9000"),
        ("0028000108" + PIN, "6984"),
        ("0024000110" + WRONG + NEW, "63C2"),
        ("0024000110" + PIN + NEW, "9000"),
        ("0026000108" + PIN, "63C2"),
        ("0026000108" + NEW, "9000"),
        ("0020000108" + NEW, "6984"),
        (IMSI, "9000"),
        ("0028000108" + NEW, "9000"),
        ("0028800108" + NEW, "6A86"),
        ("0026000107" + NEW[2:], "6700"),
        ("0024000108" + NEW, "6700"),
        ("0026008108" + NEW, "6985"),
        ("0020010108" + NEW, "6A86"),
        ("0020000208" + NEW, "6A88"),
        ("002C000A00", "6A88"),
    )


def test_uicc_universal_pin_stands_in_for_a_replaced_one() -> None:
    play(
        card_of("usim-2g3g"),
        (USIM, "9000"),
        ("0028000108" + PIN, "9000"),
        ("0026910108" + PIN, "9000"),
        (IMSI, "6982"),
        ("0020001108" + "30303030FFFFFFFF", "9000"),
        (IMSI, "9000"),
        ("0028000108" + PIN, "9000"),
        (IMSI, "9000"),
    )


def test_uicc_universal_pin_cannot_stand_in_where_there_is_none() -> None:
    play(card_of("pin-enabled"), ("0026910108" + PIN, "6A88"))


def test_uicc_second_pin_opens_the_dialling_list_and_is_forgotten_with_the_application() -> None:
    write = "00DC010422" + "41" * 34
    play(
        card_of("usim-2g3g"),
        (USIM, "9000"),
        ("00A4000C026F3B", "9000"),
        (write, "6982"),
        ("0020008108" + "35363738FFFFFFFF", "9000"),
        (write, "9000"),
        ("00A4040C07A0000000871004", "9000"),
        (USIM, "9000"),
        ("00A4000C026F3B", "9000"),
        (write, "6982"),
    )


@pytest.mark.parametrize(
    ("reference", "value", "tries"), [("0A", "A1B2C3D4E5F60718", 3), ("0B", "4242424242424242", 10), ("0E", "45" * 8, 10)]
)
def test_uicc_administrative_key_that_is_blocked_is_dead(reference: str, value: str, tries: int) -> None:
    card = card_of("usim-2g3g")
    play(card, (f"002000{reference}08{value}", "9000"), (f"002000{reference}00", "9000"))
    play(card, *[(f"002000{reference}08{WRONG}", f"63C{left:X}") for left in range(tries - 1, -1, -1)])
    play(card, (f"002000{reference}08{value}", "6983"), (f"002000{reference}00", "63C0"), (f"002C00{reference}10{value}{value}", "6A88"))


def test_uicc_wrong_attempt_takes_away_what_was_verified() -> None:
    update = "00D6870009084906001121223343"
    play(card_of("blank-usim"), (USIM, "9000"), ("0020000A08A1B2C3D4E5F60718", "9000"), ("0020000A08" + WRONG, "63C2"), (update, "6982"))


def test_uicc_fixed_file_is_updated_by_nobody() -> None:
    play(card_of("fixed-iccid"), ("0020000A08A1B2C3D4E5F60718", "9000"), ("00D682000198", "6982"))


def test_uicc_counters_values_and_states_survive_a_power_cut(tmp_path: Path) -> None:
    store = tmp_path / "nvm"
    play(
        card_of("pin-enabled", store),
        (USIM, "9000"),
        ("0020000108" + WRONG, "63C2"),
        ("002C000110" + WRONG + NEW, "63C9"),
        ("0024000110" + PIN + NEW, "9000"),
        ("0020000A08" + WRONG, "63C2"),
        ("0020000A08A1B2C3D4E5F60718", "9000"),
        ("0020000A08" + WRONG, "63C2"),
    )
    again = card_of("pin-enabled", store)
    play(again, ("0020000A00", "63C2"), ("002C000100", "63C9"), ("0020000108" + PIN, "63C2"), ("0026000108" + NEW, "9000"))
    play(card_of("pin-enabled", store), (USIM, "9000"), (IMSI, "9000"))


def test_uicc_key_file_of_pattern_a_gives_the_subscribers_keys_and_is_never_read() -> None:
    card = card_of("usim-key-file")
    k, opc = "00112233445566778899AABBCCDDEEFF", "FFEEDDCCBBAA99887766554433221100"
    update = "00D6000021" + "01" + k + opc
    play(card, (USIM, "9000"), ("00A4000C02AF20", "9000"), (update, "6982"), ("0020000A08A1B2C3D4E5F60718", "9000"))
    play(card, (update, "9000"), ("00B0000021", "6982"))
    assert card.subscriber_keys == (bytes.fromhex(k), bytes.fromhex(opc))


def test_uicc_key_files_of_pattern_b_are_opened_by_another_key() -> None:
    card = card_of("usim-key-files")
    k, opc = "00" * 15 + "01", "00" * 15 + "02"
    play(card, ("0020000A08A1B2C3D4E5F60718", "9000"), ("00A4080C047FF76FF5", "9000"), ("00D6000010" + k, "6982"))
    play(card, ("0020000B08B1B2B3B4B5B6B7B8", "9000"), ("00D6000010" + k, "9000"))
    play(card, ("00A4000C026FF6", "9000"), ("00D6000011" + "01" + opc, "9000"))
    assert card.subscriber_keys == (bytes.fromhex(k), bytes.fromhex(opc))


def test_uicc_key_command_of_pattern_c_takes_both_keys() -> None:
    card = card_of("usim-key-command")
    k, opc = "00" * 15 + "01", "00" * 15 + "02"
    authenticate = "0088008122" + ("10" + "00" * 16) * 2
    play(card, (USIM, "9000"), (authenticate, "6985"), ("80D4010010" + k, "6982"), ("0020000A08A1B2C3D4E5F60718", "9000"))
    assert card.memory.fact("k") is None
    play(card, ("80D401000F" + k[2:], "6700"), ("80D4030010" + k, "6A86"), ("80D4010010" + k, "9000"), ("80D4020010" + opc, "9000"))
    assert card.subscriber_keys == (bytes.fromhex(k), bytes.fromhex(opc))
    play(card, (authenticate, "9862"))
    play(card_of("blank-usim"), ("80D4010010" + k, "6A86"))  # RESIZE FILE has no P1
