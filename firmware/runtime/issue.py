# SPDX-License-Identifier: Apache-2.0
"""From evidence to an active card, all but the card's own part: sign, submit, read the card again, report, receipt.

Each coroutine carries out one effect and returns its event; whether it may run at all was decided by the core and is in the journal.
What a later step or a restart needs lies in the session's sealed items: ``record``, ``items``, ``profile-key``, ``card``, ``profile`` (the
issue data), ``masked``, ``card_answers``. Writing and reading back is :mod:`firmware.runtime.writing`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from firmware.backend.answers import Approved as ApprovedAnswer
from firmware.backend.errors import BackendError, BackendRefusedRequest
from firmware.core import cbor, report
from firmware.core.approval import Situation, check_approval
from firmware.core.errors import AckRefused, Refused
from firmware.core.events import Acknowledged, Approved, CardRechecked, ReceiptDone, RecordSigned
from firmware.core.issue_data import open_issue_data, parse_issue_data
from firmware.core.outcomes import OUTCOMES
from firmware.core.record import SALTS_LENGTH, Device, RecordFacts, build_record, read_record, seal_items, sign_record
from firmware.core.session import CARD_ANSWERS
from firmware.journal import ItemGone, JournalCorrupt, RecordLink
from firmware.keystore import KeystoreError
from firmware.runtime import receipt, refusals
from firmware.runtime.asking import REJECTED, ask
from firmware.runtime.capture import read_card
from firmware.runtime.timing import DEVICE_S
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from firmware.core.issue_data import IssueData
    from firmware.core.mode import Mode
    from firmware.core.policy import Plan
    from firmware.core.report import CardAnswer
    from firmware.core.states import Advice
    from firmware.runtime.clock import Moment
    from firmware.runtime.unit import Evidence, Unit


class Issue:
    """The effects after the capture, for one session; ``mode`` is how its card is issued, once that is approved."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self.unit = unit
        self.session = session
        self.rejected = False
        self.approval_id = b""
        self.mode: Mode | None = None

    async def sign_record(self, plan: Plan, evidence: Evidence) -> Result:
        """Build, sign and seal the record of what was captured."""
        unit, now = self.unit, self.unit.clock.now()
        if evidence.holder is None or evidence.card is None or evidence.live_portrait is None or evidence.chip_portrait is None:
            raise Stop(refusals.INTERNAL)
        provider = unit.trust.provider
        private_key, public_key = provider.new_key()
        last = unit.journal.last_record()
        facts = _facts(unit, plan, evidence, now, last, public_key)
        draft = build_record(facts, (evidence.subscriber,), salts=os.urandom(SALTS_LENGTH), suite=provider.suite)
        try:
            signed = await asyncio.to_thread(sign_record, draft, unit.signer)  # a token may take its time
        except KeystoreError as error:
            raise Stop(refusals.KEY) from error
        items = {
            "record": signed.message,
            "items": seal_items(draft, vault_key=unit.trust.vault_key, provider=provider),
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
            _, plaintext = open_issue_data(answer.profile, private_key=private_key, approval=approval, provider=unit.trust.provider)
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
            mode=approval.mode,
            issue_data=approval.issue_data,
            boot_id=approval.boot_id,
            valid_until_boot_ms=until,
        )
        return Result(event, {"profile": plaintext})

    async def _ask(self, record: bytes, items: bytes) -> ApprovedAnswer:
        answer = await ask(lambda: self.unit.backend.submit(self.session, record, items), self._pause)
        if isinstance(answer, ApprovedAnswer):
            return answer
        raise Stop(answer.code if answer.code in OUTCOMES else REJECTED)

    async def _pause(self, seconds: float) -> None:
        """Let ``seconds`` pass; an interrupt ends the session."""
        try:
            async with asyncio.timeout(seconds):
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

    async def report(self, advice: Advice, outcome: str) -> Result | None:
        """Tell the operator once; ``None`` when it could not be reached, did not acknowledge properly, or the key did not sign.

        ``rejected`` then says whether it understood the report and will not take it: asking again cannot help, a person must look.
        """
        unit = self.unit
        self.rejected = False
        result = report.Result(
            terminal=unit.serial,
            seconds=unit.clock.now().at,
            session=self.session,
            verdict=report.Verdict(advice.status),
            code="" if advice.status in report.GOOD else outcome,
            record=advice.record,
            approval_id=advice.approval or None,
            read_back=report.ReadBack(advice.iccid, advice.issue_data) if advice.status in report.GOOD else None,
            answers=self._answers(advice.answers),
        )
        try:
            signed = await asyncio.to_thread(report.sign_result, result, unit.signer)
            message = await asyncio.to_thread(unit.backend.report, self.session, signed.message)
            ack = report.verify_ack(
                message, result=signed, keyring=unit.trust.keyring, operator=unit.trust.operator_id, seconds=unit.clock.now().at
            )
        except (BackendError, AckRefused, KeystoreError) as error:
            self.rejected = isinstance(error, BackendRefusedRequest) and not error.retryable
            return None
        unit.clock.seen(ack.seconds)
        return Result(Acknowledged(ack.effect.value, hashlib.sha256(message).digest()))

    def _answers(self, digest: bytes) -> tuple[CardAnswer, ...] | None:
        """Return what the card said, as the journal keeps it and its rows vouch for it."""
        if not digest:
            return None
        try:
            stored = self.unit.journal.item(self.session, CARD_ANSWERS)
        except ItemGone:
            return None  # lost with the controller that sealed them: the operator hears the verdict without them
        if hashlib.sha256(stored).digest() != digest:
            raise JournalCorrupt("the card's answers are not those of the session's rows")
        return report.decode_answers(stored)

    async def print_receipt(self) -> Result:
        """Print the receipt; a printer that cannot does not undo an active card."""
        try:
            name, number = cbor.decode(self.unit.journal.item(self.session, "masked"))
            iccid = self._issue_data().iccid
            lines = receipt.lines(serial=self.unit.serial, session=self.session, masked={"name": name, "number": number}, iccid=iccid)
            patience = min(DEVICE_S, self.unit.policies.packs.strictest("after_ack_s"))  # the data is erased by then, printed or not
            await self.unit.devices["printer"].call("print", timeout=patience, lines=lines, cut=True)
        except (DeviceFailed, ItemGone):
            return Result(ReceiptDone(printed=False))
        return Result(ReceiptDone(printed=True))

    def _issue_data(self) -> IssueData:
        if self.mode is None:
            raise Stop(refusals.INTERNAL)
        return parse_issue_data(self.mode, self.unit.journal.item(self.session, "profile"))

    def remembered(self) -> tuple[dict[str, str], str]:
        """Return the masked identity and the IMSI of a session found open, as far as they were stored and not yet erased."""
        masked, imsi = {}, ""
        with contextlib.suppress(ItemGone):
            name, number = cbor.decode(self.unit.journal.item(self.session, "masked"))
            masked = {"name": name, "number": number}
            imsi = self._issue_data().imsi if self.mode else ""
        return masked, imsi


def _facts(unit: Unit, plan: Plan, evidence: Evidence, now: Moment, last: RecordLink, profile_key: bytes) -> RecordFacts:
    if evidence.card is None:
        raise Stop(refusals.INTERNAL)
    return RecordFacts(
        terminal=unit.serial,
        signed_at=now.at,
        session=evidence.session,
        nonce=evidence.nonce,
        transaction=plan.transaction,
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
        profile_key=profile_key,
        modifiers=tuple(sorted(plan.modifiers)),
        channel=int(plan.level),
    )
