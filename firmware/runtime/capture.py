# SPDX-License-Identifier: Apache-2.0
"""The capture steps of a plan, one coroutine each: from the notice to the blank card.

Each asks a device or a person, puts what it learned into the session's :class:`~firmware.runtime.unit.Evidence` and returns the digest
that the journal keeps. Waiting for people is bounded by the plan's limits and counted apart from our own time.

No step writes to a card, and none takes an identity value from anywhere but a reader.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import time
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor
from firmware.core.documents import check_document
from firmware.core.errors import PolicyRefused
from firmware.core.events import CardIdentified, StepDone
from firmware.core.record import Card
from firmware.runtime import refusals
from firmware.runtime.marking import watermark
from firmware.runtime.timing import DECODE_S, DEVICE_S, READ_S
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import HANGS, DeviceFailed
from hal.camera.portrait import live_portrait
from hal.document import masked_name, masked_number
from hal.errors import HalError
from hal.id_reader.reading import to_holder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firmware.core.policy import Plan
    from firmware.runtime.unit import Evidence, Unit
    from firmware.runtime.workers import DeviceWorker

NONCE_BYTES: Final = 16
"""Length of the nonce a press of the button confirms."""
PRESS_POLL_S: Final = 0.02
"""How often an armed button is asked for, in seconds: the controller speaks only when spoken to."""


class Capture:
    """Performs the capture steps of one session. ``waited_us`` counts the microseconds people took."""

    def __init__(self, unit: Unit, plan: Plan, evidence: Evidence, show: Callable[..., None]) -> None:
        self.unit = unit
        self.plan = plan
        self.evidence = evidence
        self.waited_us = 0
        self._patience_s = unit.config.patience.person_s
        self._show = show
        self._steps: Mapping[str, Callable[[], Awaitable[Result]]] = {
            "notice": self._notice,
            "document": self._document,
            "check": self._check,
            "portrait": self._portrait,
            "agreement": self._agreement,
            "confirm": self._confirm,
            "card": self._card,
        }

    async def perform(self, step: str) -> Result:
        """Carry out ``step``; raises :class:`~firmware.runtime.unit.Stop` with the one code that ends the session."""
        try:
            return await self._steps[step]()
        except (DeviceFailed, HalError) as failure:
            raise refusals.stop(step, failure.kind) from failure

    async def _person(self, prompt: str, *intents: str, **more: Any) -> dict[str, Any]:
        self._show(step=prompt, prompt=prompt, **more)
        begin = time.monotonic_ns()
        try:
            async with asyncio.timeout(self._patience_s):
                return await self.unit.kiosk.wait_for(*intents)
        except TimeoutError:
            raise Stop("R207") from None
        finally:
            self.waited_us += (time.monotonic_ns() - begin) // 1000

    async def _notice(self) -> Result:
        answer = await self._person("notice", "notice")
        if not answer["acknowledged"]:
            raise Stop("R601")
        self._consented("notice")
        return _done("notice", self.evidence.consents)

    async def _document(self) -> Result:
        reader = self.unit.devices["id_reader"]
        for attempt in range(1, self.plan.limits.read_tries + 1):
            self._show(step="document", prompt="document")
            try:
                await reader.call("await_card", timeout=self._patience_s)
                block = await _read(reader)
                break
            except DeviceFailed as failure:
                if failure.kind not in {"card_lifted", "protocol"} or attempt == self.plan.limits.read_tries:
                    raise
        if bytes.fromhex(block["sam_id"]) != self.unit.registered_sam:  # a reader exchanged since the terminal was found ready
            raise Stop("R513")
        appended = bytes.fromhex(block["appended"]) if block["appended"] else None
        holder, portrait = to_holder(bytes.fromhex(block["text"]), bytes.fromhex(block["photo"]), appended, keep=self.plan.keeps)
        self.evidence.holder, self.evidence.chip_portrait = holder, portrait
        self.evidence.masked = {"name": masked_name(holder.name), "number": masked_number(holder.number)}
        try:
            found = self.unit.policies.again(self.plan.transaction, holder.kind)
        except PolicyRefused as refused:
            raise Stop(refused.code) from refused
        if found.steps != self.plan.steps:  # the rows of this session name the steps it was opened with
            raise Stop("R103")
        self.plan = found
        return _done("document", [holder.kind, str(holder.provenance)])

    async def _check(self) -> Result:
        if self.evidence.holder is None:
            raise Stop(refusals.INTERNAL)
        outcome = check_document(self.evidence.holder, self.unit.clock.today(), minimum_age=self.plan.limits.minimum_age)
        self.evidence.checks += outcome.checks
        if outcome.outcome:
            raise Stop(outcome.outcome)
        return _done("check", [[name, passed] for name, passed in outcome.checks])

    async def _portrait(self) -> Result:
        camera = self.unit.devices["camera"]
        mark = watermark(self.unit, self.plan.transaction, self.evidence.session)
        picture = await self._chip_picture()
        for attempt in range(1, self.plan.limits.face_tries + 1):
            frame = await camera.call("capture", timeout=DEVICE_S, mark=mark.to_json())
            portrait = live_portrait(bytes.fromhex(frame["image"]), mark)
            answer = await self._person("portrait", "portrait", **picture)
            if answer["matched"] and answer["live"] and answer["score"] >= self.plan.limits.face_score:
                break
            if attempt == self.plan.limits.face_tries:
                raise Stop("R201" if answer["live"] else "R202")
        self.evidence.live_portrait = portrait
        self.evidence.match = (answer["score"], answer["live"])
        self.evidence.checks += [("face-match", True), ("liveness", True)]
        self._check_assurance()
        return _done("portrait", [*self.evidence.match, self.evidence.assurance])

    def _check_assurance(self) -> None:
        """End the session when the identity is less sure than the plan asks."""
        code = self.unit.policies.shortfall(self.plan, self.evidence.assurance)
        if code:
            raise Stop(code)

    async def _chip_picture(self) -> dict[str, Any]:
        """Return what the screen shows of the photograph: nothing without a decoder, or when it fails. Its process ends here."""
        decoder, portrait = self.unit.devices.get("portrait"), self.evidence.chip_portrait
        if decoder is None or portrait is None:
            return {}
        try:
            made = await decoder.call("decode", timeout=DECODE_S, photo=portrait.image.hex())
            image = base64.b64encode(bytes.fromhex(made["image"])).decode("ascii")
            return {"portrait": {"media_type": made["media_type"], "image": image}}
        except DeviceFailed:
            return {}  # the clerk compares with the printed picture
        finally:
            await decoder.stop()

    async def _agreement(self) -> Result:
        answer = await self._person("agreement", "agreement")
        if not answer["signed"]:
            raise Stop("R603")
        self._consented("agreement")
        self.evidence.agreement = self.plan.consent("C-4").digest
        return Result(StepDone("agreement", self.evidence.agreement))

    def _consented(self, step: str) -> None:
        self.evidence.consents += [(text.code, text.digest) for text in self.plan.consents if text.step == step]

    async def _confirm(self) -> Result:
        controller = self.unit.devices["controller"]
        nonce = os.urandom(NONCE_BYTES).hex()
        self._show(step="confirm", prompt="confirm")
        seconds = int(self._patience_s)
        await controller.call("arm", timeout=DEVICE_S, nonce=nonce, seconds=seconds)
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < seconds:
                state = await controller.call("state", timeout=DEVICE_S)
                if state["tamper"] or state["state"] == "tampered":
                    raise Stop("R506")
                if state["pressed"] == nonce:
                    return _done("confirm", [nonce])
                pause = time.monotonic_ns()
                await self._pause(PRESS_POLL_S)
                self.waited_us += (time.monotonic_ns() - pause) // 1000
        finally:
            # a controller lost now changes nothing: the answer is in, and what stays armed runs out by itself and names a spent nonce
            with contextlib.suppress(DeviceFailed):
                await controller.call("disarm", timeout=DEVICE_S)
        raise Stop("R207")

    async def _pause(self, seconds: float) -> None:
        """Let ``seconds`` pass, or end at once when the session is interrupted."""
        try:
            async with asyncio.timeout(seconds):
                await self.unit.interrupt.wait()
        except TimeoutError:
            return

    async def _card(self) -> Result:
        self._show(step="card", prompt="card")
        card = await read_card(self.unit, self._patience_s, DEVICE_S, must_be_blank=True)
        self.evidence.card = card
        return Result(CardIdentified(card.digest), {"card": cbor.encode(card.to_claim())})


async def _read(reader: DeviceWorker) -> dict[str, Any]:
    """Read the card that was just found; a reader that falls silent over it is at fault, not the subscriber (R513, not R101)."""
    return await _in_hand(reader, "read", READ_S)


async def _in_hand(device: DeviceWorker, op: str, seconds: float) -> dict[str, Any]:
    """Run an operation on what was found a moment ago: that no answer comes is then the device's fault, :data:`HANGS`."""
    try:
        return await device.call(op, timeout=seconds)
    except DeviceFailed as failure:
        if failure.kind == "deadline":
            raise DeviceFailed(failure.device, HANGS, failure.data) from failure
        raise


async def read_card(unit: Unit, wait_s: float, device_s: float, *, must_be_blank: bool) -> Card:
    """Wait for a card in the slot and read who it is; raises :class:`DeviceFailed`, ``not_blank`` for a finished card."""
    writer = unit.devices["sim_card"]
    await writer.call("await_card", timeout=wait_s)
    found = await _in_hand(writer, "identify", device_s)
    if must_be_blank and not found["blank"]:
        raise DeviceFailed("sim_card", "not_blank", {})
    return Card(iccid=found["iccid"], atr=bytes.fromhex(found["atr"]), type_name=found["card_type"])


def _done(step: str, evidence: list[Any]) -> Result:
    plain = [list(item) if isinstance(item, tuple) else item for item in evidence]
    return Result(StepDone(step, hashlib.sha256(cbor.encode(plain)).digest()))
