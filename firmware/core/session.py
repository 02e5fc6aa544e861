# SPDX-License-Identifier: Apache-2.0
"""The life of one activation, as a pure function of its events.

What it decides: what comes after what, what is refused, what a restart does, and what must be in the journal first.

Rules
1. ``step(state, event)`` gives the next state, the one effect to run next, and what the journal must do in the same transaction.
2. The card is written only under a :class:`~firmware.core.effects.Permit`; it is made here, from an ``Approved`` event that names this
   record, terminal, card and nonce, when the card read again is the same and the approval is fresh on this boot's clock.
3. The approval is spent in the transaction that starts the write.
4. Before the write a refusal leaves the card untouched; after it the card is proven complete or void, never sold half written.
5. What proves a card depends on the mode: in fields and unlock what is read back from it; in script and relay its own answers, which the
   operator alone can judge. Those are durable with ``Written``, and nothing is ever sent to such a card a second time.
6. Whatever the operator may know of is reported until acknowledged. A report needs no personal data, so erasing does not wait for it; the
   card's answers are not personal and outlive the erasing until they were reported.
7. After a restart nothing in flight is assumed; ``resume`` has one rule for each state.
8. Data kept to the hard limit, and a session two members of staff withdraw, are erased at once, in the row that says so; the operator is
   told as after any other end. A card that was begun then counts as void: what could prove it is gone.
9. What follows the capture is decided by the plan's own steps: a card is written where the plan has ``card``, a capsule waits where it has
   ``seal``, else the operator's word is all there is. That word leads to no write: there is no way from it to a permit, and a capsule is
   never carried on to one. It is spent like an approval.
10. A hold is neither yes nor no: it is asked about until its time is over, and ends with its own code. Its slip comes at its beginning; one
   that may not be on paper (a cut, a printer that cannot) is tried again after a restart and at the end.
11. Every other outcome than an active number prints its slip once its code is durable, never twice; a printer that cannot changes nothing.

It does not read a clock, draw a random number or know a device, and it does not retry: one effect, one event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, assert_never

from firmware.core import effects as fx
from firmware.core.effects import ACTIVE, Effect, Permit, grant_permit
from firmware.core.events import (
    Accepted,
    Acknowledged,
    Approved,
    CardIdentified,
    CardRechecked,
    Erased,
    Event,
    Expired,
    Held,
    Opened,
    ReadBack,
    ReceiptDone,
    RecordSigned,
    Refused,
    ReportGivenUp,
    Restarted,
    StepDone,
    Stored,
    Withdrawn,
    Written,
)
from firmware.core.states import (
    Advice,
    Advising,
    Capturing,
    Closed,
    Concluding,
    Erasing,
    Grant,
    Holding,
    Kept,
    New,
    Receipting,
    Rechecking,
    Recovering,
    Reporting,
    Signed,
    Signing,
    Slipping,
    State,
    Storing,
    Submitting,
    Verifying,
    Word,
    Writing,
)

CARD_STEP: Final = "card"
"""The capture step that ends in ``CardIdentified``."""
SEAL_STEP: Final = "seal"
"""The capture step of a plan that stores and forwards."""
CAPSULE: Final = ("record", "items")
"""The sealed items that a stored capsule is made of: signed record, and personal values sealed to the operator."""
CARD_ANSWERS: Final = "card_answers"
"""The sealed item that holds what the card itself said (deterministic CBOR of the result's claim 262)."""


NOT_HANDED_OVER: Final = "R511"
"""How a session ends whose card was not begun when its data reached the hard limit (TB-20: too old)."""
WITHDRAWN: Final = "R207"
"""How it ends when two members of staff withdrew it: as when the clerk cancels."""


class UnexpectedEvent(Exception):
    """An event that cannot happen in this state: a fault of the software or of the journal. The terminal stops."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The next state, the effect to run once the row is durable, and what the row's transaction must also do.

    ``spend``: mark this approval, nonce and record as used, or fail. ``erase``: destroy the session's item key and every item but
    those in ``keep``, which get another key and last until ``close``: nothing is left to do for this session.
    """

    state: State
    effect: Effect | None = None
    spend: Permit | Word | None = None
    erase: bool = False
    keep: tuple[str, ...] = ()
    close: bool = False


def step(state: State, event: Event) -> Transition:  # noqa: C901, PLR0911, PLR0912  # one case for each pair of state and event
    """Return what follows from ``event`` in ``state``; raises :class:`UnexpectedEvent` when it cannot happen there."""
    match state, event:
        case New(), Opened():
            return _capture(Capturing(event.terminal, event.plan))
        case _, Restarted():
            return resume(state, event)
        case Capturing(), StepDone() | CardIdentified():
            return _captured(state, event)
        case Signing(), RecordSigned():
            return _signed(state, Signed(event.record, event.nonce, state.card, event.boot_id))
        case Submitting() | Holding(), Approved():
            return _approved(state, event)
        case Submitting() | Holding() | Kept(), Accepted():
            return _accepted(state, event)
        case Submitting(), Held():
            return _hold(Holding(state.terminal, state.signed, event.code, event.until))
        case Holding(), ReceiptDone():
            return Transition(replace(state, told=event.printed), fx.AskAgain(state.code, state.until))
        case Storing(), Stored():
            return Transition(Kept(state.terminal, state.signed, event.until), fx.Forward(event.until), erase=True, keep=CAPSULE)
        case Rechecking(), CardRechecked():
            return _rechecked(state, event)
        case Writing(), Written():
            return Transition(Verifying(state.signed, state.grant, event.answers), fx.VerifyCard(state.grant.mode, recovering=False))
        case Verifying() | Recovering(), ReadBack():
            return _read_back(state, event)
        case Reporting() | Concluding(), Acknowledged() | ReportGivenUp():
            return _reported(state, event)
        case Receipting(), ReceiptDone():
            return Transition(Erasing(ACTIVE, None), fx.Erase())
        case Slipping(), ReceiptDone():
            return Transition(Erasing(state.outcome, state.advice), fx.Erase())
        case Erasing(), Erased():
            return _erased(state)
        case Advising(), Acknowledged() | Withdrawn():
            return Transition(Closed(state.outcome), close=True)
        case _, Expired() | Withdrawn():
            return _erased(Erasing(*_cut_short(state, NOT_HANDED_OVER if isinstance(event, Expired) else WITHDRAWN)))
        case _, Refused():
            return _refused(state, event)
        case _:
            raise UnexpectedEvent(f"{type(event).__name__} in {type(state).__name__}")


def fold(events: tuple[Event, ...]) -> Transition:
    """Return where a session stands after ``events``, all of them already durable; its effect may have run or not."""
    transition = Transition(New())
    for event in events:
        transition = step(transition.state, event)
    return transition


def _capture(state: Capturing) -> Transition:
    if not state.todo:
        return Transition(Signing(state.terminal, state.card, state.sealed), fx.SignRecord())
    return Transition(state, fx.Perform(state.todo[0]))


def _captured(state: Capturing, event: StepDone | CardIdentified) -> Transition:
    match event:
        case StepDone(step=name) if name == state.todo[0] != CARD_STEP:
            return _capture(replace(state, todo=state.todo[1:], sealed=state.sealed or name == SEAL_STEP))
        case CardIdentified(card=card) if state.todo[0] == CARD_STEP:
            return _capture(replace(state, todo=state.todo[1:], card=card))
        case _:
            raise UnexpectedEvent(f"{type(event).__name__} while {state.todo[0]} is open")


def _signed(state: Signing, signed: Signed) -> Transition:
    if state.sealed:
        return Transition(Storing(state.terminal, signed), fx.Store())
    return Transition(Submitting(state.terminal, signed), fx.Submit())


def _accepted(state: Submitting | Holding | Kept, event: Accepted) -> Transition:
    """Follow the operator's word on a record without a card; one on a record with a card is about something else."""
    signed, word = state.signed, Word(event.approval, event.nonce, event.record)
    if signed.card or (event.record, event.nonce, event.terminal) != (signed.record, signed.nonce, state.terminal):
        return _gone(state, "R707", Advice("cancelled", signed.record, b""))
    if isinstance(state, Kept):
        return _advise(Advising(ACTIVE, Advice("accepted", signed.record, word.approval)), spend=word)
    return replace(_conclude(Concluding(signed, word)), spend=word)


def _conclude(state: Concluding) -> Transition:
    return Transition(state, fx.Report(_yes(state), "", patient=False))


def _yes(state: Concluding) -> Advice:
    return Advice("accepted", state.signed.record, state.word.approval)


def _gone(state: State, outcome: str, advice: Advice) -> Transition:
    """End what the operator may know of: at once where everything personal is erased already, else after erasing."""
    return _advise(Advising(outcome, advice)) if isinstance(state, Kept) else _end(outcome, advice)


def _approved(state: Submitting | Holding, event: Approved) -> Transition:
    signed = state.signed
    bound_to = (event.record, event.nonce, event.terminal, event.card, event.boot_id)
    if not signed.card or bound_to != (signed.record, signed.nonce, state.terminal, signed.card, signed.boot_id):
        return _end("R707", Advice("cancelled", signed.record, b""))
    grant = Grant(event.approval, event.mode, event.issue_data, event.boot_id, event.valid_until_boot_ms)
    return Transition(Rechecking(signed, grant), fx.RecheckCard())


def _rechecked(state: Rechecking, event: CardRechecked) -> Transition:
    signed, grant = state.signed, state.grant
    if event.card != signed.card:
        return _end("R707", Advice("cancelled", signed.record, grant.approval))
    if event.boot_id != grant.boot_id or event.boot_ms > grant.valid_until_boot_ms:
        return _end("R705", Advice("cancelled", signed.record, grant.approval))
    permit = grant_permit(
        approval=grant.approval, nonce=signed.nonce, record=signed.record, card=signed.card, mode=grant.mode, issue_data=grant.issue_data
    )
    return Transition(Writing(signed, grant), fx.WriteCard(permit), spend=permit)


def _read_back(state: Verifying | Recovering, event: ReadBack) -> Transition:
    answers = event.answers or state.answers
    if not event.equal:
        return _end("R711" if isinstance(state, Recovering) else "R709", _voided(state, answers))
    return _report(Reporting(state.signed, state.grant, event.iccid, answers))


def _report(state: Reporting) -> Transition:
    return Transition(state, fx.Report(_good(state), "", patient=False))


def _good(state: Reporting) -> Advice:
    grant = state.grant
    status = "written" if grant.mode.read_back_proves else "answered"
    return Advice(status, state.signed.record, grant.approval, grant.issue_data, state.iccid, state.answers)


def _voided(state: Writing | Verifying | Recovering, answers: bytes) -> Advice:
    return Advice("voided", state.signed.record, state.grant.approval, answers=answers)


def _reported(state: Reporting | Concluding, event: Acknowledged | ReportGivenUp) -> Transition:
    match event:
        case Acknowledged(state="active"):
            return Transition(Receipting(), fx.PrintReceipt())
        case Acknowledged():
            return _end("R710", None)
        case ReportGivenUp():
            return _end("R710", _yes(state) if isinstance(state, Concluding) else _good(state))


def _erased(state: Erasing) -> Transition:
    if state.advice is None:
        return Transition(Closed(state.outcome), erase=True, close=True)
    return _advise(Advising(state.outcome, state.advice), erase=True)


def _advise(state: Advising, *, erase: bool = False, spend: Word | None = None) -> Transition:
    keep = (CARD_ANSWERS,) if erase and state.advice.answers else ()
    return Transition(state, fx.Report(state.advice, state.outcome, patient=True), spend=spend, erase=erase, keep=keep)


def _refused(state: State, event: Refused) -> Transition:
    match state:
        case Capturing() | Signing():
            return _end(event.code, None)
        case Holding(told=True, code=event.code):
            return Transition(Erasing(event.code, Advice("cancelled", state.signed.record, b"")), fx.Erase())
        case Submitting() | Holding() | Storing() | Kept():
            return _gone(state, event.code, Advice("cancelled", state.signed.record, b""))
        case Writing() if event.touched:
            return _end(event.code, _voided(state, event.answers))
        case Rechecking() | Writing():
            return _end(event.code, Advice("cancelled", state.signed.record, state.grant.approval))
        case Verifying() | Recovering():
            return _end(event.code, _voided(state, event.answers or state.answers))
        case _:
            raise UnexpectedEvent(f"refused in {type(state).__name__}")


def _cut_short(state: State, code: str) -> tuple[str, Advice | None]:  # noqa: PLR0911  # one case for each state
    """Return outcome and advice of a session that is erased at once, wherever it stands; ``code`` is for one whose card was not begun."""
    match state:
        case Capturing() | Signing():
            return code, None
        case Submitting() | Holding() | Storing() | Kept():
            return code, Advice("cancelled", state.signed.record, b"")
        case Concluding():
            return "R710", _yes(state)
        case Rechecking():
            return code, Advice("cancelled", state.signed.record, state.grant.approval)
        case Writing():
            return "R711", _voided(state, b"")
        case Verifying() | Recovering():
            return "R711", _voided(state, state.answers)
        case Reporting():
            return "R710", _good(state)
        case Receipting():
            return ACTIVE, None
        case Slipping() | Erasing():
            return state.outcome, state.advice
        case _:
            raise UnexpectedEvent(f"nothing to erase in {type(state).__name__}")


def _hold(state: Holding) -> Transition:
    """Give the subscriber the slip of the hold, then ask; a slip that is on paper is not printed again."""
    return Transition(state, fx.AskAgain(state.code, state.until) if state.told else fx.PrintSlip(state.code, state.until))


def _end(outcome: str, advice: Advice | None) -> Transition:
    """End the session with one code; its one slip comes first, because the next row destroys what it shows."""
    return Transition(Slipping(outcome, advice), fx.PrintSlip(outcome))


def resume(state: State, event: Restarted) -> Transition:  # noqa: C901, PLR0911, PLR0912  # one rule for each state
    """Return what a restart does with a session left in ``state``: one rule each, all of them asking the world again.

    Before the record leaves the terminal the evidence was in memory only: the session ends with R803, nothing written. A submitted record
    is asked for again under its key, a hold too, after its slip where that is not on paper. A capsule is put by again, and sent on. An
    approved card is read again. A write that had begun is decided by reading the card back: complete, or void (R711). A script or relay
    that had begun is void (R711) without a look at the card: what the card said is lost, and it would refuse, or worse take, the same
    commands again. Once its answers are durable, only its identity is read again. The report is repeated; it is idempotent. An active
    number's receipt is not printed any more: its data is due within seconds of the acknowledgement (DS-07), and nobody knows how long the
    power was off. The same holds for a slip that was begun.
    """
    match state:
        case New() | Capturing() | Signing():
            return _end("R803", None)
        case Submitting():
            return Transition(state, fx.Submit())
        case Holding():
            return _hold(state)
        case Storing():
            return Transition(state, fx.Store())
        case Kept():
            return Transition(state, fx.Forward(state.until))
        case Concluding():
            return _conclude(state)
        case Rechecking():
            return Transition(state, fx.RecheckCard())
        case Writing() if not state.grant.mode.read_back_proves:
            return _end("R711", _voided(state, b""))
        case Writing() | Verifying() | Recovering():
            answers = b"" if isinstance(state, Writing) else state.answers
            return Transition(Recovering(state.signed, state.grant, answers), fx.VerifyCard(state.grant.mode, recovering=True))
        case Reporting():
            return _report(state)
        case Receipting():
            return Transition(Erasing(ACTIVE, None), fx.Erase())
        case Slipping():
            return Transition(Erasing(state.outcome, state.advice), fx.Erase())
        case Erasing():
            return Transition(state, fx.Erase())
        case Advising():
            return _advise(state)
        case Closed():
            raise UnexpectedEvent(f"{type(event).__name__} after the end")
        case _:
            assert_never(state)
