# SPDX-License-Identifier: Apache-2.0
"""What the simulated UICC wants of the terminal, and what reaches its other modules: 91xx, ENVELOPE, AUTHENTICATE, secure channel."""

from __future__ import annotations

from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS
from simulators.sim_card.toolkit import DISPLAY_TEXT, SET_UP_MENU

USIM = "00A4040C07A0000000871002"
PROFILE = "8010000002FFFF"
ANSWER = "801400000C810301250002028281030100"


def card_of(name: str) -> Card:
    persona = CARDS[name]
    return Card(persona, Memory(persona.contents(), persona.tries(), name=name, store=None))


def tell(card: Card, command: str) -> str:
    return card.process(bytes.fromhex(command)).hex().upper()


def test_uicc_with_a_menu_answers_91_until_its_commands_are_fetched_and_answered() -> None:
    card = card_of("usim-91xx")
    menu, text = f"{len(SET_UP_MENU):02X}", f"{len(DISPLAY_TEXT):02X}"
    assert tell(card, "00A4000C023F00") == "9000"  # nothing of a terminal that did not say what it can do
    assert tell(card, PROFILE) == "91" + menu
    assert tell(card, "00A40004023F00")[:2] == "61"  # a response comes first
    assert tell(card, "00B082000A")[-4:] == "91" + menu
    assert tell(card, "00A4000C026FFF") == "6A82"  # no success
    assert tell(card, "8012000001") == "6C" + menu
    assert tell(card, "80120000" + menu) == SET_UP_MENU.hex().upper() + "9000"
    assert tell(card, "80120000" + menu) == "6985"  # to be answered first
    assert tell(card, ANSWER) == "91" + text
    assert tell(card, "80120000" + text) == DISPLAY_TEXT.hex().upper() + "9000"
    assert tell(card, ANSWER) == "9000"
    assert tell(card, "80C2000009D30702020181900101") == "91" + text  # MENU SELECTION
    assert tell(card, PROFILE) == "91" + text  # a menu is set up once
    card.power_up()
    assert tell(card, PROFILE) == "91" + menu


def test_uicc_proactive_all_the_time_lets_a_terminal_that_answers_go_on() -> None:
    card = card_of("proactive")
    for _ in range(2):
        assert tell(card, "00A4000C023F00") == "910B"
        assert tell(card, "801200000B") == "D0098103010200820281829000"
        assert tell(card, "00A4000C023F00") == "9000"
        assert tell(card, ANSWER) == "9000"


def test_uicc_envelope_that_is_none_is_refused_and_others_are_taken() -> None:
    card = card_of("blank-usim")
    assert [tell(card, envelope) for envelope in ("80C2000000", "80C200000200FF", "80C2000003D60100")] == ["6700", "6A80", "9000"]


def test_uicc_envelope_with_a_secured_packet_that_proves_nothing_changes_nothing() -> None:
    packet = "027000000E0D16210115B00011" + "00" * 5
    tpdu = "44038119F17FF6" + "00" * 7 + f"{len(packet) // 2:02X}" + packet
    inner = "82028381" + f"0B{len(tpdu) // 2:02X}" + tpdu
    card = card_of("blank-usim")
    before = dict(card.memory.contents)
    assert tell(card, f"80C20000{len(inner) // 2 + 2:02X}D1{len(inner) // 2:02X}{inner}")[-4:-2] in ("61", "62", "6A", "90")
    assert card.memory.contents == before


def test_uicc_domain_runs_its_own_selection_with_its_own_rights() -> None:
    card = card_of("blank-usim")
    tell(card, USIM)
    assert card.run_apdu(bytes.fromhex("00A40004022FE2"))[1] >> 8 == 0x61
    assert card.run_apdu(bytes.fromhex("00D6000001AA")) == (b"", 0x9000)
    assert card.run_apdu(bytes.fromhex("00B0000001")) == (b"\xaa", 0x9000)
    assert tell(card, "00B0870001") == "FF9000"  # the terminal still stands in the USIM
    assert tell(card, "00D6870001FF") == "6982"
    fixed = card_of("fixed-iccid")
    fixed.run_apdu(bytes.fromhex("00A4000C022FE2"))
    assert fixed.run_apdu(bytes.fromhex("00D6000001AA")) == (b"", 0x6982)


def test_uicc_authenticates_in_an_application_only() -> None:
    challenge = "23553CBE9637A89D218AE64DAE47BF35"
    card = card_of("blank-usim")
    assert tell(card, "0088008111" + "10" + challenge) == "6985"
    tell(card, USIM)
    assert tell(card, "0088008011" + "10" + challenge) == "610E"
    assert tell(card, "00C000000E") == "04" + "46F8416A" + "08" + "EAE4BE823AF9A08B" + "9000"
    assert tell(card, "0088008122" + ("10" + challenge) * 2) == "9862"
    assert tell(card, "0088018122" + ("10" + challenge) * 2) == "6A86"


def test_uicc_authentication_asks_for_the_pin_first() -> None:
    card = card_of("pin-enabled")
    tell(card, USIM)
    assert tell(card, "0088008122" + ("10" + "00" * 16) * 2) == "6982"


def test_uicc_begins_a_secure_channel_in_its_security_domain() -> None:
    card = card_of("blank-usim")
    assert tell(card, "00A4040008A000000151000000") == "6112"
    assert tell(card, "00C0000012") == "6F108408A000000151000000A5049F6501FF9000"
    assert tell(card, "8050000008" + "00" * 8) == "6120"
    assert tell(card, "00C0000020")[20:26] == "300370"
    assert tell(card, "8482010010" + "00" * 16) == "6300"
    assert tell(card, "84D6000009" + "00" * 9) == "6982"
