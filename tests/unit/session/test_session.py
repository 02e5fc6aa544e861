# SPDX-License-Identifier: Apache-2.0
"""The session as a pure function: order, refusals, the permit, and one rule for every restart."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import effects as fx
from firmware.core import states
from firmware.core.events import (
    Acknowledged,
    CardRechecked,
    Erased,
    Event,
    Expired,
    ReadBack,
    ReceiptDone,
    Refused,
    ReportGivenUp,
    Restarted,
    UnknownEvent,
    Withdrawn,
    Written,
    decode,
    encode,
)
from firmware.core.mode import Mode
from firmware.core.session import CARD_ANSWERS, Transition, UnexpectedEvent, fold, step
from tests.unit.session.session_world import (
    ADVICE,
    ANSWERS,
    APPROVAL,
    APPROVED,
    BOOT,
    CARD,
    DATA,
    HAPPY,
    NONCE,
    OPAQUE,
    OPENED,
    OTHER_BOOT,
    OTHER_CARD,
    PROVEN,
    RECORD,
    RESTARTED,
    follow_ups,
    happy,
)
from tests.unit.session.test_session_plans import PLAN_RULES


def at(state: type[states.State], mode: Mode = Mode.FIELDS) -> tuple[Event, ...]:
    """Return the shortest good history of ``mode`` that ends in ``state``."""
    history = happy(mode)
    for length in range(len(history) + 1):
        if isinstance(fold(history[:length]).state, state):
            return history[:length]
    raise LookupError(state)


@pytest.mark.parametrize("mode", Mode)
def test_happy_path_ends_active_and_closes(mode: Mode) -> None:
    last = fold(happy(mode))
    assert last.state == states.Closed("ACTIVE")
    assert last.close
    assert last.erase
    assert last.effect is None


@pytest.mark.parametrize("mode", Mode)
def test_happy_path_asks_for_each_effect_once_and_in_order(mode: Mode) -> None:
    effects = [type(fold(happy(mode)[:n]).effect).__name__ for n in range(1, len(HAPPY))]
    assert effects == [
        *["Perform"] * 7, "SignRecord", "Submit", "RecheckCard", "WriteCard", "VerifyCard", "Report", "PrintReceipt", "Erase",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
def test_write_permit_is_spent_in_the_very_transition_that_starts_the_write(mode: Mode) -> None:
    transition = fold(at(states.Writing, mode))
    assert isinstance(transition.effect, fx.WriteCard)
    assert transition.spend is transition.effect.permit
    permit = transition.effect.permit
    assert (permit.approval, permit.nonce, permit.record, permit.card) == (APPROVAL, NONCE, RECORD, CARD)
    assert (permit.mode, permit.issue_data) == (mode, DATA)


def test_permit_cannot_be_built_by_hand() -> None:
    with pytest.raises(TypeError):
        fx.Permit(object(), approval=APPROVAL, nonce=NONCE, record=RECORD, card=CARD, mode=Mode.FIELDS, issue_data=DATA)


@pytest.mark.clause("DS-21", "TB-13")
@pytest.mark.parametrize(
    "wrong",
    [
        {"record": b"\x99" * 32},
        {"nonce": b"\x99" * 16},
        {"terminal": "RNT-000002"},
        {"card": OTHER_CARD},
        {"boot_id": OTHER_BOOT},
    ],
)
def test_approval_bound_to_something_else_is_r707_and_never_writes(wrong: dict[str, object]) -> None:
    transition = step(fold(at(states.Submitting)).state, replace(APPROVED, **wrong))  # type: ignore[arg-type]  # one field at a time
    assert transition.state == states.Slipping("R707", states.Advice("cancelled", RECORD, b""))


def test_card_swapped_between_approval_and_write_is_r707() -> None:
    transition = step(fold(at(states.Rechecking)).state, CardRechecked(BOOT, 6000, OTHER_CARD))
    assert isinstance(transition.state, states.Slipping)
    assert transition.state.outcome == "R707"
    assert transition.spend is None


@pytest.mark.parametrize("late", [CardRechecked(BOOT, 60_001, CARD), CardRechecked(OTHER_BOOT, 10, CARD)])
def test_approval_too_old_or_from_before_a_reboot_is_r705(late: CardRechecked) -> None:
    transition = step(fold(at(states.Rechecking)).state, late)
    assert isinstance(transition.state, states.Slipping)
    assert transition.state.outcome == "R705"


@pytest.mark.parametrize("name", ["Capturing", "Signing"])
def test_refusal_before_submission_needs_no_advice(name: str) -> None:
    transition = step(fold(at(getattr(states, name))).state, Refused(1, "R105"))
    assert transition == Transition(states.Slipping("R105", None), fx.PrintSlip("R105"))
    erasing = step(transition.state, ReceiptDone(False))
    assert erasing == Transition(states.Erasing("R105", None), fx.Erase())
    assert step(erasing.state, Erased(2)) == Transition(states.Closed("R105"), erase=True, close=True)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("touched", "status"), [(True, "voided"), (False, "cancelled")])
def test_failure_while_writing_is_advised_after_erasing(mode: Mode, touched: bool, status: str) -> None:  # noqa: FBT001  # the parameter under test
    erasing = step(step(fold(at(states.Writing, mode)).state, Refused(1, "R708", touched)).state, ReceiptDone(True))
    advising = step(erasing.state, Erased(2))
    assert advising.erase
    assert not advising.close
    assert isinstance(advising.effect, fx.Report)
    assert advising.effect.advice.status == status
    assert step(advising.state, Acknowledged("released", b"")) == Transition(states.Closed("R708"), close=True)


def test_read_back_mismatch_is_r709_and_voids_the_card() -> None:
    transition = step(fold(at(states.Verifying)).state, ReadBack(False, ""))
    assert transition.state == states.Slipping("R709", states.Advice("voided", RECORD, APPROVAL))


@pytest.mark.parametrize("mode", Mode)
def test_unreported_good_card_ends_r710_and_is_still_reported(mode: Mode) -> None:
    transition = step(fold(at(states.Reporting, mode)).state, ReportGivenUp())
    assert isinstance(transition.state, states.Slipping)
    assert transition.state.outcome == "R710"
    assert transition.state.advice is not None
    assert transition.state.advice.status == ADVICE[mode]
    erased = step(step(transition.state, ReceiptDone(True)).state, Erased(2))
    assert erased.keep == ((CARD_ANSWERS,) if mode in OPAQUE else ())
    assert step(erased.state, Acknowledged("active", b"")) == Transition(states.Closed("R710"), close=True)


@pytest.mark.clause("JX-33")
@pytest.mark.parametrize("printed", [True, False])
def test_refusal_prints_one_slip_after_its_code_and_before_anything_is_erased(printed: bool) -> None:  # noqa: FBT001  # the parameter under test
    refused = step(fold(at(states.Signing)).state, Refused(1, "R803"))
    assert refused == Transition(states.Slipping("R803", None), fx.PrintSlip("R803"))
    assert step(refused.state, ReceiptDone(printed)) == Transition(states.Erasing("R803", None), fx.Erase())
    for event in (Refused(1, "R101"), ReceiptDone(printed)):
        with pytest.raises(UnexpectedEvent):
            step(states.Erasing("R803", None), event)
    with pytest.raises(UnexpectedEvent):
        step(refused.state, Refused(1, "R101"))


# ---- what the card itself says


@pytest.mark.parametrize("mode", OPAQUE)
def test_what_the_card_answered_is_reported_with_what_it_proved_later(mode: Mode) -> None:
    verifying = fold(at(states.Verifying, mode)).state
    for said, expected in ((b"", ANSWERS), (PROVEN, PROVEN)):
        transition = step(verifying, ReadBack(True, "8986", 3, said))
        assert isinstance(transition.effect, fx.Report)
        assert transition.effect.advice == states.Advice("answered", RECORD, APPROVAL, DATA, "8986", expected)


def test_key_proven_in_fields_is_reported_as_written() -> None:
    transition = step(fold(at(states.Verifying)).state, ReadBack(True, "8986", 3, PROVEN))
    assert isinstance(transition.effect, fx.Report)
    assert transition.effect.advice == states.Advice("written", RECORD, APPROVAL, DATA, "8986", PROVEN)


@pytest.mark.parametrize("mode", OPAQUE)
def test_card_that_failed_after_some_answers_is_void_and_they_outlive_the_erasing(mode: Mode) -> None:
    slipping = step(fold(at(states.Writing, mode)).state, Refused(1, "R708", touched=True, answers=ANSWERS))
    assert slipping.state == states.Slipping("R708", states.Advice("voided", RECORD, APPROVAL, answers=ANSWERS))
    advising = step(step(slipping.state, ReceiptDone(True)).state, Erased(2))
    assert (advising.erase, advising.keep) == (True, (CARD_ANSWERS,))
    again = step(advising.state, RESTARTED)
    assert (again.effect, again.erase, again.keep) == (advising.effect, False, ())


def test_other_card_than_the_one_that_answered_is_void_with_its_answers() -> None:
    transition = step(fold(at(states.Verifying, Mode.SCRIPT)).state, ReadBack(False, "8986"))
    assert transition.state == states.Slipping("R709", states.Advice("voided", RECORD, APPROVAL, answers=ANSWERS))


@pytest.mark.parametrize("state", [states.Verifying, states.Recovering])
def test_nothing_after_the_write_gives_the_card_back_to_stock(state: type[states.State]) -> None:
    history = at(states.Verifying) if state is states.Verifying else (*at(states.Writing), RESTARTED)
    transition = step(fold(history).state, Refused(1, "R803", touched=False))
    assert transition.state == states.Slipping("R803", states.Advice("voided", RECORD, APPROVAL))


RULES: dict[type[states.State], tuple[type[states.State], str]] = {
    states.Capturing: (states.Slipping, "PrintSlip"),
    states.Signing: (states.Slipping, "PrintSlip"),
    states.Submitting: (states.Submitting, "Submit"),
    states.Rechecking: (states.Rechecking, "RecheckCard"),
    states.Writing: (states.Recovering, "VerifyCard"),
    states.Verifying: (states.Recovering, "VerifyCard"),
    states.Recovering: (states.Recovering, "VerifyCard"),
    states.Reporting: (states.Reporting, "Report"),
    states.Receipting: (states.Erasing, "Erase"),
    states.Slipping: (states.Erasing, "Erase"),
    states.Erasing: (states.Erasing, "Erase"),
    states.Advising: (states.Advising, "Report"),
}


def history_to(state: type[states.State]) -> tuple[Event, ...]:
    if state in PLAN_RULES:
        return PLAN_RULES[state][0]
    if state is states.Recovering:
        return (*at(states.Writing), RESTARTED)
    if state is states.Advising:
        return (*at(states.Verifying), ReadBack(False, ""), ReceiptDone(True), Erased(1))
    if state is states.Slipping:
        return (*at(states.Verifying), ReadBack(False, ""))
    return at(state)


@pytest.mark.parametrize("state", RULES)
def test_restart_follows_the_one_rule_of_the_state(state: type[states.State]) -> None:
    transition = step(fold(history_to(state)).state, RESTARTED)
    assert (type(transition.state), type(transition.effect).__name__) == RULES[state]
    assert transition.spend is None


@pytest.mark.parametrize("mode", OPAQUE)
def test_restart_in_a_script_or_relay_voids_the_card_and_asks_it_nothing(mode: Mode) -> None:
    transition = step(fold(at(states.Writing, mode)).state, RESTARTED)
    assert transition == Transition(states.Slipping("R711", states.Advice("voided", RECORD, APPROVAL)), fx.PrintSlip("R711"))


@pytest.mark.parametrize("mode", OPAQUE)
def test_restart_after_the_answers_are_durable_looks_for_the_card_and_reports_the_same(mode: Mode) -> None:
    recovering = step(fold(at(states.Verifying, mode)).state, RESTARTED)
    assert recovering.effect == fx.VerifyCard(mode, recovering=True)
    twice = step(recovering.state, RESTARTED)
    assert twice == recovering
    reporting = step(twice.state, ReadBack(True, "8986"))
    assert isinstance(reporting.effect, fx.Report)
    assert (reporting.effect.advice.status, reporting.effect.advice.answers) == ("answered", ANSWERS)
    gone = step(twice.state, ReadBack(False, ""))
    assert gone.state == states.Slipping("R711", states.Advice("voided", RECORD, APPROVAL, answers=ANSWERS))


def test_every_state_has_a_restart_rule_under_test() -> None:
    assert RULES.keys() | PLAN_RULES.keys() == set(get_args(states.State)) - {states.New, states.Closed}


@pytest.mark.parametrize(("equal", "outcome"), [(True, None), (False, "R711")])
def test_cut_in_the_write_is_decided_by_the_card(equal: bool, outcome: str | None) -> None:  # noqa: FBT001  # the parameter under test
    state = step(fold((*at(states.Writing), RESTARTED)).state, ReadBack(equal, "8986")).state
    if outcome is None:
        assert isinstance(state, states.Reporting)
    else:
        assert state == states.Slipping(outcome, states.Advice("voided", RECORD, APPROVAL))


# ---- erased at once: the hard limit, and two members of staff

CANCELLED = states.Advice("cancelled", RECORD, b"")
VOIDED = states.Advice("voided", RECORD, APPROVAL)
CUT_SHORT: dict[type[states.State], tuple[str | None, states.Advice | None]] = {
    states.Capturing: (None, None),
    states.Signing: (None, None),
    states.Submitting: (None, CANCELLED),
    states.Holding: (None, CANCELLED),
    states.Storing: (None, CANCELLED),
    states.Kept: (None, CANCELLED),
    states.Concluding: ("R710", states.Advice("accepted", RECORD, APPROVAL)),
    states.Rechecking: (None, replace(CANCELLED, approval=APPROVAL)),
    states.Writing: ("R711", VOIDED),
    states.Verifying: ("R711", VOIDED),
    states.Recovering: ("R711", VOIDED),
    states.Reporting: ("R710", states.Advice("written", RECORD, APPROVAL, DATA, "89860012345678901234")),
    states.Receipting: ("ACTIVE", None),
    states.Slipping: ("R709", VOIDED),
    states.Erasing: ("ACTIVE", None),
}
"""State → outcome (``None``: the event's own) and what the operator is still told."""


@pytest.mark.parametrize(("event", "own"), [(Expired(2), "R511"), (Withdrawn(2, b"\6" * 16), "R207")], ids=["expired", "withdrawn"])
@pytest.mark.parametrize("state", CUT_SHORT)
def test_erasing_at_once_ends_every_state_with_its_code_and_tells_the_operator(state: type[states.State], event: Event, own: str) -> None:
    outcome, advice = CUT_SHORT[state]
    transition = step(fold(history_to(state)).state, event)
    assert transition.erase
    assert transition.spend is None
    if advice is None:
        assert transition == Transition(states.Closed(outcome or own), erase=True, close=True)
    else:
        assert transition.state == states.Advising(outcome or own, advice)
        assert transition.effect == fx.Report(advice, outcome or own, patient=True)
        assert step(transition.state, RESTARTED).effect == transition.effect


@pytest.mark.parametrize("mode", OPAQUE)
def test_erasing_at_once_keeps_what_the_card_answered_until_it_is_reported(mode: Mode) -> None:
    for state, status in ((states.Verifying, "voided"), (states.Reporting, "answered")):
        transition = step(fold(at(state, mode)).state, Expired(2))
        assert transition.keep == (CARD_ANSWERS,)
        assert isinstance(transition.effect, fx.Report)
        assert (transition.effect.advice.status, transition.effect.advice.answers) == (status, ANSWERS)


def test_every_state_that_may_hold_data_has_an_end_at_once_under_test() -> None:
    assert set(CUT_SHORT) == set(get_args(states.State)) - {states.New, states.Advising, states.Closed}


def test_two_members_of_staff_may_close_what_the_operator_never_acknowledges() -> None:
    advising = fold(history_to(states.Advising)).state
    assert step(advising, Withdrawn(3, b"\6" * 16)) == Transition(states.Closed("R709"), close=True)
    with pytest.raises(UnexpectedEvent):
        step(advising, Expired(3))


@pytest.mark.parametrize("event", [Expired(1), Withdrawn(1, b"\6" * 16)])
@pytest.mark.parametrize("state", [states.New(), states.Closed("ACTIVE")])
def test_nothing_is_erased_before_the_beginning_or_after_the_end(state: states.State, event: Event) -> None:
    with pytest.raises(UnexpectedEvent):
        step(state, event)


@pytest.mark.slow
@pytest.mark.clause("TB-13")
@settings(max_examples=2000, deadline=None)
@given(st.data())
def test_any_walk_with_restarts_closes_once_writes_at_most_once_and_erases_before_the_end(data: st.DataObject) -> None:
    events: list[Event] = [OPENED]
    transition = fold(tuple(events))
    writes = erases = restarts = 0
    for _ in range(40):
        if transition.close:
            break
        choices = list(follow_ups(transition.state))
        if restarts < 2:
            choices.append(RESTARTED)
        choices += [Withdrawn(1, APPROVAL)] if isinstance(transition.state, states.Advising) else [Expired(1), Withdrawn(1, APPROVAL)]
        event = data.draw(st.sampled_from(choices))
        restarts += isinstance(event, Restarted)
        before = transition
        transition = step(transition.state, event)
        events.append(event)
        writes += isinstance(transition.effect, fx.WriteCard)
        erases += transition.erase
        assert (transition.spend is not None) == isinstance(transition.effect, fx.WriteCard)
        if isinstance(transition.effect, fx.Report) and transition.effect.advice.status == "cancelled":
            assert not transition.effect.advice.answers
        if isinstance(event, Refused):
            assert not isinstance(transition.effect, fx.WriteCard)
        assert before.close is False
    assert transition.close
    assert writes <= 1
    assert erases >= 1
    assert isinstance(transition.state, states.Closed)
    if transition.state.outcome == "ACTIVE":
        assert writes == 1
        assert any(isinstance(event, ReadBack) and event.equal for event in events)
    assert fold(tuple(decode(*encode(event)) for event in events)).state == transition.state


def test_event_out_of_place_is_refused_loudly() -> None:
    misplaced: tuple[Event, ...] = (APPROVED, Written(1), CardRechecked(BOOT, 1, CARD))
    ends: tuple[states.State, ...] = (states.New(), states.Closed("ACTIVE"))
    for event, state in itertools.product(misplaced, ends):
        with pytest.raises(UnexpectedEvent):
            step(state, event)


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from([encode(event) for event in HAPPY]), st.data())
def test_damaged_row_is_an_unknown_event_or_a_valid_one(row: tuple[str, bytes], data: st.DataObject) -> None:
    name, payload = row
    position = data.draw(st.integers(0, len(payload) * 8 - 1))
    flipped = bytearray(payload)
    flipped[position // 8] ^= 1 << position % 8
    for damaged in (bytes(flipped), payload[: position // 8], payload + b"\0"):
        try:
            event = decode(name, damaged)
        except UnknownEvent:
            continue
        assert encode(event) == (name, damaged)
