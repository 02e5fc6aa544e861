# SPDX-License-Identifier: Apache-2.0
"""Scripts, relays and unlocking against scripted and hostile cards: what is sent, what is refused, what an end means."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.deadline import Deadline
from hal.errors import HalError, ProtocolError
from hal.sim_card import scripts, unlock
from hal.sim_card.channel import FOLLOW_UPS
from hal.sim_card.errors import (
    CardChanged,
    CardDefective,
    KeyBlocked,
    KeyWrong,
    MalformedCardData,
    PacketRefused,
    ProfileUnfit,
    ScriptUnfit,
    UnknownCard,
    WriteFailed,
)
from hal.sim_card.profile import from_json

SOON = Deadline.after(3600)
OK = [[0x9000, 0xFFFF]]
ENVELOPE = "80C2000003D10100"
MORE_TIME = bytes.fromhex("D009810301020082028182")


class Scripted:
    """A card that answers what it is told to, in order, and 9000 when that is used up."""

    def __init__(self, *answers: tuple[bytes, int]) -> None:
        self._answers = iter(answers)
        self.sent: list[str] = []

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        deadline.check()
        self.sent.append(command.hex().upper())
        return next(self._answers, (b"", 0x9000))


def step(apdu: str, accepted: Any = OK, *, keep: bool = False) -> dict[str, Any]:
    return {"apdu": apdu, "accepted": accepted, "keep": keep}


def run(card: Scripted, *told: dict[str, Any]) -> scripts.Carried:
    return scripts.run(card, scripts.steps(list(told)), SOON)


BAD: list[Any] = [
    [],
    {},
    [{}],
    [step("00A4")],
    [step("00A400000")],
    [step("00D6000003AABB")],
    [step("00D60000000102")],
    [step("00" * 262)],
    [step("zz" * 5)],
    [step("00A40000", [])],
    [step("00A40000", [[0x9000]])],
    [step("00A40000", [[0x9000, True]])],
    [step("00A40000", [[0x10000, 0xFFFF]])],
    [step("00A40000") | {"keep": 1}],
    [step("00A40000") | {"secret": True}],
    [step("00A40000")] * 65,
    "00A40000",
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_script_of_another_form_is_refused_whole(bad: Any) -> None:
    with pytest.raises(ScriptUnfit):
        scripts.steps(bad)


def test_script_follows_what_waits_and_settles_what_the_card_asks() -> None:
    card = Scripted((b"", 0x910B), (MORE_TIME, 0x9000), (b"", 0x9000), (b"", 0x6102), (b"ab", 0x910B), (MORE_TIME, 0x9000))
    done = run(card, step(ENVELOPE, keep=True), step("00A4000C023F00"))
    assert (done.answers, done.fetched) == ([[0, 0x910B, b"ab".hex()]], 2)
    assert [sent[:4] for sent in card.sent] == ["8010", "8012", "8014", "80C2", "80C0", "8012", "8014", "00A4"]
    assert "6162" not in repr(done)


def test_script_announces_once_and_in_the_class_of_its_envelope() -> None:
    card = Scripted()
    run(card, step("A0C2000003D10100"), step("A0C2000003D10100"))
    assert [sent[:4] for sent in card.sent] == ["A010", "A0C2", "A0C2"]
    card = Scripted()
    run(card, step("801000000103"), step(ENVELOPE))
    assert [sent[:4] for sent in card.sent] == ["8010", "80C2"]


@pytest.mark.parametrize(("accepted", "good"), [([[0x9000, 0xFFFF]], True), ([[0x9100, 0xFF00]], True), ([[0x6283, 0xFFFF]], False)])
def test_script_step_that_leaves_the_card_asking_counts_as_done(accepted: list[list[int]], good: bool) -> None:  # noqa: FBT001  # a test's parameter
    card = Scripted((b"", 0x910B), (MORE_TIME, 0x9000))
    with contextlib.nullcontext() if good else pytest.raises(WriteFailed):
        run(card, step("00D60000011F", accepted))


READ, UPDATE = "00B0000009", "00D60000011F"


@pytest.mark.parametrize(
    ("before", "last", "sw", "error"),
    [
        ([], READ, 0x6A82, UnknownCard),
        ([], UPDATE, 0x6982, UnknownCard),
        ([READ], UPDATE, 0x6700, UnknownCard),
        ([UPDATE], READ, 0x6A82, WriteFailed),
        (["0020000A08" + "FF" * 8], UPDATE, 0x6982, WriteFailed),
        (["04A4000C023F00"], READ, 0x6A82, WriteFailed),
        ([], UPDATE, 0x6F00, WriteFailed),
        ([], UPDATE, 0x6200, WriteFailed),
        ([], UPDATE, 0x63C2, WriteFailed),
        ([], ENVELOPE, 0x6200, PacketRefused),
        ([READ], ENVELOPE, 0x6D00, PacketRefused),
        ([ENVELOPE], ENVELOPE, 0x6200, WriteFailed),
        ([], ENVELOPE, 0x6A82, WriteFailed),
        ([], ENVELOPE, 0x6F00, WriteFailed),
        ([], UPDATE, 0x6581, CardDefective),
        ([UPDATE], ENVELOPE, 0x9240, CardDefective),
    ],
)
def test_script_end_means_nothing_written_only_where_that_is_certain(before: list[str], last: str, sw: int, error: type[HalError]) -> None:
    card = Scripted(*[(b"", 0x9000)] * (len(before) + (ENVELOPE in [*before, last])), (b"", sw))
    with pytest.raises(error) as ended:
        run(card, *(step(apdu, keep=True) for apdu in [*before, last]))
    assert ended.value.data["sw"] == sw
    if error in (WriteFailed, CardDefective):
        assert (ended.value.data["step"], len(ended.value.data["answers"])) == (len(before), len(before) + 1)  # type: ignore[arg-type]  # a list there
        assert "answers" not in str(ended.value)


def test_script_whose_card_never_ends_its_answer_is_left() -> None:
    card = Scripted(*[(bytes(256), 0x6100)] * 99)
    with pytest.raises(ProtocolError):
        run(card, step(READ, keep=True))
    assert len(card.sent) == FOLLOW_UPS


def test_script_whose_answers_are_too_long_together_is_left() -> None:
    long = [*[(bytes(256), 0x6100)] * (FOLLOW_UPS - 1), (bytes(256), 0x9000)]
    card = Scripted(*long * 6)
    with pytest.raises(ProtocolError):
        run(card, *[step(READ, keep=True)] * 6)
    assert len(card.sent) == 5 * FOLLOW_UPS
    with pytest.raises(ProtocolError):
        scripts.relay(Scripted(*[(bytes(256), 0x9000)] * 99), (bytes.fromhex("0CB0000000"),) * 70, SOON)


def test_script_answer_in_several_pieces_is_given_back_byte_for_byte() -> None:
    told = bytes(range(256)) + bytes(range(79))
    card = Scripted((b"", 0x9000), (b"", 0x61FF), (told[:255], 0x6150), (told[255:], 0x910B), (MORE_TIME, 0x9000), (b"", 0x9000))
    done = run(card, step(ENVELOPE, keep=True))
    assert done.answers == [[0, 0x6100, told[:256].hex()], [0, 0x910B, told[256:].hex()]]
    assert card.sent[2:4] == ["80C00000FF", "80C0000050"]


def test_relay_whose_card_answers_more_than_a_command_can_have_is_left() -> None:
    with pytest.raises(ProtocolError):
        scripts.relay(Scripted((bytes(256), 0x6110), (bytes(16), 0x9000)), (bytes.fromhex("0CB0000000"),), SOON)


def test_script_whose_card_asks_for_ever_is_left() -> None:
    card = Scripted(*[(b"", 0x910B), (MORE_TIME, 0x9000)] * 99)
    with pytest.raises(ProtocolError):
        run(card, step(READ))
    assert len(card.sent) < 40


@pytest.mark.parametrize(
    "apdu", ["00A4040008A000000151000000", "80F2000C00", "8050300008" + "00" * 8, "8482330010" + "00" * 16, "00C0000010"]
)
def test_relay_carries_what_leads_to_a_channel(apdu: str) -> None:
    assert scripts.relayed([apdu, "84D8000008" + "00" * 8, "04D6000008" + "00" * 8, "0CD6000008" + "00" * 8]) != ()


@pytest.mark.parametrize("cla", [0x00, 0x80, 0xA0, 0x01, 0x83, 0x10, 0x14, 0x44, 0xC4, 0x94, 0xE4, 0xFF])
def test_relay_of_an_update_in_any_class_without_secure_messaging_is_refused(cla: int) -> None:
    with pytest.raises(ScriptUnfit) as refused:
        scripts.relayed(["80F2000C00", bytes([cla]).hex() + UPDATE[2:]])
    assert refused.value.data == {"position": 1}


def test_relay_ends_its_round_at_the_first_failure() -> None:
    card = Scripted((b"a", 0x9000), (b"", 0x6982))
    assert scripts.relay(card, (bytes.fromhex("04B0000008") + bytes(8),) * 3, SOON) == ["619000", "6982"]
    assert len(card.sent) == 2


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.lists(st.text("0123456789abcdefABCDEFxyz", max_size=30) | st.binary(max_size=300).map(bytes.hex) | st.none(), max_size=5))
def test_relay_of_any_texts_is_refused_or_within_the_guard(told: list[Any]) -> None:
    with contextlib.suppress(ScriptUnfit):
        assert all(scripts.may_be_relayed(command) for command in scripts.relayed(told))


ANY_STEP = st.builds(
    step,
    st.sampled_from([ENVELOPE, READ, UPDATE, "00A4000C023F00", "0084000008"]),
    st.sampled_from([OK, [[0x9000, 0xF000]], [[0x6100, 0xFF00], [0x9000, 0xFF00]]]),
    keep=st.booleans(),
)
ANSWER = st.tuples(
    st.sampled_from([b"", MORE_TIME, bytes(256)]) | st.binary(max_size=40),
    st.sampled_from([0x9000, 0x910B, 0x6100, 0x61FF, 0x6C00, 0x6C10, 0x62F1, 0x9F20, 0x9300, 0x6200, 0x6581]) | st.integers(0, 0xFFFF),
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.lists(ANY_STEP, min_size=1, max_size=6), st.lists(ANSWER, max_size=60))
def test_script_to_any_card_ends_with_answers_or_a_declared_error(told: list[dict[str, Any]], answers: list[tuple[bytes, int]]) -> None:
    card = Scripted(*answers)
    with contextlib.suppress(HalError):
        done = run(card, *told)
        assert len({position for position, _, _ in done.answers}) == sum(one["keep"] for one in told)
        assert all(len(str(data)) <= 512 for _, _, data in done.answers)
    assert len(card.sent) <= len(told) * FOLLOW_UPS * (2 * FOLLOW_UPS + 3)


# ---- unlocking


@pytest.mark.parametrize("sw", [0x6D00, 0x6985, 0x6A86])
def test_challenge_not_given_is_an_unknown_card(sw: int) -> None:
    with pytest.raises(UnknownCard):
        unlock.challenge(Scripted((b"", sw)), SOON)


def test_challenge_of_another_length_is_malformed() -> None:
    with pytest.raises(MalformedCardData):
        unlock.challenge(Scripted((bytes(7), 0x9000)), SOON)


@pytest.mark.parametrize(
    ("sw", "error", "left"),
    [
        (0x63C2, KeyWrong, 2),
        (0x63C0, KeyBlocked, 0),
        (0x6983, KeyBlocked, 0),
        (0x6300, KeyWrong, None),
        (0x6982, KeyWrong, None),
    ],
)
def test_code_refused_is_told_and_never_sent_again(sw: int, error: type[HalError], left: int | None) -> None:
    card = Scripted((b"", sw))
    with pytest.raises(error) as refused:
        unlock.authenticate(card, 0x0A, b"\xc0\xde" * 4, SOON)
    assert (refused.value.data, len(card.sent)) == ({"left": left}, 1)
    assert "c0de" not in repr(refused.value).lower()


@pytest.mark.parametrize(("sw", "error"), [(0x6985, CardChanged), (0x6D00, UnknownCard), (0x6581, CardDefective)])
def test_code_that_meets_no_challenge_or_no_such_command_says_so(sw: int, error: type[HalError]) -> None:
    with pytest.raises(error):
        unlock.authenticate(Scripted((b"", sw)), 0x0A, bytes(8), SOON)


TRIES = [
    (0x63C2, False, False),
    (0x63C1, False, True),
    (0x63C1, True, False),
    (0x63C0, True, True),
    (0x6983, True, True),
    (0x6700, False, False),
]


@pytest.mark.parametrize(("sw", "ordered", "blocked"), TRIES)
def test_code_is_not_asked_for_at_the_last_try_but_by_order(sw: int, ordered: bool, blocked: bool) -> None:  # noqa: FBT001  # a test's parameters
    with pytest.raises(KeyBlocked) if blocked else contextlib.nullcontext():
        unlock.check_tries(Scripted((b"", sw)), 0x0A, SOON, ordered=ordered)


# ---- the profile of such a card

PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2,
}  # fmt: skip
KEY = {"adm_ref": 10, "adm": "A1B2C3D4E5F60718"}


@pytest.mark.parametrize(
    ("change", "item"),
    [
        ({}, "adm_ref"),
        ({"adm_ref": 10}, "adm"),
        (KEY | {"unlock_ref": 10}, "adm"),
        ({"adm_ref": 10, "unlock_ref": 10}, "adm"),
        ({"unlock_ref": 0}, "unlock_ref"),
        ({"unlock_ref": True}, "unlock_ref"),
        ({"unlock_ref": 10.0}, "unlock_ref"),
        (KEY | {"mnc_length": 2.0}, "mnc_length"),
        (KEY | {"mnc_length": True}, "mnc_length"),
        (KEY | {"mnc_length": "2"}, "mnc_length"),
        (KEY | {"mnc_length": 4}, "mnc_length"),
        (KEY | {"adm_ref": 10.0}, "adm_ref"),
        (KEY | {"hpplmn": 5.0}, "hpplmn"),
        (KEY | {"ust": [True]}, "ust"),
        (KEY | {"msisdn_on_card": 1}, "msisdn_on_card"),
    ],
)
def test_profile_item_of_another_type_is_named_and_refused(change: dict[str, Any], item: str) -> None:
    with pytest.raises(ProfileUnfit) as refused:
        from_json({**PROFILE, **change})
    assert refused.value.data == {"item": item}


def test_profile_of_a_card_opened_by_a_code_holds_no_key() -> None:
    assert (from_json({**PROFILE, "unlock_ref": 10}).adm, from_json({**PROFILE, **KEY}).unlock_ref) == (b"", None)
