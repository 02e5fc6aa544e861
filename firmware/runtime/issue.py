# SPDX-License-Identifier: Apache-2.0
"""From evidence to an active card: sign, submit, read the card again, write, prove, report, receipt.

Each coroutine carries out one effect and returns its event; whether it may run at all was decided by the core and is in the journal.
What a later step or a restart needs lies in the session's sealed items: ``record``, ``items``, ``profile-key``, ``card``, ``profile``,
``masked``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Any

from firmware.backend.answers import Approved as ApprovedAnswer
from firmware.backend.errors import BackendError, BackendRefusedRequest, BackendUnreachable, Why
from firmware.core import cbor, hpke, report
from firmware.core.approval import Situation, check_approval
from firmware.core.errors import AckRefused, Refused
from firmware.core.events import Acknowledged, Approved, CardRechecked, ReadBack, ReceiptDone, RecordSigned, Written
from firmware.core.issue_data import open_issue_data, parse_issue_data
from firmware.core.mode import Mode
from firmware.core.outcomes import OUTCOMES
from firmware.core.profile import Profile
from firmware.core.record import SALTS_LENGTH, Card, Device, Face, RecordFacts, build_record, read_record, seal_items, sign_record
from firmware.journal import ItemGone, RecordLink
from firmware.runtime import receipt, refusals
from firmware.runtime.capture import read_card
from firmware.runtime.timing import DEVICE_S, SUBMIT_TRIES, WRITE_S, pause_after
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from firmware.core.effects import Permit
    from firmware.core.policy import Plan
    from firmware.core.states import Advice
    from firmware.runtime.clock import Moment
    from firmware.runtime.unit import Evidence, Unit

UNREACHABLE = "R801"
REJECTED = "R802"
CERTIFICATE = "R505"
_FORBIDDEN = frozenset({401, 403})


class Issue:
    """The effects after the capture, for one session. ``apdus`` and ``card_bytes`` count what crossed to the card."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self.unit = unit
        self.session = session
        self.apdus = 0
        self.card_bytes = 0
        self.rejected = False
        self._counted_before: tuple[int, int] | None = None
        self.approval_id = b""
        self.imsi = ""

    async def sign_record(self, plan: Plan, evidence: Evidence) -> Result:
        """Build, sign and seal the record of what was captured."""
        unit, now = self.unit, self.unit.clock.now()
        if evidence.holder is None or evidence.card is None or evidence.live_portrait is None or evidence.chip_portrait is None:
            raise Stop(refusals.INTERNAL)
        private_key = os.urandom(hpke.KEY_LENGTH)
        last = unit.journal.last_record()
        facts = _facts(unit, plan, evidence, now, last, hpke.public_of(private_key))
        draft = build_record(
            facts, holder=evidence.holder, portraits=(evidence.chip_portrait, evidence.live_portrait), salts=os.urandom(SALTS_LENGTH)
        )
        signed = sign_record(draft, unit.signer)
        items = {
            "record": signed.message,
            "items": seal_items(draft, vault_key=unit.trust.vault_key),
            "profile-key": private_key,
            "masked": cbor.encode([evidence.masked["name"], evidence.masked["number"]]),
        }
        link = RecordLink(last.seq + 1, signed.digest)
        event = RecordSigned(now.at, now.boot_id, now.boot_ms, signed.digest, signed.nonce, link.seq)
        return Result(event, items, link)

    async def submit(self, max_age_s: int) -> Result:
        """Send the stored record, verify the approval against it, open the profile."""
        unit = self.unit
        record = read_record(unit.journal.item(self.session, "record"))
        answer = await self._ask(record.message, unit.journal.item(self.session, "items"))
        now = unit.clock.now()
        situation = Situation(
            operator=unit.trust.operator_id,
            terminal=unit.serial,
            card=record.card,
            boot_id=now.boot_id,
            boot_ms=now.boot_ms,
            seconds=now.at,
            max_age_s=max_age_s,
        )
        private_key = unit.journal.item(self.session, "profile-key")
        try:
            approval = check_approval(
                answer.approval, record=record, keyring=unit.trust.keyring, sealed=answer.profile, situation=situation
            )
            _, plaintext = open_issue_data(answer.profile, private_key=private_key, approval=approval)
        except Refused as error:
            raise Stop(error.code) from error
        unit.clock.seen(approval.issued_at)
        until = min(approval.valid_until_boot_ms, now.boot_ms + 1000 * (approval.expires - now.at))
        event = Approved(
            approval=approval.approval_id,
            record=approval.record,
            nonce=approval.nonce,
            terminal=unit.serial,
            card=approval.card.digest,
            profile=approval.issue_data,
            boot_id=approval.boot_id,
            valid_until_boot_ms=until,
        )
        return Result(event, {"profile": plaintext})

    async def _ask(self, record: bytes, items: bytes) -> ApprovedAnswer:
        for attempt in range(1, SUBMIT_TRIES + 1):
            try:
                answer = await asyncio.to_thread(self.unit.backend.submit, self.session, record, items)
            except BackendError as error:
                _stop_if_final(error)
                if attempt == SUBMIT_TRIES:
                    raise Stop(UNREACHABLE) from error
                await self._pause(attempt)
                continue
            if isinstance(answer, ApprovedAnswer):
                return answer
            raise Stop(answer.code if answer.code in OUTCOMES else REJECTED)
        raise Stop(UNREACHABLE)

    async def _pause(self, attempt: int) -> None:
        try:
            async with asyncio.timeout(pause_after(attempt)):
                code = await self.unit.interrupt.wait()
        except TimeoutError:
            return
        raise Stop(code)

    async def recheck(self) -> Result:
        """Read the identity of the card in the slot once more."""
        try:
            card = await read_card(self.unit, DEVICE_S, DEVICE_S, must_be_blank=True)
        except DeviceFailed as failure:
            raise refusals.stop("recheck", failure.kind) from failure
        now = self.unit.clock.now()
        return Result(CardRechecked(now.boot_id, now.boot_ms, card.digest))

    async def write(self, permit: Permit) -> Result:
        """Write the profile that the permit names, on the card that it names."""
        plaintext = self.unit.journal.item(self.session, "profile")
        card = Card.from_claim(cbor.decode(self.unit.journal.item(self.session, "card")))
        if hashlib.sha256(plaintext).digest() != permit.profile or card.digest != permit.card:
            raise Stop("R707")
        profile = _profile(plaintext).to_card_dict()
        try:
            done = await self._card("write", profile=profile, expected_iccid=card.iccid)
        except DeviceFailed as failure:
            raise refusals.stop("write", failure.kind) from failure
        return Result(Written(int(done["apdus"])))

    async def verify(self, *, recovering: bool) -> Result:
        """Read the whole profile back. While recovering, a card that is not there or not complete is simply not equal."""
        profile = _profile(self.unit.journal.item(self.session, "profile"))
        try:
            if recovering:
                await self.unit.devices["sim_card"].call("await_card", timeout=self.unit.config.patience.card_back_s)
            found = await self._card("read_back", profile=profile.to_card_dict())
        except DeviceFailed as failure:
            if recovering:
                return Result(ReadBack(equal=False, iccid=""))
            raise refusals.stop("verify", failure.kind) from failure
        self.imsi = str(found["imsi"])
        return Result(ReadBack(equal=bool(found["equal"]), iccid=str(found["iccid"]), apdus=int(found["apdus"])))

    async def _card(self, op: str, **arguments: Any) -> dict[str, Any]:
        return await self.unit.devices["sim_card"].call(op, timeout=WRITE_S, **arguments)

    async def report(self, advice: Advice, outcome: str) -> Result | None:
        """Tell the operator once; ``None`` when it could not be reached or did not acknowledge properly.

        ``rejected`` then says whether it understood the report and will not take it: asking again cannot help, a person must look.
        """
        unit = self.unit
        self.rejected = False
        result = report.Result(
            terminal=unit.serial,
            seconds=unit.clock.now().at,
            session=self.session,
            verdict=report.Verdict(advice.status),
            code="" if advice.status == "written" else outcome,
            record=advice.record,
            approval_id=advice.approval or None,
            read_back=report.ReadBack(advice.iccid, advice.profile) if advice.status == "written" else None,
        )
        signed = report.sign_result(result, unit.signer)
        try:
            message = await asyncio.to_thread(unit.backend.report, self.session, signed.message)
            ack = report.verify_ack(
                message, result=signed, keyring=unit.trust.keyring, operator=unit.trust.operator_id, seconds=unit.clock.now().at
            )
        except (BackendError, AckRefused) as error:
            self.rejected = isinstance(error, BackendRefusedRequest) and not error.retryable
            return None
        unit.clock.seen(ack.seconds)
        return Result(Acknowledged(ack.effect.value, hashlib.sha256(message).digest()))

    async def print_receipt(self) -> Result:
        """Print the receipt; a printer that cannot does not undo an active card."""
        try:
            name, number = cbor.decode(self.unit.journal.item(self.session, "masked"))
            iccid = parse_issue_data(Mode.FIELDS, self.unit.journal.item(self.session, "profile")).iccid
            lines = receipt.lines(serial=self.unit.serial, session=self.session, masked={"name": name, "number": number}, iccid=iccid)
            await self.unit.devices["printer"].call("print", timeout=DEVICE_S, lines=lines, cut=True)
        except (DeviceFailed, ItemGone):
            return Result(ReceiptDone(printed=False))
        return Result(ReceiptDone(printed=True))

    def remembered(self) -> tuple[dict[str, str], str]:
        """Return the masked identity and the IMSI of a session found open, as far as they were stored and not yet erased."""
        masked, imsi = {}, ""
        with contextlib.suppress(ItemGone):
            name, number = cbor.decode(self.unit.journal.item(self.session, "masked"))
            masked = {"name": name, "number": number}
            imsi = parse_issue_data(Mode.FIELDS, self.unit.journal.item(self.session, "profile")).imsi
        return masked, imsi

    async def count_card_traffic(self) -> None:
        """Take note of the commands and bytes exchanged with the card since the first call; a silent writer leaves the last count."""
        try:
            counted = await self.unit.devices["sim_card"].call("counters", timeout=DEVICE_S)
        except DeviceFailed:
            return
        now = int(counted["apdus"]), int(counted["bytes"])
        before = self._counted_before or now
        if now < before:  # the writer was replaced: what its successor counted is all that is known
            before = (0, 0)
        self._counted_before = before
        self.apdus, self.card_bytes = max(0, now[0] - before[0]), max(0, now[1] - before[1])


def _profile(plaintext: bytes) -> Profile:
    data = parse_issue_data(Mode.FIELDS, plaintext)
    if not isinstance(data, Profile):
        raise Stop(refusals.INTERNAL)
    return data


def _stop_if_final(error: BackendError) -> None:
    """Raise the :class:`Stop` of an answer that asking again cannot better: this terminal or its request is refused."""
    if isinstance(error, BackendUnreachable) and error.why is Why.CLIENT_CERTIFICATE:
        raise Stop(CERTIFICATE) from error
    if isinstance(error, BackendRefusedRequest) and not error.retryable:
        raise Stop(CERTIFICATE if error.status in _FORBIDDEN else REJECTED) from error


def _facts(unit: Unit, plan: Plan, evidence: Evidence, now: Moment, last: RecordLink, profile_key: bytes) -> RecordFacts:
    if evidence.card is None:
        raise Stop(refusals.INTERNAL)
    return RecordFacts(
        terminal=unit.serial,
        signed_at=now.at,
        session=evidence.session,
        nonce=evidence.nonce,
        transaction=plan.transaction,
        checks=tuple(evidence.checks),
        consents=tuple(evidence.consents),
        agreement=evidence.agreement,
        card=evidence.card,
        device=Device(unit.sam_id, unit.controller_version),
        protection=unit.signer.protection,
        software=unit.software,
        policy=plan.policy,
        boot_id=now.boot_id,
        boot_ms=now.boot_ms,
        sequence=last.seq + 1,
        previous=last.digest,
        journal=unit.journal.chain(evidence.session),
        face=Face(*evidence.match),
        profile_key=profile_key,
    )
