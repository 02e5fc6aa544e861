# SPDX-License-Identifier: Apache-2.0
"""What every step of a capture shares: the unit, the plan, what was gathered, and the people at the counter.

Asks a person through the screen and waits, at most as long as the configuration says; people's time is counted apart from our own. Takes
marked pictures of papers, which are sealed in the row of the step that took them. Decides nothing about what the answers mean.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor
from firmware.core.events import StepDone
from firmware.core.people import SUBSCRIBER
from firmware.runtime.marking import watermark
from firmware.runtime.staff import confirmed
from firmware.runtime.timing import DEVICE_S
from firmware.runtime.unit import Result, Stop
from hal.camera.pages import document_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firmware.core.policy import Plan
    from firmware.runtime.unit import Evidence, Unit
    from hal.document import Page

UNCLEAR: Final = "R207"
"""Nobody answers, or the checks are not finished."""


class Desk:
    """One capture's view of the counter. ``waited_us`` counts the microseconds people took."""

    def __init__(self, unit: Unit, plan: Plan, evidence: Evidence, show: Callable[..., None]) -> None:
        self.unit = unit
        self.plan = plan
        self.evidence = evidence
        self.show = show
        self.waited_us = 0
        self.patience_s = unit.config.patience.person_s
        self._taken: dict[str, bytes] = {}

    async def ask(self, prompt: str, intent: str, *, role: str = SUBSCRIBER, **more: Any) -> dict[str, Any]:
        """Show ``prompt`` for a party and return the answer of the one ``intent`` that is heard; R207 when nobody answers."""
        self.prompt(prompt, role, **more)
        begin = time.monotonic_ns()
        try:
            async with asyncio.timeout(self.patience_s):
                return await self.unit.kiosk.wait_for(intent)
        except TimeoutError:
            raise Stop(UNCLEAR) from None
        finally:
            self.waited_us += (time.monotonic_ns() - begin) // 1000

    def prompt(self, prompt: str, role: str = SUBSCRIBER, **more: Any) -> None:
        """Show what is wanted of whom; nobody is waited for."""
        self.show(step=prompt if role == SUBSCRIBER else f"{role}/{prompt}", prompt=prompt, party=role, **more)

    def consented(self, step: str) -> None:
        """Keep the texts of a step as acknowledged or signed."""
        self.evidence.consents += [(text.code, text.digest) for text in self.plan.consents if text.step == step]

    async def pause(self, seconds: float) -> None:
        """Let ``seconds`` pass, or end at once when the session is interrupted."""
        try:
            async with asyncio.timeout(seconds):
                await self.unit.interrupt.wait()
        except TimeoutError:
            return

    async def page(self, name: str) -> Page:
        """Return the marked picture of what lies under the document camera; it becomes the item ``name`` with the step's row."""
        mark = watermark(self.unit, self.plan.transaction, self.evidence.session)
        taken = await self.unit.devices["camera"].call("page", timeout=DEVICE_S, mark=mark.to_json())
        page = document_page(taken["image"], mark)
        self._taken[name] = page.image
        return page

    def taken(self) -> dict[str, bytes]:
        """Return the pictures taken since this was asked before, by the names they are sealed under."""
        taken, self._taken = self._taken, {}
        return taken

    async def staff(self, answer: dict[str, Any]) -> str:
        """Return the id of the second member of staff, whom the operator knows by what was answered; R503 for anybody else."""
        staff = await confirmed(self.unit, answer["staff"], answer["pin"])
        if staff == self.evidence.clerk:
            raise Stop("R503")
        self.evidence.second = staff
        return staff


def done(step: str, evidence: Sequence[Any]) -> Result:
    """Return the event of a step that is done; ``evidence`` goes into its digest."""
    return Result(StepDone(step, digest_of(evidence)))


def digest_of(evidence: Sequence[Any]) -> bytes:
    """Return SHA-256 of the deterministic CBOR of ``evidence``."""
    return hashlib.sha256(cbor.encode([list(item) if isinstance(item, tuple) else item for item in evidence])).digest()
