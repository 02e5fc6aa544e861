# SPDX-License-Identifier: Apache-2.0
"""The capture of one party: document, check, portrait, or what two members of staff attest. All parties are captured alike.

Rules
* A document with a chip is read by the reader. One without is only pictured, page by page, marked: nobody reads it here, and nobody types.
* A party whose capture is complete is as sure as its plan asks, or the session ends (R211 where an own hall would do, else R207). One the
  plan asks no face of must amount to something.
* Which code a missing document means depends on whose it is: :mod:`firmware.runtime.refusals`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from firmware.core.documents import GUARDIAN_AGE, KINDS, PARTY_AGE, check_document
from firmware.core.errors import PolicyRefused
from firmware.core.people import SUBSCRIBER, Face
from firmware.core.policy.vocabulary import CAPTURES
from firmware.runtime import bringing
from firmware.runtime.desk import done
from firmware.runtime.marking import watermark
from firmware.runtime.timing import DECODE_S, DEVICE_S, READ_S
from firmware.runtime.unit import Stop
from firmware.runtime.workers import HANGS, DeviceFailed
from hal.camera.portrait import live_portrait
from hal.document import masked_name, masked_number
from hal.id_reader.reading import to_holder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firmware.core.policy import Plan
    from firmware.runtime.desk import Desk
    from firmware.runtime.unit import Captured, Result
    from firmware.runtime.workers import DeviceWorker

BESIDE: Final = frozenset({"D13"})
"""Documents shown beside one with a chip: the chip is read, and the plan stays theirs."""
YOUNGEST: Final = {"guardian": GUARDIAN_AGE}
"""Party → the age it must have, where that is not :data:`~firmware.core.documents.PARTY_AGE`."""
PAGES: Final = {"D02": 2, "D03": 2, "D04": 1, "D05": 1}
"""Documents nobody can read here, and how many pages of each are pictured."""


class Identity:
    """Captures the parties of one session. ``steps`` are its performers: each takes the role of the party."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.steps: Mapping[str, Callable[[str], Awaitable[Result]]] = {
            "document": self._document,
            "check": self._check,
            "portrait": self._portrait,
            "attest": self._attest,
        }

    async def perform(self, role: str, step: str) -> Result:
        """Carry out one step of a party's capture, and after the last one judge how sure its identity is."""
        result = await self.steps[step](role)
        wanted = [own for own in CAPTURES if full_name(role, own) in self._desk.plan.steps]
        if step == wanted[-1]:
            self._judge(role, compared=bool({"portrait", "attest"} & set(wanted)))
        return result

    def _judge(self, role: str, *, compared: bool) -> None:
        reached = self._desk.evidence.of(role).person().party().assurance
        code = self._desk.unit.policies.shortfall(self._desk.plan, reached) if compared or not reached else ""
        if code:
            raise Stop(code)

    # ---- the document

    async def _document(self, role: str) -> Result:
        kind = self._desk.plan.document
        if role == SUBSCRIBER and kind in PAGES:
            return await self._picture(kind)
        party = self._desk.evidence.of(role)
        block = await self._read(role)
        appended = bytes.fromhex(block["appended"]) if block["appended"] else None
        keep = self._desk.plan.keeps
        holder, portrait = to_holder(bytes.fromhex(block["text"]), bytes.fromhex(block["photo"]), appended, keep=keep)
        party.holder, party.chip_portrait = holder, portrait
        if role == SUBSCRIBER:
            self._desk.evidence.masked = {"name": masked_name(holder.name), "number": masked_number(holder.number)}
            self._desk.plan = self._plan_of(holder.kind)
        return done(full_name(role, "document"), [holder.kind, str(holder.provenance)])

    def _plan_of(self, kind: str) -> Plan:
        """Return the plan now that the document is known; R103 when it is another one's."""
        plan = self._desk.plan
        try:
            found = self._desk.unit.policies.again(plan.transaction, plan.document if plan.document in BESIDE else kind, plan.modifiers)
        except PolicyRefused as refused:
            raise Stop(refused.code) from refused
        if found.steps != plan.steps:  # the rows of this session name the steps it was opened with
            raise Stop("R103")
        return found

    async def _read(self, role: str) -> dict[str, Any]:
        desk = self._desk
        reader, most = desk.unit.devices["id_reader"], desk.plan.limits.read_tries
        for attempt in range(1, most + 1):
            desk.prompt("document", role)
            try:
                await reader.call("await_card", timeout=desk.patience_s)
                block = await in_hand(reader, "read", READ_S)
                break
            except DeviceFailed as failure:
                if failure.kind not in {"card_lifted", "protocol"} or attempt == most:
                    raise
        if bytes.fromhex(block["sam_id"]) != desk.unit.registered_sam:  # a reader exchanged since the terminal was found ready
            raise Stop("R513")
        return block

    async def _picture(self, kind: str) -> Result:
        """Have each page laid down and attested to be of the original, and picture it."""
        party = self._desk.evidence.of(SUBSCRIBER)
        party.document = kind
        for number in range(1, PAGES[kind] + 1):
            answer = await self._desk.ask("page", "page", document=kind, page=number)
            if not answer["original"]:
                raise Stop("R104")
            party.pages.append(await self._desk.page(bringing.page(number)))
        party.checks += [("original", True), ("attested", True)]
        return done("document", [kind, *(page.digest for page in party.pages)])

    # ---- what it is worth

    async def _check(self, role: str) -> Result:
        desk = self._desk
        party, name = desk.evidence.of(role), full_name(role, "check")
        if party.holder is None:
            return done(name, [[check, passed] for check, passed in party.checks])  # what pictures show is the reviewer's to check
        youngest = desk.plan.limits.minimum_age if role == SUBSCRIBER else YOUNGEST.get(role, PARTY_AGE)
        outcome = check_document(party.holder, desk.unit.clock.today(), minimum_age=youngest)
        party.checks += outcome.checks
        if outcome.outcome:
            raise Stop(outcome.outcome)
        return done(name, [[check, passed] for check, passed in outcome.checks])

    async def _portrait(self, role: str) -> Result:
        desk = self._desk
        party = desk.evidence.of(role)
        mark = watermark(desk.unit, desk.plan.transaction, desk.evidence.session)
        picture = await self._chip_picture(party)
        for attempt in range(1, desk.plan.limits.face_tries + 1):
            frame = await desk.unit.devices["camera"].call("capture", timeout=DEVICE_S, mark=mark.to_json())
            portrait = live_portrait(frame["image"], mark)
            answer = await desk.ask("portrait", "portrait", role=role, **picture)
            if answer["matched"] and answer["live"] and answer["score"] >= desk.plan.limits.face_score:
                break
            if attempt == desk.plan.limits.face_tries:
                raise Stop("R201" if answer["live"] else "R202")
        party.live_portrait = portrait
        party.face = Face(answer["score"], answer["live"])
        party.checks += [("face-match", True), ("liveness", True)]
        return done(full_name(role, "portrait"), [answer["score"], answer["live"], party.person().party().assurance])

    async def _chip_picture(self, party: Captured) -> dict[str, Any]:
        """Return what the screen shows of the photograph: nothing without a decoder, or when it fails. Its process ends here."""
        decoder, portrait = self._desk.unit.devices.get("portrait"), party.chip_portrait
        if decoder is None or portrait is None:
            return {}
        try:
            made = await decoder.call("decode", timeout=DECODE_S, photo=portrait.image.hex())
            image = base64.b64encode(made["image"]).decode("ascii")
            return {"portrait": {"media_type": made["media_type"], "image": image}}
        except DeviceFailed:
            return {}  # the clerk compares with the printed picture
        finally:
            await decoder.stop()

    async def _attest(self, role: str) -> Result:
        """Have a second member of staff, known to the operator, say with the clerk that this is the holder."""
        party = self._desk.evidence.of(role)
        answer = await self._desk.ask("attest", "attest", role=role)
        staff = await self._desk.staff(answer)
        if not answer["same"]:
            raise Stop("R204")
        party.checks += [(name, True) for name in ("attested", "second-person") if (name, True) not in party.checks]
        return done(full_name(role, "attest"), [staff])


def full_name(role: str, step: str) -> str:
    """Return the word a step of a party's capture has in a plan."""
    return step if role == SUBSCRIBER else f"{role}/{step}"


async def in_hand(device: DeviceWorker, op: str, seconds: float) -> dict[str, Any]:
    """Run an operation on what was found a moment ago: that no answer comes is then the device's fault, not the subscriber's."""
    try:
        return await device.call(op, timeout=seconds)
    except DeviceFailed as failure:
        if failure.kind == "deadline":
            raise DeviceFailed(failure.device, HANGS, failure.data) from failure
        raise


READABLE: Final = KINDS | BESIDE | PAGES.keys()
"""Documents this software can capture, one way or the other."""
