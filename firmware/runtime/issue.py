# SPDX-License-Identifier: Apache-2.0
"""From evidence to an active card, all but the card's own part: sign, submit, read the card again, report, receipt.

Each coroutine carries out one effect and returns its event; whether it may run at all was decided by the core and is in the journal.
What a later step or a restart needs lies in the session's sealed items: ``record``, ``items``, ``profile-key``, ``card``, ``profile`` (the
issue data), ``masked``, ``told``, ``card_answers``. Writing and reading back is :mod:`firmware.runtime.writing`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from firmware.backend.answers import Approved as ApprovedAnswer
from firmware.backend.answers import Held as HeldAnswer
from firmware.backend.answers import Refused as RefusedAnswer
from firmware.backend.errors import BackendError, BackendRefusedRequest
from firmware.core import cbor, events, report
from firmware.core.approval import Situation, check_acceptance, check_approval
from firmware.core.errors import AckRefused, Refused
from firmware.core.events import Accepted, Acknowledged, Approved, CardRechecked, Held, ReceiptDone, RecordSigned, Stored
from firmware.core.issue_data import open_issue_data, parse_issue_data
from firmware.core.outcomes import OUTCOMES
from firmware.core.policy import facts
from firmware.core.record import SALTS_LENGTH, Device, RecordFacts, build_record, read_record, seal_items, sign_record
from firmware.core.session import CARD_ANSWERS
from firmware.journal import ItemGone, JournalCorrupt, RecordLink
from firmware.keystore import KeystoreError
from firmware.kiosk.slips import ASK_STAFF
from firmware.runtime import agreeing, receipt, refusals
from firmware.runtime.asking import REJECTED, UNREACHABLE, ask, stop_if_final
from firmware.runtime.bringing import Bringing
from firmware.runtime.capture import read_card
from firmware.runtime.carrying import Carrying
from firmware.runtime.timing import DEVICE_S, HOLD_S, pause_after
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.core.issue_data import IssueData
    from firmware.core.mode import Mode
    from firmware.core.policy import Plan
    from firmware.core.record import SignedRecord
    from firmware.core.report import CardAnswer
    from firmware.core.states import Advice
    from firmware.runtime.clock import Moment
    from firmware.runtime.unit import Evidence, Unit


HOUR_S = 3600


class Issue:
    """The effects after the capture, for one session; ``mode`` is how its card is issued, once that is approved."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self.unit = unit
        self.session = session
        self.rejected = False
        self.approval_id = b""
        self.mode: Mode | None = None
        self._bringing = Bringing(unit, session)

    async def sign_record(self, plan: Plan, evidence: Evidence) -> Result:
        """Build, sign and seal the record of what was captured."""
        unit, now = self.unit, self.unit.clock.now()
        provider, people = unit.trust.provider, evidence.people
        private_key, public_key = provider.new_key() if plan.writes else (b"", None)
        last = unit.journal.last_record()
        facts = _facts(unit, plan, evidence, now, last, public_key)
        try:
            draft = build_record(facts, people, salts=os.urandom(SALTS_LENGTH * len(people)), suite=provider.suite)
        except ValueError as error:  # the plan and what was captured do not fit: a fault of ours
            raise Stop(refusals.INTERNAL) from error
        try:
            signed = await asyncio.to_thread(sign_record, draft, unit.signer)  # a token may take its time
        except KeystoreError as error:
            raise Stop(refusals.KEY) from error
        items = {
            "record": signed.message,
            "items": seal_items(draft, vault_key=unit.trust.vault_key, provider=provider),
            "masked": cbor.encode([evidence.masked.get("name", ""), evidence.masked.get("number", "")]),
            **({"profile-key": private_key} if plan.writes else {}),
        }
        link = RecordLink(last.seq + 1, signed.digest)
        event = RecordSigned(now.at, now.boot_id, now.boot_ms, signed.digest, signed.nonce, link.seq)
        return Result(event, items, link)

    @property
    def may_carry(self) -> bool:
        """Whether the submission may go by hand: it is configured, and the operator has not refused this terminal's log."""
        offline = self.unit.config.offline
        return bool(offline.folder or offline.lines) and not self.unit.log_refused

    async def submit(self, *, reachable: bool = True) -> Result:
        """Send the stored record and return the operator's decision, verified: approved, accepted or held; over the network, or by hand."""
        record = self._record()
        answer = await self._asked(record) if reachable else None
        if answer is None:
            return self._decided(record, await self._carried(record))
        if not isinstance(answer, HeldAnswer):
            return await self._backed(record, self._decided(record, answer))
        return Result(Held(self.unit.clock.now().at, answer.code, min(answer.until, self._usable(record))))

    async def _asked(self, record: SignedRecord) -> ApprovedAnswer | HeldAnswer | RefusedAnswer | None:
        """Return the operator's answer; ``None`` when it cannot be reached and the submission may be carried."""
        try:
            return await ask(self._request(record), self._pause)
        except Stop as stop:
            if stop.code != UNREACHABLE or not self.may_carry:
                raise
        return None

    async def _backed(self, record: SignedRecord, decided: Result) -> Result:
        """Return a good decision once the operator has the pictures it rests on."""
        await self._bringing.all(self._usable(record), self._pause)
        return decided

    def _usable(self, record: SignedRecord) -> int:
        """Return until when (Unix seconds) a decision on a record may be waited for."""
        name = "approval_max_age_s" if record.card else "session_max_s"
        return record.record.facts.signed_at + self.unit.policies.packs.strictest(name)

    async def _carried(self, record: SignedRecord) -> ApprovedAnswer | RefusedAnswer:
        """Return the answer that somebody carries in, as long as an approval of this record could still be fresh."""
        facts, now = record.record.facts, self.unit.clock.now()
        max_age_ms = 1000 * self.unit.policies.packs.strictest("approval_max_age_s")
        left_ms = facts.boot_ms + max_age_ms - now.boot_ms if now.boot_id == facts.boot_id else 0
        items = self.unit.journal.item(self.session, "items")
        return await Carrying(self.unit, self.session).ask(record.message, items, left_ms / 1000)

    async def ask_again(self, code: str, until: int) -> Result:
        """Ask for the decision, ever more patiently, until there is one; ``code`` ends the session when ``until`` has come.

        What a reviewer must see to decide is brought first.
        """
        record, attempt = self._record(), 0
        while self.unit.clock.now().at < until:
            attempt += 1
            with contextlib.suppress(Stop):  # what is decided meanwhile says more than that nothing is wanted any more
                await self._bringing.once()
            await self._pause(pause_after(attempt, most=HOLD_S))
            answer = await ask(self._request(record), self._pause)
            if not isinstance(answer, HeldAnswer):
                return await self._backed(record, self._decided(record, answer))
        raise Stop(code)

    async def store(self) -> Result:
        """Put the capsule by; the slip says until when it waits."""
        now, record = self.unit.clock.now(), self._record()
        until = record.record.facts.signed_at + HOUR_S * self.unit.policies.packs.strictest("offline_hours")
        lines = receipt.stored(serial=self.unit.serial, session=self.session, until=until)
        with contextlib.suppress(DeviceFailed):  # the capsule waits all the same, and the screen says so
            await self.unit.devices["printer"].call("print", timeout=DEVICE_S, papers=[lines], cut=True)
        return Result(Stored(now.at, until))

    async def forward(self, until: int) -> Result | None:
        """Send a capsule once; ``None`` when the operator could not be reached or has not decided, R801 when its time is over."""
        if self.unit.clock.now().at >= until:
            raise Stop(UNREACHABLE)
        record = self._record()
        try:
            answer = await asyncio.to_thread(self._request(record))
        except BackendError as error:
            stop_if_final(error)
            return None
        return None if isinstance(answer, HeldAnswer) else self._decided(record, answer, tell=False)

    def _signed_in(self, session: bytes) -> bytes:
        """Return the digest of the record this terminal signed in a session, of which the journal may hold nothing else any more."""
        rows = (events.decode(row.kind, row.payload) for row in self.unit.journal.rows(session) if row.kind in events.KINDS)
        return next((event.record for event in rows if isinstance(event, RecordSigned)), b"")

    def _record(self) -> SignedRecord:
        return read_record(self.unit.journal.item(self.session, "record"))

    def _request(self, record: SignedRecord) -> Callable[[], ApprovedAnswer | HeldAnswer | RefusedAnswer]:
        items = self.unit.journal.item(self.session, "items")
        return lambda: self.unit.backend.submit(self.session, record.message, items)

    def _decided(self, record: SignedRecord, answer: ApprovedAnswer | RefusedAnswer, *, tell: bool = True) -> Result:
        """Verify the operator's word against the record, and open the profile where there is one; ``tell`` somebody at the counter."""
        if isinstance(answer, RefusedAnswer):
            raise Stop(answer.code if answer.code in OUTCOMES else REJECTED)
        unit, now = self.unit, self.unit.clock.now()
        situation = Situation(
            operator=unit.trust.operator_id,
            terminal=unit.serial,
            card=record.card,
            boot_id=now.boot_id,
            boot_ms=now.boot_ms,
            seconds=now.at,
            max_age_s=unit.policies.packs.strictest("approval_max_age_s"),
            earlier=self._signed_in,
        )
        try:
            if record.card is None:
                word = check_acceptance(answer.approval, record=record, keyring=unit.trust.keyring, situation=situation)
                unit.clock.seen(word.issued_at)
                accepted = Accepted(word.approval_id, word.record, word.nonce, unit.serial)
                return Result(accepted, {"told": cbor.encode(list(word.lines))} if tell else {})
            private_key = unit.journal.item(self.session, "profile-key")
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
            read_back=report.ReadBack(advice.iccid, advice.issue_data) if advice.status in report.WITH_CARD else None,
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
            iccid = self._issue_data().iccid if self.mode else ""
            masked = {"name": name, "number": number}
            phone = facts(self.unit.policies.packs).get("O-3", ASK_STAFF)
            lines = receipt.lines(
                serial=self.unit.serial, session=self.session, masked=masked, iccid=iccid, told=self._told(), phone=phone[0]
            )
            patience = min(DEVICE_S, self.unit.policies.packs.strictest("after_ack_s"))  # the data is erased by then, printed or not
            await self.unit.devices["printer"].call("print", timeout=patience, papers=[*self._copy(), lines], cut=True)
        except (DeviceFailed, ItemGone):
            return Result(ReceiptDone(printed=False))
        return Result(ReceiptDone(printed=True))

    def _copy(self) -> list[list[str]]:
        """Return the customer's copy of the agreement, where the session has one."""
        with contextlib.suppress(ItemGone):
            return [agreeing.copy(self.unit.journal.item(self.session, agreeing.ITEM))]
        return []

    def _told(self) -> list[str]:
        """Return what the operator answered to a record without a card, as it was stored."""
        with contextlib.suppress(ItemGone):
            return [str(line) for line in cbor.decode(self.unit.journal.item(self.session, "told"))]
        return []

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


def _facts(unit: Unit, plan: Plan, evidence: Evidence, now: Moment, last: RecordLink, profile_key: bytes | None) -> RecordFacts:
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
        evidence=tuple(sorted(evidence.other.items())),
        clerk=evidence.clerk,
        second=evidence.second,
    )
