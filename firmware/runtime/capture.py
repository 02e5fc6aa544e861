# SPDX-License-Identifier: Apache-2.0
"""The capture steps of a plan: finds the performer of each word, and performs those every counter has, from the notice to the blank card.

Each asks a device or a person, puts what it learned into the session's :class:`~firmware.runtime.unit.Evidence` and returns the digest
that the journal keeps; pictures it took are sealed with that row. Whose identity is captured how is :mod:`firmware.runtime.identity`'s,
papers and consents are :mod:`firmware.runtime.papers`'s.

No step writes to a card, and none takes an identity value from anywhere but a reader.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor
from firmware.core.events import CardIdentified, StepDone
from firmware.core.people import SUBSCRIBER
from firmware.core.policy.vocabulary import CAPTURED
from firmware.core.record import Card
from firmware.runtime import agreeing, refusals
from firmware.runtime.desk import Desk, digest_of, done
from firmware.runtime.identity import Identity, full_name, in_hand
from firmware.runtime.papers import Papers
from firmware.runtime.timing import DEVICE_S
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import DeviceFailed
from hal.errors import HalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firmware.core.agreement import Section
    from firmware.core.policy import Plan
    from firmware.runtime.unit import Evidence, Unit

NONCE_BYTES: Final = 16
"""Length of the nonce a press of the button confirms."""
PRESS_POLL_S: Final = 0.02
"""How often an armed button is asked for, in seconds: the controller speaks only when spoken to."""


class Capture:
    """Performs the capture steps of one session."""

    def __init__(self, unit: Unit, plan: Plan, evidence: Evidence, show: Callable[..., None]) -> None:
        self.unit = unit
        self.evidence = evidence
        self._desk = Desk(unit, plan, evidence, show)
        identity, papers = Identity(self._desk), Papers(self._desk)
        roles = (SUBSCRIBER, *CAPTURED)
        parties = {full_name(role, step): (role, step) for role in roles for step in identity.steps}
        self._steps: Mapping[str, Callable[[], Awaitable[Result]]] = {
            "notice": self._notice,
            "agreement": self._agreement,
            "confirm": self._confirm,
            "card": self._card,
            **papers.steps,
            **{name: _bound(identity, role, step) for name, (role, step) in parties.items()},
        }

    @property
    def plan(self) -> Plan:
        """The plan, resolved again when the document was read."""
        return self._desk.plan

    @property
    def waited_us(self) -> int:
        """Microseconds people took so far."""
        return self._desk.waited_us

    async def perform(self, step: str) -> Result:
        """Carry out ``step``; raises :class:`~firmware.runtime.unit.Stop` with the one code that ends the session."""
        try:
            result = await self._steps[step]()
        except (DeviceFailed, HalError) as failure:
            raise refusals.stop(step, failure.kind) from failure
        return replace(result, items={**result.items, **self._desk.taken()})

    async def _notice(self) -> Result:
        marks = [word for word in ("accessibility-mark",) if word in self.plan.evidence]
        answer = await self._desk.ask("notice", "notice", accessible=bool(marks))
        if not answer["acknowledged"]:
            raise Stop("R601")
        for word in marks:
            self.evidence.other[word] = digest_of([word, self.evidence.session])
        self._desk.consented("notice")
        return done("notice", self.evidence.consents)

    async def _agreement(self) -> Result:
        drawn = agreeing.draw_up(self.unit, self.plan.transaction, self.evidence.session, self.evidence.masked)
        await self._warn(agreeing.warnings(drawn, self.plan.evidence))
        answer = await self._desk.ask("agreement", "agreement", **agreeing.shown(drawn))
        if not answer["signed"]:
            raise Stop("R603")
        self._desk.consented("agreement")
        signed = agreeing.signed(drawn, answer["strokes"])
        self.evidence.agreement = signed.digest
        return Result(StepDone("agreement", signed.digest), {agreeing.ITEM: signed.to_item()})

    async def _warn(self, warnings: Mapping[str, Section]) -> None:
        """Have the warnings the plan asks for acknowledged by themselves, before anything is signed."""
        if not warnings:
            return
        answer = await self._desk.ask("warning", "warning", warnings=[{"zh": said.zh, "en": said.en} for said in warnings.values()])
        if not answer["acknowledged"]:
            raise Stop("R604")
        for word, said in warnings.items():
            self.evidence.other[word] = digest_of([word, said.zh, said.en])

    async def _confirm(self) -> Result:
        controller = self.unit.devices["controller"]
        nonce = os.urandom(NONCE_BYTES).hex()
        self._desk.prompt("confirm")
        seconds = int(self._desk.patience_s)
        await controller.call("arm", timeout=DEVICE_S, nonce=nonce, seconds=seconds)
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < seconds:
                state = await controller.call("state", timeout=DEVICE_S)
                if state["tamper"] or state["state"] == "tampered":
                    raise Stop("R506")
                if state["pressed"] == nonce:
                    return done("confirm", [nonce])
                pause = time.monotonic_ns()
                await self._desk.pause(PRESS_POLL_S)
                self._desk.waited_us += (time.monotonic_ns() - pause) // 1000
        finally:
            # a controller lost now changes nothing: the answer is in, and what stays armed runs out by itself and names a spent nonce
            with contextlib.suppress(DeviceFailed):
                await controller.call("disarm", timeout=DEVICE_S)
        raise Stop("R207")

    async def _card(self) -> Result:
        self._desk.prompt("card")
        card = await read_card(self.unit, self._desk.patience_s, DEVICE_S, must_be_blank=True)
        self.evidence.card = card
        return Result(CardIdentified(card.digest), {"card": cbor.encode(card.to_claim())})


def _bound(identity: Identity, role: str, step: str) -> Callable[[], Awaitable[Result]]:
    return lambda: identity.perform(role, step)


async def read_card(unit: Unit, wait_s: float, device_s: float, *, must_be_blank: bool) -> Card:
    """Wait for a card in the slot and read who it is; raises :class:`DeviceFailed`, ``not_blank`` for a finished card."""
    writer = unit.devices["sim_card"]
    await writer.call("await_card", timeout=wait_s)
    found: dict[str, Any] = await in_hand(writer, "identify", device_s)
    if must_be_blank and not found["blank"]:
        raise DeviceFailed("sim_card", "not_blank", {})
    return Card(iccid=found["iccid"], atr=bytes.fromhex(found["atr"]), type_name=found["card_type"])
