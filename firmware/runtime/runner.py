# SPDX-License-Identifier: Apache-2.0
"""Runs one session: event → journal → state → effect → event, until nothing is left to do.

Rules
* The row is durable before the state changes and before its effect runs; whatever a transition asks of the journal (spend the approval,
  store items, link the record, erase, close) happens in the row's own transaction.
* An effect ends in exactly one event. A :class:`~firmware.runtime.unit.Stop` becomes ``Refused``; a failing journal stops the terminal.
* Until the approval is spent an interrupt (tamper, cancel, stop) ends the running step; from then on nothing interrupts.
* What the screen gets is masked.
* A capture that takes longer than the policy's ``session_max_s`` ends as one that nobody finishes (R207).
* Data that reached the hard limit ends the session: before each effect that is asked, and a step that can be ended ends then.

It decides nothing about order or meaning: :mod:`firmware.core.session` does.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, assert_never

from firmware.core import effects as fx
from firmware.core import events, states
from firmware.core.people import SUBSCRIBER, Field
from firmware.core.retention import born
from firmware.core.session import NOT_HANDED_OVER, Transition, fold, step
from firmware.journal import AlreadySpent, ItemGone, Spend
from firmware.runtime import refusals, retention, texts
from firmware.runtime.capture import Capture
from firmware.runtime.desk import UNCLEAR
from firmware.runtime.issue import Issue
from firmware.runtime.slips import print_slip
from firmware.runtime.timing import REPORT_TRIES, pause_after
from firmware.runtime.unit import Evidence, Result, Stop
from firmware.runtime.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from firmware.core.effects import Effect, Permit
    from firmware.core.events import Event
    from firmware.core.states import State, Word
    from firmware.runtime.unit import Unit

REPLAYED = "R706"
DOCUMENT = "D01"
FLOOR_STEP_S = 600
"""How far the stored time floor may lag behind, in seconds: it costs a commit to raise it."""
_INTERRUPTIBLE = (fx.Perform, fx.SignRecord, fx.Submit, fx.AskAgain, fx.RecheckCard)


class Session:
    """One session, new or found open after a restart."""

    def __init__(self, unit: Unit, session: bytes, settle: Callable[[], Awaitable[bool]]) -> None:
        """``settle`` delivers what the operator must still hear of earlier sessions; ``False`` when it could not."""
        self.unit = unit
        self.id = session
        self.outcome = ""
        self._settle = settle
        self._issue = Issue(unit, session)
        self._writer = Writer(unit, session)
        self._capture: Capture | None = None
        self._evidence = Evidence(session, os.urandom(16))
        self._masked: Mapping[str, str] = {}
        self._record = b""
        self._iccid = self._kind = ""
        self._begin = time.monotonic_ns()
        self._waited = unit.waited_us
        self._commits = unit.journal.commits
        self._pauses_us = 0
        self._age = born(0, b"", 0)
        self._hours = unit.policies.packs.strictest("device_data_hours")

    async def open(self, kind: str, document: str = DOCUMENT, modifiers: str = "", line: str = "") -> None:
        """Begin a new session of a transaction ``kind`` and run it to its end; ``line`` is the number it concerns, if any."""
        now = self.unit.clock.now()
        self._age = born(now.at, now.boot_id, now.boot_ms)
        plan = self.unit.policies.plan(kind, document, now.at, modifiers)
        self._evidence.clerk = self.unit.clerk
        if line:
            self._evidence.of(SUBSCRIBER).numbers[Field.SERVICE_NUMBER] = line
        self._capture = Capture(self.unit, plan, self._evidence, self._show)
        await self._writer.count_traffic()
        opened = events.Opened(now.at, now.boot_id, now.boot_ms, self.unit.serial, kind, tuple(str(name) for name in plan.steps))
        await self._run(self._append(Transition(states.New()), Result(opened)))

    async def resume(self) -> None:
        """Carry on, or unwind, a session that an earlier run of the terminal left open."""
        history = self._history()
        stands = fold(history)
        for event in history:
            self._note(event)
        self._commits -= len(history)
        self._masked, self._writer.imsi = self._issue.remembered()
        await self._writer.count_traffic()
        now = self.unit.clock.now()
        self._age = retention.ages(self.unit.journal, now)[self.id]
        self._show(step=None, state="working", sentence=texts.sentence(texts.RESUMING))
        await self._run(self._append(stands, Result(events.Restarted(now.at, now.boot_id, now.boot_ms))))

    async def advise_again(self) -> bool:
        """Try once more to tell the operator of a session that is otherwise over; returns whether it is closed now."""
        stands = fold(self._history())
        while not stands.close:
            result = await self._aside(stands)
            if result is None:
                break
            stands = self._append(stands, result)
        return stands.close

    async def _aside(self, stands: Transition) -> Result | None:
        """Run an effect nobody at the counter waits for, once; ``None`` when the operator must be asked again later."""
        match stands.effect:
            case fx.Report(advice=advice, outcome=outcome, patient=True):
                return await self._issue.report(advice, outcome)
            case fx.Forward(until=until):
                return await self._stopped(self._issue.forward(until))
            case _:
                return None

    async def _stopped(self, work: Awaitable[Result | None]) -> Result | None:
        """Turn a stop into its event."""
        try:
            return await work
        except Stop as stop:
            return Result(events.Refused(self.unit.clock.now().at, stop.code, stop.touched, note=self.unit.interrupt.note_of(stop.code)))
        except ItemGone:  # its key was lost with the controller that sealed it, and the terminal provisioned anew
            return Result(events.Refused(self.unit.clock.now().at, refusals.KEY))

    @property
    def rejected(self) -> bool:
        """Whether the operator understood the last report of this session and will not take it."""
        return self._issue.rejected

    def _history(self) -> tuple[Event, ...]:
        return tuple(events.decode(row.kind, row.payload) for row in self.unit.journal.rows(self.id))

    async def _run(self, stands: Transition) -> None:
        while stands.effect is not None:
            result = self._expired(stands) or await self._effect(stands)
            if result is None:
                break
            stands = self._append(stands, result)
            if isinstance(result.event, events.Erased | events.Expired | events.Stored):
                await self._finish(stands.state)
                self._forget()

    def _seconds_left(self, effect: Effect | None = None) -> float:
        """Return how long personal data may still be kept, in seconds, or the capture may take, of which ``effect`` is a part."""
        now = self.unit.clock.now()
        age, most = self._age.now(now.at, now.boot_id, now.boot_ms), self._hours * 3600
        if self._capture and isinstance(effect, fx.Perform | fx.SignRecord):
            most = min(most, self._capture.plan.settings["session_max_s"])
        return 0.0 if age.over(self._hours) else max(0.0, most - age.lived_ms / 1000)

    def _expired(self, stands: Transition) -> Result | None:
        """Return the end of a session that holds personal data past the limit."""
        if isinstance(stands.state, states.Erasing | states.Advising) or self._seconds_left() > 0:
            return None
        return Result(events.Expired(self.unit.clock.now().at))

    def _forget(self) -> None:
        """Drop what memory holds of the person: the operator may have to be told for hours yet, and that needs none of it."""
        self._evidence = Evidence(self.id, b"")
        self._capture = None
        self._masked = {}
        self._writer.imsi = self._iccid = ""

    def _append(self, stands: Transition, result: Result) -> Transition:
        """Make the event durable with everything its transition asks for, and return where the session stands then."""
        following = step(stands.state, result.event)
        try:
            self._commit(result, following)
        except AlreadySpent:
            refused = Result(events.Refused(self.unit.clock.now().at, REPLAYED))
            following = step(stands.state, refused.event)
            self._commit(refused, following)
        self._note(result.event)
        if isinstance(following.state, states.Slipping | states.Erasing | states.Advising | states.Closed):
            self.outcome = following.state.outcome
        elif isinstance(following.state, states.Kept):
            self.outcome = fx.STORED
        return following

    def _note(self, event: Event) -> None:
        """Keep what the summary at the end tells of an event."""
        match event:
            case events.Opened(kind=kind):
                self._kind = kind
            case events.RecordSigned(record=record):
                self._record = record
            case events.Approved(approval=approval, mode=mode):
                self._issue.approval_id, self._issue.mode = approval, mode
            case events.Accepted(approval=approval):
                self._issue.approval_id = approval
            case events.ReadBack(iccid=iccid):
                self._iccid = iccid
            case events.Acknowledged():
                self._keep_time()
            case _:
                pass

    def _keep_time(self) -> None:
        """Make the newest time the operator vouched for durable, unless the stored one is near enough."""
        if self.unit.clock.floor > self.unit.journal.time_floor() + FLOOR_STEP_S:
            self.unit.journal.raise_time_floor(self.unit.clock.floor)

    def _commit(self, result: Result, following: Transition) -> None:
        kind, payload = events.encode(result.event)
        self.unit.journal.append(
            self.id,
            kind,
            payload,
            items=result.items,
            spend=_spend(following.spend),
            record=result.record,
            erase=following.erase,
            keep=following.keep,
            close=following.close,
        )

    async def _effect(self, stands: Transition) -> Result | None:
        """Run the effect, tell the screen how long it took, and turn a stop into its event."""
        effect = stands.effect
        if effect is None:
            return None
        name = step_name(effect)
        begin = time.monotonic_ns()
        self.unit.kiosk.tell("step", session=self.id.hex(), step=name, phase="begin", ms=None, detail={})
        if not isinstance(effect, fx.Perform) and not _behind_the_scenes(effect):
            self._show(step=name, code=effect.code if isinstance(effect, fx.AskAgain) else None)
        result = await self._stopped(self._guarded(effect, stands.state))
        ms = round((time.monotonic_ns() - begin) / 1e6, 2)
        detail = self._detail(result)
        self.unit.kiosk.tell("step", session=self.id.hex(), step=name, phase="end", ms=ms, detail=detail)
        return result

    async def _guarded(self, effect: Effect, state: State) -> Result | None:
        """Run the effect; while nothing is spent yet, an interrupt ends it."""
        if not isinstance(effect, _INTERRUPTIBLE):
            return await self._dispatch(effect, state)
        if self.unit.interrupt.code:
            raise Stop(self.unit.interrupt.code)
        work = asyncio.ensure_future(self._dispatch(effect, state))
        watch = asyncio.ensure_future(self.unit.interrupt.wait())
        try:
            done, _ = await asyncio.wait((work, watch), timeout=self._seconds_left(effect), return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise Stop(NOT_HANDED_OVER if self._seconds_left() <= 0 else UNCLEAR)
            if self.unit.interrupt.code:  # also when the step came to its end in the same moment: the next one may be the write
                raise Stop(self.unit.interrupt.code)
            return work.result()
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    def _dispatch(self, effect: Effect, state: State) -> Coroutine[Any, Any, Result | None]:  # noqa: C901, PLR0911, PLR0912  # one case for each effect
        match effect:
            case fx.Perform(step=name):
                return self._perform(name)
            case fx.SignRecord():
                return self._sign()
            case fx.Submit():
                return self._submit()
            case fx.AskAgain(code=code, until=until):
                return self._issue.ask_again(code, until)
            case fx.Store():
                return self._issue.store()
            case fx.Forward(until=until):
                return self._issue.forward(until)
            case fx.RecheckCard():
                return self._issue.recheck()
            case fx.WriteCard(permit=permit):
                return self._writer.write(permit)
            case fx.VerifyCard(mode=mode, recovering=recovering):
                return self._writer.verify(mode, recovering=recovering)
            case fx.Report():
                return self._report(effect)
            case fx.PrintReceipt():
                return self._issue.print_receipt()
            case fx.PrintSlip(outcome=code, until=until):
                return self._slip(code, until)
            case fx.Erase():
                return self._erase(state)
            case _:
                assert_never(effect)

    async def _perform(self, name: str) -> Result:
        if self._capture is None:
            raise Stop(refusals.INTERNAL)
        result = await self._capture.perform(name)
        self._masked = self._evidence.masked
        return result

    async def _sign(self) -> Result:
        if self._capture is None:
            raise Stop(refusals.INTERNAL)
        return await self._issue.sign_record(self._capture.plan, self._evidence)

    async def _submit(self) -> Result:
        reachable = await self._settle()
        if not reachable and not self._issue.may_carry:
            raise Stop("R801")
        if self._seconds_left() <= 0:  # the operator was asked just now, and its word on the time is believed
            raise Stop(NOT_HANDED_OVER)
        return await self._issue.submit(reachable=reachable)

    async def _report(self, effect: fx.Report) -> Result | None:
        """Tell the operator: a few tries while people wait, one when they do not (the terminal goes on in the background)."""
        tries = 1 if effect.patient else REPORT_TRIES
        for attempt in range(1, tries + 1):
            result = await self._issue.report(effect.advice, effect.outcome)
            if result is not None:
                return result
            if self._issue.rejected:
                break
            if attempt < tries:
                await self._pause(pause_after(attempt))
        return None if effect.patient else Result(events.ReportGivenUp())

    async def _pause(self, seconds: float) -> None:
        begin = time.monotonic_ns()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            self._pauses_us += (time.monotonic_ns() - begin) // 1000

    async def _slip(self, code: str, until: int) -> Result:
        """Print the slip of a coded outcome; what is known of the customer is shown masked."""
        printed = await print_slip(self.unit, code, session=self.id, masked=self._masked, kind=self._kind, until=until)
        return Result(events.ReceiptDone(printed=printed))

    async def _erase(self, _state: State) -> Result:
        self.unit.kiosk.send()  # nothing is waited for in this step: the screen hears of its beginning before it is over
        return Result(events.Erased(self.unit.clock.now().at))

    async def _finish(self, state: State) -> None:
        """Show the end: the outcome is durable and the personal data gone."""
        await self._writer.count_traffic()
        outcome = state.outcome if isinstance(state, states.Closed | states.Advising) else self.outcome
        self.outcome = outcome
        total_us = (time.monotonic_ns() - self._begin) // 1000
        people_us = self._capture.waited_us if self._capture else 0
        waited = self.unit.waited_us - self._waited + self._pauses_us + people_us
        code = None if outcome in {fx.ACTIVE, fx.STORED} else outcome
        self._show(step=None, state="closed", sentence=texts.outcome(outcome), code=code)
        self.unit.kiosk.tell(
            "result",
            session=self.id.hex(),
            outcome=outcome,
            record_digest=self._record.hex(),
            approval_id=self._issue.approval_id.hex(),
            iccid=self._iccid,
            imsi=self._writer.imsi,
            apdus=self._writer.apdus,
            bytes=self._writer.card_bytes,
            commits=self.unit.journal.commits - self._commits,
            total_ms=round(total_us / 1000, 2),
            own_ms=round(max(0, total_us - waited) / 1000, 2),
            people_ms=round(people_us / 1000, 2),
            key_id=self.unit.signer.kid.hex(),
            protection=self.unit.signer.protection,
            masked=dict(self._masked),
            sentence=texts.outcome(outcome),
        )

    def _detail(self, result: Result | None) -> dict[str, Any]:  # noqa: C901, PLR0911  # one case for each event with something to tell
        match result.event if result else None:
            case events.Refused(code=code):
                return {"code": code}
            case events.StepDone(step="document" | "check"):
                return dict(self._masked)
            case events.RecordSigned(record=record, seq=seq):
                return {"record": record.hex(), "seq": seq}
            case events.Approved(approval=approval, mode=mode):
                return {"approval": approval.hex(), "mode": mode.value}
            case events.Accepted(approval=approval):
                return {"approval": approval.hex()}
            case events.Held(code=code, until=until):
                return {"code": code, "until": until}
            case events.Written(apdus=apdus):
                return {"apdus": apdus}
            case events.ReadBack(equal=equal, iccid=iccid, apdus=apdus):
                return {"equal": equal, "iccid": iccid, "apdus": apdus}
            case events.Acknowledged(state=acknowledged):
                return {"state": acknowledged}
            case events.ReceiptDone(printed=printed):
                return {"printed": printed}
            case _:
                return {}

    def _show(self, *, step: str | None, prompt: str | None = None, **more: Any) -> None:
        view: dict[str, Any] = {
            "session": self.id.hex(),
            "state": "waiting" if prompt else "working",
            "step": step,
            "prompt": prompt,
            "sentence": texts.step(step) if step else {},
            "code": None,
        }
        self.unit.kiosk.show(**{**view, **more})


def step_name(effect: Effect) -> str:  # noqa: C901, PLR0911, PLR0912  # one name for each effect
    """Return the public name of the step that an effect carries out."""
    match effect:
        case fx.Perform(step=name):
            return name
        case fx.SignRecord():
            return "record"
        case fx.Submit():
            return "approval"
        case fx.AskAgain():
            return "hold"
        case fx.Store():
            return "store"
        case fx.Forward():
            return "forward"
        case fx.RecheckCard():
            return "recheck"
        case fx.WriteCard():
            return "write"
        case fx.VerifyCard():
            return "verify"
        case fx.Report():
            return "report"
        case fx.PrintReceipt():
            return "receipt"
        case fx.PrintSlip():
            return "slip"
        case fx.Erase():
            return "erase"
        case _:
            assert_never(effect)


def _behind_the_scenes(effect: Effect) -> bool:
    """Return whether the counter is done with the session: its ending stays on the screen while the operator is told."""
    return isinstance(effect, fx.Forward) or (isinstance(effect, fx.Report) and effect.patient)


def _spend(word: Permit | Word | None) -> Spend | None:
    return Spend(word.approval, word.nonce, word.record) if word else None
