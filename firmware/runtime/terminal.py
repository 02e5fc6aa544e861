# SPDX-License-Identifier: Apache-2.0
"""The terminal's own life: start, finish what was cut, serve one customer after another, watch the controller, stop.

Rules
* Before the first customer every open session of an earlier run is carried on or unwound.
* One session at a time. Sessions that only wait for the operator's acknowledgement are retried beside it, oldest first, and always
  before a new record is submitted, so that the operator hears of things in order.
* A tampered, silent or unprovisioned controller, or a reader that does not answer, means no work; the screen says which code.
* Personal data past the hard limit is erased before anything else, and while the terminal runs. Too many sessions that are not handed
  over, or one that is too old, mean no new work (R511).
* A tampered controller that sealed the keys has destroyed them: the operator is told once what is pending, then the process that still
  holds them ends and begins anew without.
* A failing journal ends the process; starting again verifies the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from firmware.core.effects import ACTIVE, STORED
from firmware.core.errors import PolicyRefused
from firmware.runtime import memory, refusals, retention, texts
from firmware.runtime import staff as staff_register
from firmware.runtime.runner import Session
from firmware.runtime.signals import STOPPING, hold_signals, take_signals
from firmware.runtime.slips import print_slip
from firmware.runtime.timing import DEVICE_S, HEARTBEAT_S, LOG_S, RETRY_S, pause_after
from firmware.runtime.unit import Stop
from firmware.runtime.witness import Witness
from firmware.runtime.workers import HANGS, DeviceFailed

if TYPE_CHECKING:
    from firmware.runtime.unit import Unit

TAMPER, READER, INTERNAL, JOURNAL_FULL = "R506", "R513", "R803", "R511"
LIGHTS = {"ready": "green", "out_of_service": "red"}
"""State of the terminal → colour of the controller's light; amber for every other."""
SILENCE = {"deadline": HANGS}
"""Between sessions nobody waits for a card: no answer in time is the reader's silence."""
MAX_PENDING = 20
"""Sessions that may wait for an acknowledgement before no new one is opened (R511)."""


class Terminal:
    """Runs one unit until :meth:`stop`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._pending: list[Session] = []
        self._settling = asyncio.Lock()
        self._stop = asyncio.Event()
        self._in_session = False
        self._last: dict[str, Any] | None = None
        self._colour = "amber"
        self._colour_changed = asyncio.Event()
        self._witness = Witness(unit)
        self._log_grew = asyncio.Event()
        self._running = b""
        self._hours = unit.policies.packs.strictest("device_data_hours")
        self._bereft = False

    @property
    def bereft(self) -> bool:
        """Whether it ended because the controller has destroyed what sealed the keys, and nobody told it to stop."""
        return self._bereft and not self._stop.is_set()

    def stop(self) -> None:
        """Ask the terminal to end; a session that has not begun to write is refused, a write is finished."""
        self._stop.set()
        self.unit.interrupt.raise_(INTERNAL)

    async def run(self) -> None:
        """Serve until stopped. Journal errors pass through: the process must end."""
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self.stop)
        take_signals()
        retention.enforce(self.unit.journal, self.unit.clock.now(), self._hours)
        await self.unit.kiosk.open()
        await asyncio.gather(*(device.start() for device in self.unit.devices.values()))
        self._show("starting", texts.sentence(texts.STARTING))
        try:
            async with asyncio.TaskGroup() as tasks:
                background = [tasks.create_task(work()) for work in (self._advise, self._watch, self._show_log, self._retain)]
                await self._recover()
                await self._serve()
                for task in background:
                    task.cancel()
        finally:
            with contextlib.suppress(DeviceFailed):
                await self.unit.devices["controller"].call("heartbeat", timeout=HEARTBEAT_S, seconds=0)
            await asyncio.gather(*(device.stop() for device in self.unit.devices.values()))
            await self.unit.kiosk.close()
            if self._bereft:
                hold_signals(loop)  # from the end of this loop, which takes its handlers along, to the new program's own

    async def _recover(self) -> None:
        """Carry on what an earlier run left open, oldest first; a controller that forbids work forbids it here too."""
        self._in_session = True
        left_open = self.unit.journal.open_sessions()
        if left_open and (code := await self._controller_fault()):
            self.unit.interrupt.raise_(code)
        for identity in left_open:
            if self._stop.is_set():
                break
            session, self._running = Session(self.unit, identity, self.settle), identity
            await session.resume()
            self._running = b""
            self._remember(session.outcome)
            if identity in self.unit.journal.open_sessions():
                self._pending.append(session)
        memory.forget()
        self._in_session = False
        self._log_grew.set()

    async def _serve(self) -> None:
        """Wait for the clerk's start, run a session, again and again."""
        while not self._stop.is_set():
            code = await self._readiness()
            if code:
                self._show("out_of_service", texts.outcome(code), code)
                if code == TAMPER and self.unit.sealed:
                    await self.settle()
                    self._bereft = True
                    return
                await self._idle(HEARTBEAT_S)
                continue
            self.unit.interrupt.clear()
            if self._stop.is_set():
                return
            if self._witness.code:  # told while the devices were asked: the interrupt just cleared may have been its own
                continue
            self._show("ready", texts.sentence(texts.READY))
            await self._one_session()
            memory.forget()

    async def _one_session(self) -> None:
        start = asyncio.ensure_future(self.unit.kiosk.wait_for("start", "open", "logon"))
        watch = asyncio.ensure_future(self.unit.interrupt.wait())
        await asyncio.wait((start, watch), return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
        if not start.done():
            start.cancel()
            return
        wish = {name: value for name, value in start.result().items() if name != "intent"}
        if start.result()["intent"] == "logon":
            await self._log_on(**wish)
            return
        session = Session(self.unit, os.urandom(16), self.settle)
        self._running = session.id
        self._light("amber")
        cancel = asyncio.ensure_future(self._cancelled())
        self._in_session = True
        try:
            await session.open(**wish)
        except PolicyRefused as refused:
            self._show("closed", texts.outcome(refused.code), refused.code)
            self._remember(refused.code)
            await print_slip(self.unit, refused.code, kind=start.result()["kind"])
        finally:
            self._in_session, self._running = False, b""
            cancel.cancel()
        self._log_grew.set()
        await self._buzz("ok" if session.outcome in {ACTIVE, STORED} else "fail")
        self._remember(session.outcome)
        if session.id in self.unit.journal.open_sessions():
            self._pending.append(session)

    async def _log_on(self, staff: str, pin: str) -> None:
        """Put a clerk on duty, or show why not."""
        try:
            await staff_register.log_on(self.unit, staff, pin)
        except Stop as stop:
            self._show("closed", texts.outcome(stop.code), stop.code)
            self._remember(stop.code)

    def _remember(self, outcome: str) -> None:
        """Keep how the last session ended for the views between sessions: whoever connects late, or after a restart, reads it there."""
        if outcome:
            self._last = {"outcome": outcome, "sentence": texts.outcome(outcome)}

    async def _cancelled(self) -> None:
        intent = await self.unit.kiosk.wait_for("cancel", "refuse")
        self.unit.interrupt.raise_(intent.get("code", "R207"), intent.get("note", "goes-away"))

    async def _readiness(self) -> str:
        """Return the code that keeps the terminal out of service now, or an empty text."""
        if len(self._pending) >= MAX_PENDING or self._waits_too_long():
            return JOURNAL_FULL
        expired = self.unit.policies.code(self.unit.clock.now().at)
        return expired or self._witness.code or await self._controller_fault() or await self._reader_fault()

    def _waits_too_long(self) -> bool:
        """Return whether the operator has not heard of a session for as long as its data could have been kept."""
        if not self._pending:
            return False
        found = retention.ages(self.unit.journal, self.unit.clock.now())
        return any(found[session.id].over(self._hours) for session in self._pending if session.id in found)

    async def _controller_fault(self) -> str:
        """Ask the controller who it is and whether the case is whole, and have it power the card slot."""
        controller = self.unit.devices["controller"]
        try:
            hello = await controller.call("hello", timeout=DEVICE_S)
            state = await controller.call("state", timeout=DEVICE_S)
            if state["tamper"] or state["state"] == "tampered":
                return TAMPER
            await controller.call("sim_power", timeout=DEVICE_S, on=True)
        except DeviceFailed as failure:
            return TAMPER if failure.kind == "tampered" else INTERNAL
        self.unit.controller_version = str(hello["version"])
        return ""

    async def _reader_fault(self) -> str:
        """Ask the reader for its SAM id: only the one this terminal was provisioned with may work here (R513)."""
        try:
            reader = await self.unit.devices["id_reader"].call("open", timeout=DEVICE_S)
        except DeviceFailed as failure:
            return refusals.stop("document", SILENCE.get(failure.kind, failure.kind)).code
        sam_id = bytes.fromhex(reader["sam_id"])
        if sam_id != self.unit.registered_sam:
            return READER
        self.unit.sam_id = sam_id
        return ""

    async def settle(self) -> bool:
        """Try to deliver all that the operator must still hear; returns whether the way is free for a new record.

        A report the operator rejects for good stays open in the journal for a person to look at and is tried again at the next start; it
        does not stop the business of others.
        """
        async with self._settling:
            while self._pending:
                if not await self._pending[0].advise_again() and not self._pending[0].rejected:
                    return False
                self._pending.pop(0)
        return await self._witness.answered() and not self._witness.code

    async def _advise(self) -> None:
        """Deliver pending reports in the background, ever more patiently."""
        attempt = 1
        while not self._stop.is_set():
            await self._idle(pause_after(attempt))
            if self._pending and not self._in_session:
                attempt = 1 if await self.settle() else min(attempt + 1, len(RETRY_S))

    async def _retain(self) -> None:
        """Erase what reaches the hard limit, and note how old the open sessions are; a session being run looks after itself."""
        journal, clock, noted = self.unit.journal, self.unit.clock, 0.0
        while not self._stop.is_set():
            await self._idle(retention.LOOK_S)
            for session, outcome in retention.enforce(journal, clock.now(), self._hours, running=self._running).items():
                self._remember(outcome)
                if session in journal.open_sessions():
                    self._pending.append(Session(self.unit, session, self.settle))
            noted += retention.LOOK_S
            if noted >= retention.NOTE_S:
                retention.note(journal, clock.now())
                noted = 0.0

    async def _show_log(self) -> None:
        """Have the operator countersign the audit log: at the start, after each session, and now and then."""
        while not self._stop.is_set():
            self._log_grew.clear()
            if not self._in_session:
                await self._witness.sync()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOG_S):
                    await self._log_grew.wait()

    async def _watch(self) -> None:
        """Look after the controller: feed its watchdog, notice tamper within a second, show the terminal's state as a light."""
        controller = self.unit.devices["controller"]
        while not self._stop.is_set():
            self._colour_changed.clear()
            try:
                await controller.call("heartbeat", timeout=DEVICE_S, aside=True)
                await controller.call("light", timeout=DEVICE_S, aside=True, colour=self._colour, blink=False)
                state = await controller.call("state", timeout=DEVICE_S, aside=True)
                if state["tamper"] or state["state"] == "tampered":
                    self.unit.interrupt.raise_(TAMPER)
            except DeviceFailed as failure:
                if failure.kind == "tampered":
                    self.unit.interrupt.raise_(TAMPER)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._colour_changed.wait()

    async def _idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _show(self, state: str, sentence: dict[str, str], code: str | None = None) -> None:
        self._light(LIGHTS.get(state, "amber"))
        self.unit.kiosk.show(session=None, state=state, step=None, prompt=None, sentence=sentence, code=code, last=self._last)

    async def _buzz(self, pattern: str) -> None:
        with contextlib.suppress(DeviceFailed):
            await self.unit.devices["controller"].call("buzz", timeout=DEVICE_S, pattern=pattern)

    def _light(self, colour: str) -> None:
        self._colour = colour
        self._colour_changed.set()
