# SPDX-License-Identifier: Apache-2.0
"""The session over every plan there is: what writes, what only asks, what waits; holds; and one rule for every restart."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import packs
from firmware.core import effects as fx
from firmware.core import states
from firmware.core.errors import PolicyRefused
from firmware.core.events import (
    Accepted,
    Acknowledged,
    Approved,
    CardIdentified,
    Erased,
    Event,
    Held,
    Opened,
    ReceiptDone,
    RecordSigned,
    Refused,
    ReportGivenUp,
    Restarted,
    StepDone,
    Stored,
    decode,
    encode,
)
from firmware.core.policy import Plan, resolve
from firmware.core.policy.plan import RECORDING, STORING, WRITING
from firmware.core.policy.vocabulary import DOCUMENTS, KINDS, MODIFIERS
from firmware.core.session import CAPSULE, Transition, UnexpectedEvent, fold, step
from tests.unit.session.session_world import APPROVAL, APPROVED, BOOT, CARD, NONCE, OPENED, RECORD, RESTARTED, follow_ups

ACCEPTED = Accepted(APPROVAL, RECORD, NONCE, OPENED.terminal)
HELD = Held(1_900_000_011, "H114", 1_900_000_600)
STORED = Stored(1_900_000_011, 1_900_080_000)
SIGNED = RecordSigned(1_900_000_010, BOOT, 5000, RECORD, NONCE, 1)
CANCELLED = states.Advice("cancelled", RECORD, b"")
ACCEPTED_ADVICE = states.Advice("accepted", RECORD, APPROVAL)
RECORDING_PLAN = ("notice", "document", "check", "portrait", "confirm")
STORING_PLAN = (*RECORDING_PLAN, "seal")


def captured(plan: tuple[str, ...]) -> tuple[Event, ...]:
    """Return a session of ``plan`` up to its signed record."""
    done = (CardIdentified(CARD) if name == "card" else StepDone(name, b"") for name in plan)
    return (replace(OPENED, plan=plan), *done, SIGNED)


RECORDED = (*captured(RECORDING_PLAN), ACCEPTED, Acknowledged("active", b"\7" * 32), ReceiptDone(True), Erased(1_900_000_020))
FORWARDED = (*captured(STORING_PLAN), STORED, ACCEPTED, Acknowledged("active", b"\7" * 32))


@functools.cache
def plans() -> tuple[Plan, ...]:
    """Return every plan the floor has, at an own hall and at the end of the channel."""
    found = []
    chosen = [frozenset(some) for size in range(len(MODIFIERS) + 1) for some in itertools.combinations(MODIFIERS, size)]
    for kind, document, modifiers, level in itertools.product(KINDS, DOCUMENTS, chosen, (1, 5)):
        try:
            found.append(resolve(kind, document, packs.floor(), modifiers=modifiers, level=level))
        except PolicyRefused:
            continue
    return tuple(found)


def test_session_that_only_records_asks_reports_and_never_writes() -> None:
    effects = [type(fold(RECORDED[:n]).effect).__name__ for n in range(1, len(RECORDED))]
    assert effects == [*["Perform"] * len(RECORDING_PLAN), "SignRecord", "Submit", "Report", "PrintReceipt", "Erase"]
    assert fold(RECORDED) == Transition(states.Closed("ACTIVE"), erase=True, close=True)
    accepted = fold((*captured(RECORDING_PLAN), ACCEPTED))
    assert accepted.spend == states.Word(APPROVAL, NONCE, RECORD)
    assert accepted.effect == fx.Report(ACCEPTED_ADVICE, "", patient=False)


def test_session_that_stores_closes_the_capsule_and_forwards_it_later() -> None:
    effects = [type(fold(FORWARDED[:n]).effect).__name__ for n in range(1, len(FORWARDED))]
    assert effects == [*["Perform"] * len(STORING_PLAN), "SignRecord", "Store", "Forward", "Report"]
    stored = fold(FORWARDED[:-2])
    assert (stored.erase, stored.keep, stored.effect) == (True, CAPSULE, fx.Forward(STORED.until))
    assert fold(FORWARDED[:-1]).spend == states.Word(APPROVAL, NONCE, RECORD)
    assert fold(FORWARDED) == Transition(states.Closed("ACTIVE"), close=True)


@pytest.mark.parametrize("wrong", [{"record": bytes(32)}, {"nonce": bytes(16)}, {"terminal": "RNT-000002"}])
def test_word_about_something_else_is_r707(wrong: dict[str, object]) -> None:
    word = replace(ACCEPTED, **wrong)  # type: ignore[arg-type]  # one field at a time
    at_counter = step(fold(captured(RECORDING_PLAN)).state, word)
    assert at_counter.state == states.Slipping("R707", CANCELLED)
    later = step(fold(FORWARDED[:-2]).state, word)
    assert (later.state, later.spend) == (states.Advising("R707", CANCELLED), None)


def test_word_of_one_form_about_a_record_of_the_other_is_r707_and_writes_nothing() -> None:
    for plan, word in ((("notice", "card"), ACCEPTED), (RECORDING_PLAN, APPROVED), (RECORDING_PLAN, replace(APPROVED, card=b""))):
        transition = step(fold(captured(plan)).state, word)
        assert (transition.state, transition.spend) == (states.Slipping("R707", CANCELLED), None)


@pytest.mark.clause("RC-10")
def test_capsule_takes_no_approval_to_write() -> None:
    for word in (APPROVED, replace(APPROVED, card=b"")):
        with pytest.raises(UnexpectedEvent):
            step(fold(FORWARDED[:-2]).state, word)


@pytest.mark.parametrize("plan", [RECORDING_PLAN, ("notice", "card")])
def test_hold_is_asked_about_until_there_is_a_decision_or_its_time_is_over(plan: tuple[str, ...]) -> None:
    holding = step(fold(captured(plan)).state, HELD)
    assert holding.effect == fx.PrintSlip("H114", HELD.until)
    holding = step(holding.state, ReceiptDone(True))
    assert holding.effect == fx.AskAgain("H114", HELD.until)
    assert step(holding.state, Refused(1, "R404")).state == states.Slipping("R404", CANCELLED)
    yes = step(holding.state, APPROVED if "card" in plan else ACCEPTED)
    assert isinstance(yes.state, states.Rechecking if "card" in plan else states.Concluding)


@pytest.mark.parametrize("plan", [RECORDING_PLAN, ("notice", "card")])
def test_slip_of_a_hold_is_printed_once_and_again_only_where_it_may_not_be_on_paper(plan: tuple[str, ...]) -> None:
    slip, over = fx.PrintSlip("H114", HELD.until), Refused(1, "H114")
    begun = step(fold(captured(plan)).state, HELD).state
    told, untold = (step(begun, ReceiptDone(printed)).state for printed in (True, False))
    assert step(begun, RESTARTED).effect == step(untold, RESTARTED).effect == slip
    assert step(told, RESTARTED).effect == fx.AskAgain("H114", HELD.until)
    assert step(told, over) == Transition(states.Erasing("H114", CANCELLED), fx.Erase())
    assert step(untold, over) == Transition(states.Slipping("H114", CANCELLED), fx.PrintSlip("H114"))


@pytest.mark.clause("RC-10")
def test_capsule_refused_or_too_old_is_reported_and_closed() -> None:
    refused = step(fold(FORWARDED[:-2]).state, Refused(1, "R801"))
    assert refused == Transition(states.Advising("R801", CANCELLED), fx.Report(CANCELLED, "R801", patient=True))
    assert step(refused.state, Acknowledged("released", b"")) == Transition(states.Closed("R801"), close=True)


def test_business_the_operator_cannot_carry_out_is_r710() -> None:
    concluding = fold((*captured(RECORDING_PLAN), ACCEPTED)).state
    assert step(concluding, Acknowledged("failed", b"")).state == states.Slipping("R710", None)
    assert step(concluding, ReportGivenUp()).state == states.Slipping("R710", ACCEPTED_ADVICE)


PLAN_RULES: dict[type[states.State], tuple[tuple[Event, ...], str]] = {
    states.Holding: ((*captured(RECORDING_PLAN), HELD, ReceiptDone(True)), "AskAgain"),
    states.Storing: (captured(STORING_PLAN), "Store"),
    states.Kept: ((*captured(STORING_PLAN), STORED), "Forward"),
    states.Concluding: ((*captured(RECORDING_PLAN), ACCEPTED), "Report"),
}
"""State only some plans have → the history that leads there, and what a restart does."""


@pytest.mark.parametrize("state", PLAN_RULES)
def test_restart_follows_the_one_rule_of_the_state(state: type[states.State]) -> None:
    history, effect = PLAN_RULES[state]
    before = fold(history)
    assert type(before.state) is state
    after = step(before.state, RESTARTED)
    assert (after.state, type(after.effect).__name__, after.spend, after.erase) == (before.state, effect, None, False)


def test_every_plan_is_followed_to_the_end_its_own_steps_name() -> None:
    """What follows the capture is in the plan twice, as words and as its steps: they never disagree."""
    assert len(plans()) > 300
    ends = {WRITING: "RecheckCard", RECORDING: "Report", STORING: "Forward"}
    for plan in plans():
        history = captured(tuple(plan.steps))
        for n, name in enumerate(plan.steps, 1):
            assert fold(history[:n]).effect == fx.Perform(name)
        word: Event = APPROVED if plan.closing == WRITING else STORED if plan.closing == STORING else ACCEPTED
        assert type(step(fold(history).state, word).effect).__name__ == ends[plan.closing]


def more(state: states.State) -> tuple[Event, ...]:
    """Return the events the world can answer the state's effect with, in plans of every form."""
    refused = (Refused(1, "R801"), Refused(1, "R803"))
    match state:
        case states.Submitting():
            return (*follow_ups(state), ACCEPTED, HELD)
        case states.Holding():
            return (ReceiptDone(True), APPROVED, ACCEPTED, ReceiptDone(False), *refused, Refused(1, "H114"))
        case states.Storing():
            return (STORED, *refused)
        case states.Kept():
            return (ACCEPTED, replace(ACCEPTED, nonce=bytes(16)), *refused)
        case states.Concluding():
            return (Acknowledged("active", b""), Acknowledged("failed", b""), ReportGivenUp())
        case _:
            return follow_ups(state)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_walk_of_any_plan_with_refusals_and_cuts_closes_and_writes_only_under_a_permit(data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(plans()))
    events: list[Event] = [replace(OPENED, kind=plan.transaction, plan=tuple(plan.steps))]
    transition = fold(tuple(events))
    writes = spends = 0
    for _ in range(80):
        if transition.close:
            break
        likely = more(transition.state)
        event = data.draw(st.sampled_from((*likely[:1] * 6, *likely, RESTARTED) if events.count(RESTARTED) < 2 else likely))
        transition = step(transition.state, event)
        events.append(event)
        writes += isinstance(transition.effect, fx.WriteCard)
        spends += transition.spend is not None
        assert not (isinstance(event, Refused | Restarted) and isinstance(transition.effect, fx.WriteCard))
    assert transition.close
    assert isinstance(transition.state, states.Closed)
    assert spends <= 1
    assert writes <= (plan.closing == WRITING)
    if transition.state.outcome == fx.ACTIVE:
        assert spends == 1
        assert any(isinstance(event, Approved if plan.closing == WRITING else Accepted) for event in events)
    assert fold(tuple(decode(*encode(event)) for event in events)).state == transition.state


def test_rows_of_the_new_events_are_what_they_were() -> None:
    for event in (ACCEPTED, HELD, STORED, Restarted(1, BOOT, 2), Opened(1, BOOT, 2, "RNT-000001", "T08", RECORDING_PLAN)):
        assert decode(*encode(event)) == event
