# SPDX-License-Identifier: Apache-2.0
"""Relay, planner, profile and the rules of writing, against scripted and hostile cards."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.deadline import Deadline
from hal.errors import HalError, ProtocolError
from hal.sim_card import commands, planner
from hal.sim_card.cards import CARD_TYPES
from hal.sim_card.channel import exchange
from hal.sim_card.codecs.table import CODECS
from hal.sim_card.layout import Target, targets
from hal.sim_card.personalise import CardAtWork
from hal.sim_card.profile import Profile, from_json
from hal.sim_card.status import Action, Sw
from tests.support.noise import noise

MANY = settings(max_examples=2000, deadline=None)
SOON = Deadline.after(3600)
PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10, "adm": "A1B2C3D4E5F60718",
}  # fmt: skip
LENGTHS = {"HPLMNwAcT": 50, "EHPLMN": 30, "FPLMN": 36, "SMSP": 53, "ICCID": 10, "IMSI": 9, "AD": 4, "ACC": 2, "SPN": 17, "LOCI": 11}


WORDS = (0x9000, 0x6C09, 0x6C32, 0x610A, 0x6A82, 0x63C3, 0x63C1, 0x6982, 0x6581, 0x9110, 0x62F1, 0x9300, 0x6983)


class Scripted:
    """A card that answers what it is told to, and keeps what it was sent."""

    def __init__(self, answers: Iterable[tuple[bytes, int]]) -> None:
        self._answers = iter(answers)
        self.sent: list[bytes] = []

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.sent.append(command)
        return next(self._answers, (b"", 0x6F00))


class Behaving:
    """A card that answers by the command, through ``answer``."""

    def __init__(self, answer: Callable[[bytes], tuple[bytes, int]]) -> None:
        self._answer = answer
        self.sent: list[bytes] = []

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.sent.append(command)
        return self._answer(command)


def test_exchange_fetches_a_response_in_pieces_and_in_the_commands_class() -> None:
    card = Scripted([(b"", 0x6102), (b"ab", 0x6101), (b"c", 0x9108)])
    answer = exchange(card, bytes.fromhex("80F2000000"), SOON)
    assert (answer.data, answer.sw, answer.sw.action) == (b"abc", 0x9108, Action.DONE)
    assert [sent.hex() for sent in card.sent[1:]] == ["80c0000002", "80c0000001"]


def test_exchange_corrects_a_length_once_and_asks_a_busy_card_three_times() -> None:
    card = Scripted([(b"", 0x6C02), (b"ab", 0x9000)])
    assert exchange(card, commands.read_binary(2, 10), SOON).data == b"ab"
    assert card.sent[1] == commands.read_binary(2, 2)
    busy = Scripted([(b"", 0x9300)] * 9)
    assert exchange(busy, commands.read_binary(2, 10), SOON).sw == 0x9300
    assert len(busy.sent) == 4


def test_exchange_with_a_card_that_always_has_more_ends_in_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        exchange(Scripted([(b"x", 0x6110)] * 99), commands.read_binary(2, 10), SOON)


def _ends(answers: bytes, command: bytes) -> None:
    card = Scripted((answers[i : i + answers[i] % 9], WORDS[answers[i] % len(WORDS)] ^ (answers[i - 1] >> 6)) for i in range(len(answers)))
    with contextlib.suppress(ProtocolError):
        exchange(card, command, SOON)
    assert len(card.sent) <= 16


@MANY
@given(st.binary(max_size=80), st.binary(min_size=4, max_size=8))
def test_exchange_with_any_answers_ends(answers: bytes, command: bytes) -> None:
    _ends(answers, command)


@pytest.mark.slow
def test_exchange_with_20000_noises_for_answers_ends() -> None:
    for answers, command in zip(noise("answers", 80), noise("commands", 8, 4), strict=True):
        _ends(answers, command)


@given(st.integers(0, 0xFFFF))
def test_status_word_of_any_value_is_kept_and_has_an_action(value: int) -> None:
    assert Sw(value) == value
    assert isinstance(Sw(value).action, Action)


@pytest.mark.slow
@MANY
@given(st.binary(min_size=40, max_size=40), st.integers(0, 0xFFFF))
def test_writing_to_a_hostile_card_keeps_the_rules(drawn_answers: bytes, odd: int) -> None:
    """Whatever the card answers: a declared error or a result, the key sent once at most, no update before it was accepted."""
    accepted: list[bool] = []

    def answer(command: bytes) -> tuple[bytes, int]:
        if command[1] in (0xD6, 0xDC):
            assert accepted, "an update without an accepted key"
        if command == commands.read_binary(2, 10):
            return bytes.fromhex("98680099000000000011"), 0x9000
        if command == commands.read_binary(7, 9):
            return b"\xff" * 9, 0x9000
        drawn = drawn_answers[len(card.sent) % 40]
        word = odd if drawn < 8 else (*WORDS, 0x9000, 0x9000)[drawn % (len(WORDS) + 2)]
        if command[1] == 0x20 and Sw(word).action is Action.DONE:
            accepted.append(True)
        return drawn_answers[: drawn % 41] if drawn % 2 else bytes.fromhex("62198205422100350283026F428A01058B032F06038002006A8800"), word

    card = Behaving(answer)
    told = _error_of(lambda: CardAtWork(card, CARD_TYPES[0]).write(from_json(PROFILE), "89860099000000000011", SOON))
    assert PROFILE["adm"] not in repr((told, told and told.data))
    assert PROFILE["imsi"] not in repr((told, told and told.data))
    assert sum(len(sent) > 5 for sent in card.sent if sent[1] == 0x20) <= 1


values = st.none() | st.integers() | st.text(max_size=22) | st.lists(st.text("0123456789:AF", max_size=11), max_size=3)


@pytest.mark.slow
@MANY
@given(st.sampled_from(sorted(PROFILE)), values)
def test_profile_of_any_values_is_taken_or_refused_by_name(name: str, value: Any) -> None:
    changes = {name: value}
    refused = _error_of(lambda: from_json(PROFILE | changes))
    if refused:
        assert refused.data["item"] in PROFILE
        return
    profile = from_json(PROFILE | changes)
    assert not any(secret in repr(profile) for secret in ("imsi", "msisdn", "adm="))
    wanted = targets(CARD_TYPES[0], profile)
    unfit = _error_of(lambda: planner.write_plan(CARD_TYPES[0], wanted, LENGTHS, {}, planner.AFTER_RESET))
    assert unfit is None or unfit.data["item"] in {target.name for target in wanted}


def _error_of(action: Callable[[], object]) -> HalError | None:
    """Return the declared error ``action`` ends with; every other one goes through."""
    try:
        action()
    except HalError as error:
        return error
    return None


def _plan(current: dict[str, bytes]) -> planner.Plan:
    return planner.write_plan(CARD_TYPES[0], targets(CARD_TYPES[0], from_json(PROFILE)), LENGTHS, current, planner.AFTER_RESET)


def test_plan_is_minimal_and_writes_iccid_first_and_imsi_last() -> None:
    plan = _plan({})
    assert [plan.steps[0].name, plan.steps[-1].name] == ["ICCID", "IMSI"]
    sent = [command for step in plan.steps for command in step.sent]
    assert sum(command[1] in (0xD6, 0xDC) for command in sent) == len(plan.expected) == 10
    assert sum(command[1] == 0xA4 for command in sent) == 3  # application, SPN, SMSP


def test_plan_leaves_alone_what_is_right_already() -> None:
    everything = dict(_plan({}).expected)
    assert _plan(everything).steps == ()
    del everything["SPN"]
    assert [step.ef.name for step in _plan(everything).steps] == ["SPN"]
    longer = everything | {"AD": everything.get("AD", b"") + b"\x07"}
    assert "AD" in _plan(longer).skipped


def test_plan_of_a_long_file_takes_several_commands_in_the_current_file() -> None:
    ef = CODECS["HPLMNwAcT"].ef
    step = planner.update_step(Target(ef, bytes), bytes(600), planner.AFTER_RESET, CARD_TYPES[0])
    assert [(sent[2], sent[3], sent[4]) for sent in step.access] == [(0x80 | ef.sfi, 0, 255), (0, 255, 255), (1, 254, 90)]
    read = planner.read_step("HPLMNwAcT", ef, 600, planner.AFTER_RESET, CARD_TYPES[0])
    assert [(sent[2], sent[3], sent[4]) for sent in read.access] == [(0x80 | ef.sfi, 0, 0), (1, 0, 0), (2, 0, 88)]


def test_bound_matches_the_measured_layouts() -> None:
    assert (planner.apdu_bound(18, 5), planner.apdu_bound(18, 0), planner.apdu_bound(10, 2)) == (49, 39, 27)


def test_card_without_short_identifiers_is_addressed_by_select() -> None:
    selected = [0]
    files = {0x2FE2: bytes.fromhex("98680099000000000011"), 0x6F07: b"\xff" * 9}

    def answer(command: bytes) -> tuple[bytes, int]:
        if command[1] == 0xB0 and command[2] & 0x80:
            return b"", 0x6A82
        if command[1] == 0xA4 and command[4] == 2:
            selected[0] = int.from_bytes(command[5:7], "big")
        return (files.get(selected[0], b""), 0x9000) if command[1] == 0xB0 else (b"", 0x9000)

    identity = CardAtWork(Behaving(answer), CARD_TYPES[0]).identify(SOON)
    assert (identity.iccid, identity.imsi) == ("89860099000000000011", "")


def test_profile_values_of_the_right_form_are_taken_whole() -> None:
    profile = from_json(PROFILE)
    assert isinstance(profile, Profile)
    assert (profile.home, profile.adm_ref, profile.iccid) == ("46000", 10, PROFILE["iccid"])
