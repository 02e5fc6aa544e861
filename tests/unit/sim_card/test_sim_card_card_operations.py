# SPDX-License-Identifier: Apache-2.0
"""Keys, AUTHENTICATE, proactive commands and status words against scripted and hostile cards."""

import contextlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.deadline import Deadline
from hal.errors import HalError, ProtocolError
from hal.sim_card import authenticate, keys, pins, proactive
from hal.sim_card.authenticate import Answer
from hal.sim_card.errors import (
    AuthenticateRefused,
    KeyBlocked,
    KeyWrong,
    MacFailure,
    MalformedCardData,
    PacketRefused,
    ProfileUnfit,
    UnknownCard,
)
from hal.sim_card.status import Action, Sw
from tests.support.noise import dice, noise

SOON = Deadline.after(3600)
PIN, PUK, NEW = b"1234\xff\xff\xff\xff", b"12345678", b"4321\xff\xff\xff\xff"
RAND, AUTN = bytes(range(16)), bytes(range(16, 32))
MORE_TIME = bytes.fromhex("D009810301020082028182")
MENU = bytes.fromhex("D00F8103012500820281828504554D4E55")


class Scripted:
    """A card that answers what it is told to, and keeps what it was sent."""

    def __init__(self, *answers: tuple[bytes, int]) -> None:
        self._answers: Iterable[tuple[bytes, int]] = iter(answers)
        self.sent: list[bytes] = []

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.sent.append(command)
        return next(iter(self._answers), (b"", 0x6F00))


@pytest.mark.parametrize(
    ("sw", "action"),
    [
        (0x9000, Action.DONE),
        (0x9110, Action.DONE),
        (0x9203, Action.DONE),
        (0x6110, Action.FETCH_RESPONSE),
        (0x9F10, Action.FETCH_RESPONSE),
        (0x62F1, Action.FETCH_RESPONSE),
        (0x62F3, Action.FETCH_RESPONSE),
        (0x6C10, Action.CORRECT_LENGTH),
        (0x9300, Action.BUSY),
        (0x6200, Action.UNCHANGED),
        (0x6281, Action.DOUBTFUL),
        (0x6282, Action.DOUBTFUL),
        (0x6283, Action.DOUBTFUL),
        (0x63C2, Action.COUNTED),
        (0x6400, Action.DEFECTIVE),
        (0x6500, Action.DEFECTIVE),
        (0x6581, Action.DEFECTIVE),
        (0x9240, Action.DEFECTIVE),
        (0x6700, Action.WRONG_USE),
        (0x6A80, Action.WRONG_USE),
        (0x6A86, Action.WRONG_USE),
        (0x6B00, Action.WRONG_USE),
        (0x6900, Action.FORBIDDEN),
        (0x6982, Action.FORBIDDEN),
        (0x9804, Action.FORBIDDEN),
        (0x6983, Action.BLOCKED),
        (0x9840, Action.BLOCKED),
        (0x6981, Action.STATE),
        (0x6984, Action.STATE),
        (0x6985, Action.STATE),
        (0x6A82, Action.MISSING),
        (0x6A83, Action.MISSING),
        (0x6A84, Action.MISSING),
        (0x6D00, Action.FOREIGN),
        (0x6E00, Action.FOREIGN),
        (0x6881, Action.FOREIGN),
        (0x9862, Action.WRONG_MAC),
        (0x9864, Action.WRONG_CONTEXT),
        (0x6F00, Action.FAILED),
        (0x0000, Action.FAILED),
    ],
)
def test_status_word_asks_for_its_action(sw: int, action: Action) -> None:
    assert Sw(sw).action is action
    assert Sw(sw).pending == (sw & 0xFF if sw >> 8 == 0x91 else 0)


def test_key_with_tries_left_is_asked_for_and_sent_once() -> None:
    card = Scripted((b"", 0x63C3), (b"", 0x9000))
    keys.present(card, 0x0A, PUK, SOON)
    assert [sent.hex() for sent in card.sent] == ["0020000a00", "0020000a08" + PUK.hex()]


def test_key_that_is_verified_already_is_not_sent() -> None:
    card = Scripted((b"", 0x9000))
    keys.present(card, 0x0A, PUK, SOON)
    assert len(card.sent) == 1


OPERATIONS: list[Callable[[Scripted, bool], None]] = [
    lambda card, ordered: keys.present(card, 1, PIN, SOON, ordered=ordered),
    lambda card, ordered: keys.change(card, 1, PIN, NEW, SOON, ordered=ordered),
    lambda card, ordered: keys.switch(card, 1, PIN, SOON, enabled=False, ordered=ordered),
    lambda card, ordered: keys.switch(card, 1, PIN, SOON, enabled=True, ordered=ordered),
    lambda card, ordered: keys.unblock(card, 1, PUK, NEW, SOON, ordered=ordered),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_key_at_its_last_try_is_used_by_order_only(operation: Callable[[Scripted, bool], None]) -> None:
    card = Scripted((b"", 0x63C1))
    with pytest.raises(KeyBlocked) as refused:
        operation(card, False)
    assert (refused.value.data, len(card.sent)) == ({"left": 1}, 1)
    ordered = Scripted((b"", 0x63C1), (b"", 0x9000))
    operation(ordered, True)
    assert len(ordered.sent) == 2


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("sw", "error", "left"),
    [
        (0x63C2, KeyWrong, 2),
        (0x63C0, KeyBlocked, 0),
        (0x6983, KeyBlocked, 0),
        (0x9840, KeyBlocked, 0),
        (0x6982, KeyWrong, 2),
        (0x9804, KeyWrong, 2),
    ],
)
def test_key_refused_is_told_with_what_is_left_and_never_sent_again(
    operation: Callable[[Scripted, bool], None], sw: int, error: type[HalError], left: int
) -> None:
    card = Scripted((b"", 0x63C3), (b"", sw), (b"", 0x9000))
    with pytest.raises(error) as refused:
        operation(card, False)
    assert refused.value.data == {"left": left}
    assert len(card.sent) == 2
    assert PIN.hex() not in repr(refused.value.args)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("sw", [0x6A88, 0x6700, 0x6D00, 0x9300])
def test_key_whose_counter_is_not_told_is_not_sent(operation: Callable[[Scripted, bool], None], sw: int) -> None:
    card = Scripted((b"", sw))
    with pytest.raises(UnknownCard):
        operation(card, True)
    assert len(card.sent) == 1


@pytest.mark.parametrize("bad", [{"key": 0}, {"key": "1"}, {"action": "guess"}, {"value": "12"}, {"value": None}])
def test_pin_request_of_another_form_is_refused_before_the_card(bad: dict[str, object]) -> None:
    card = Scripted()
    with pytest.raises(ProfileUnfit):
        pins.run_pin(card, {"action": "verify", "key": 1, "value": PIN.hex(), **bad}, SOON)
    assert card.sent == []


@pytest.mark.parametrize(
    ("answers", "answer"),
    [
        (
            [(b"", 0x6135), (bytes.fromhex("DB08") + bytes(8) + b"\x10" + bytes(16) + b"\x10" + bytes(16) + bytes(1), 0x9000)],
            Answer("res", bytes(8)),
        ),
        ([(bytes.fromhex("DC0E") + bytes(14), 0x9000)], Answer("auts", bytes(14))),
        ([(b"", 0x9F10), (bytes.fromhex("DC0E") + bytes(14), 0x9110)], Answer("auts", bytes(14))),
    ],
)
def test_challenge_answered_tells_that_the_key_is_right(answers: list[tuple[bytes, int]], answer: Answer) -> None:
    card = Scripted(*answers)
    assert authenticate.authenticate(card, RAND, AUTN, SOON) == answer
    assert card.sent[0].hex() == "008800812210" + RAND.hex() + "10" + AUTN.hex()
    assert "00" * 4 not in repr(answer)


@pytest.mark.parametrize(
    ("sw", "error"), [(0x9862, MacFailure), (0x9864, AuthenticateRefused), (0x6982, AuthenticateRefused), (0x6D00, AuthenticateRefused)]
)
def test_challenge_refused_is_a_wrong_key_only_for_a_wrong_mac(sw: int, error: type[HalError]) -> None:
    with pytest.raises(error):
        authenticate.authenticate(Scripted((b"", sw)), RAND, AUTN, SOON)


HEADS = (b"", b"\xdb", b"\xdc", b"\xdb\x08", b"\xdc\x0e")


def _an_answer_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedCardData):
        found = authenticate.parse(data)
        assert len(found.data) == 14 or found.result == "res"


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(HEADS))
def test_challenge_answered_with_any_bytes_is_an_answer_or_malformed(rest: bytes, head: bytes) -> None:
    _an_answer_or_malformed(head + rest)


@pytest.mark.slow
def test_challenge_answered_with_20000_noises_is_an_answer_or_malformed() -> None:
    drawn = dice("heads of answers")
    for rest in noise("challenge", 60):
        _an_answer_or_malformed(drawn.choice(HEADS) + rest)


def test_envelope_is_answered_and_what_the_card_asks_then_is_settled() -> None:
    card = Scripted((b"", 0x6103), (b"PoR", 0x910B), (MORE_TIME, 0x9000), (b"", 0x9113), (MENU, 0x9000), (b"", 0x9000))
    receipt = proactive.send_packet(card, b"\xd1\x01\x00", SOON)
    assert (receipt.data, receipt.fetched) == (b"PoR", 2)
    assert [sent[1] for sent in card.sent] == [0xC2, 0xC0, 0x12, 0x14, 0x12, 0x14]
    assert card.sent[3].hex() == "801400000c" + "8103010200" + "82028281" + "830100"
    assert card.sent[5].endswith(bytes.fromhex("830130"))
    assert "PoR" not in repr(receipt)


def test_envelope_seen_before_is_refused_and_a_card_that_asks_forever_is_left() -> None:
    with pytest.raises(PacketRefused) as refused:
        proactive.send_packet(Scripted((b"", 0x6200)), b"\xd1\x01\x00", SOON)
    assert refused.value.data == {"sw": 0x6200}
    forever = Scripted((b"", 0x910B), *[(MORE_TIME, 0x9000), (b"", 0x910B)] * 99)
    with pytest.raises(ProtocolError):
        proactive.send_packet(forever, b"\xd1\x01\x00", SOON)
    assert len(forever.sent) <= 2 * proactive.ROUNDS + 1


WORDS = (0x9000, 0x910B, 0x9113, 0x6103, 0x9F05, 0x6C10, 0x62F3, 0x9300, 0x6F00, 0x6200, 0x6581, 0x9000, 0x910B)
DATA = (b"", MORE_TIME, MENU, bytes.fromhex("D00281"), MORE_TIME)


def _envelope_ends(answers: bytes) -> None:
    card = Scripted(*((DATA[byte % 5] if byte < 200 else answers[:byte], WORDS[byte // 5 % 13]) for byte in answers))
    with contextlib.suppress(HalError):
        proactive.announce(card, SOON)
        proactive.send_packet(card, b"\xd1\x01\x00", SOON)
    assert len(card.sent) <= 2 * (1 + 2 * proactive.ROUNDS) * 16


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=60))
def test_envelope_to_a_hostile_card_ends_in_a_declared_error_or_a_receipt(answers: bytes) -> None:
    _envelope_ends(answers)


@pytest.mark.slow
def test_envelopes_to_20000_hostile_cards_end_in_a_declared_error_or_a_receipt() -> None:
    for answers in noise("envelopes", 60):
        _envelope_ends(answers)
