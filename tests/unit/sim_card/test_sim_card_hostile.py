# SPDX-License-Identifier: Apache-2.0
"""Cards that mean harm, at the seam where APDUs leave: every operation ends in a result or a declared error, after a bounded number.

Plain random bytes with a fixed seed: a hundred times as many as a property test could draw in the same time.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Callable

import pytest

from hal.deadline import Deadline
from hal.errors import HalError
from hal.sim_card import keys, proactive, tlv
from hal.sim_card.cards import CARD_TYPES
from hal.sim_card.channel import FOLLOW_UPS, Transport
from hal.sim_card.errors import MalformedCardData
from hal.sim_card.personalise import CardAtWork
from hal.sim_card.profile import from_json
from hal.sim_card.status import Action, Sw
from tests.unit.sim_card.test_sim_card_work import PROFILE

SOON = Deadline.after(3600)
EXAMPLES = 20_000
LIKELY = bytes.fromhex("000102030405107F8081828384D0DF1F5FFF")
WANTED = from_json(PROFILE)
BLANK = "89860099000000000011"
KEY = bytes.fromhex(PROFILE["adm"])
COMMANDS = 120
"""More than any operation here sends to an honest card."""
ENDLESS = (0x6110, 0x61FF, 0x6100, 0x9F10, 0x62F1, 0x62F3, 0x6C00, 0x6C10, 0x6CFF, 0x9300, 0x910B, 0x91FF, 0x63C1, 0x63CF)


class Cycling:
    """A card that says the same few things over and over, whatever it is asked."""

    def __init__(self, answers: tuple[tuple[bytes, int], ...]) -> None:
        self._answers, self.sent = answers, Counter[int]()

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        answer = self._answers[self.sent.total() % len(self._answers)]
        self.sent[command[1]] += 1
        assert self.sent.total() <= COMMANDS * FOLLOW_UPS, "no end in sight"
        return answer


OPERATIONS: dict[str, Callable[[Transport], object]] = {
    "identify": lambda card: CardAtWork(card, CARD_TYPES[0]).identify(SOON),
    "plan": lambda card: CardAtWork(card, CARD_TYPES[0]).plan(WANTED, SOON),
    "write": lambda card: CardAtWork(card, CARD_TYPES[0]).write(WANTED, BLANK, SOON),
    "read_back": lambda card: CardAtWork(card, CARD_TYPES[0]).read_back(WANTED, SOON),
    "authenticate": lambda card: CardAtWork(card, CARD_TYPES[0]).authenticate(bytes(16), bytes(16), SOON),
    "profile": lambda card: proactive.announce(card, SOON),
    "envelope": lambda card: proactive.send_packet(card, b"\xd1\x01\x00", SOON),
    "key": lambda card: keys.present(card, 0x0A, KEY, SOON, ordered=True),
}


def ends(name: str, answers: tuple[tuple[bytes, int], ...]) -> Cycling:
    """Run one operation against a card of these ``answers``; only declared errors may come out."""
    card = Cycling(answers)
    with contextlib.suppress(HalError):
        OPERATIONS[name](card)
    assert card.sent[0x20] <= 2, "a key was presented again"
    return card


def test_status_words_are_each_of_one_class_and_few_mean_success() -> None:
    actions = {word: Sw(word).action for word in range(0x10000)}
    done = {word for word, action in actions.items() if action is Action.DONE}
    assert done == {0x9000, *range(0x9100, 0x9200), *range(0x9200, 0x9210)}
    assert {word for word, action in actions.items() if action is Action.BLOCKED} == {0x6983, 0x9840}
    assert {word for word, action in actions.items() if action is Action.DEFECTIVE} == {0x6400, 0x6500, 0x6581, 0x9240}
    assert all(int(Sw(word)) == word and Sw(word).low == word & 0xFF for word in (0, 0x6A82, 0x9F7F, 0xFFFF))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_card_that_says_one_thing_for_ever_is_left_after_few_commands(operation: str) -> None:
    for first in range(0x100):
        for second in (0x00, 0x10, 0xFF):
            ends(operation, ((b"", first << 8 | second),))
    for word in ENDLESS:
        ends(operation, ((bytes(range(16)), word),))
        assert ends(operation, ((b"\xff" * 9, word), (b"\xff" * 10, 0x9000))).sent.total() <= COMMANDS * FOLLOW_UPS


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_card_that_goes_round_in_circles_is_left(operation: str) -> None:
    dice = random.Random(f"circles {operation}")  # noqa: S311  # a repeatable test, no secret
    for _ in range(EXAMPLES // 4):
        words = [dice.choice((*ENDLESS, 0x9000, 0x9000, dice.randrange(0x10000))) for _ in range(dice.randint(1, 6))]
        ends(operation, tuple((dice.randbytes(dice.choice((0, 0, 1, 9, 10, 24))), word) for word in words))


@pytest.mark.slow
def test_data_objects_of_any_bytes_are_parts_of_them_or_malformed() -> None:
    dice = random.Random("data objects")  # noqa: S311  # a repeatable test, no secret
    for _ in range(EXAMPLES):
        noise = dice.randbytes(dice.randint(0, 8)) + bytes(dice.choices(LIKELY, k=dice.randint(0, 60)))
        with contextlib.suppress(MalformedCardData):
            objects = list(tlv.objects(tlv.only(b"\xd0" + noise, 0xD0) if dice.random() < 0.2 else noise))
            assert sum(len(value) for _, value in objects) <= len(noise)
            assert all(value in noise for _, value in objects)
