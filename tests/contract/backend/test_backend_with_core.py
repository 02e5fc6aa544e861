# SPDX-License-Identifier: Apache-2.0
"""The terminal's own codecs against the operator: two implementations of one message text, and every misuse refused with its code."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from firmware.backend import Approved, BackendClient
from firmware.core import hpke
from firmware.core.approval import Situation, check_approval
from firmware.core.errors import Refused
from firmware.core.issue_data import open_issue_data
from firmware.core.keyring import Trust
from firmware.core.record import Card, SignedRecord, build_record, seal_items, sign_record
from firmware.core.report import Effect, ReadBack, Result, Verdict, sign_result, verify_ack
from simulators.backend.approvals import VARIANTS
from simulators.backend.misuse import ISSUE_VARIANTS
from tests.contract.backend.operator_messages import Operator, Unit
from tests.unit.core_codecs import core_world as world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from firmware.core.approval import Approval

REFUSED_WITH = {
    **dict.fromkeys(("wrong_operator", "wrong_decision", "wrong_version", "extra_member", "wrong_record", "no_aad"), "R704"),
    **dict.fromkeys(("bad_signature", "truncated", "trailing_byte", "wrong_typ", "wrong_kid", "unknown_kid", "foreign_key"), "R704"),
    "unopenable_profile": "R704",
    "replay": "R707",  # the operator's word about the record of an earlier session
    **dict.fromkeys(("wrong_terminal", "wrong_card", "wrong_atr", "wrong_nonce", "wrong_session"), "R707"),
    **dict.fromkeys(("other_profile", "other_plaintext", "other_card_profile"), "R707"),
    **dict.fromkeys(("expired", "not_yet", "too_old"), "R705"),
    **dict.fromkeys(tuple(ISSUE_VARIANTS), "R704"),
}


@dataclass(frozen=True)
class Terminal:
    """A terminal whose messages come from firmware.core."""

    operator: Operator
    unit: Unit
    signer: world.ScalarSigner
    trust: Trust
    client: BackendClient
    secret: bytes
    signed: dict[bytes, bytes] = field(default_factory=dict)

    def record(self) -> tuple[SignedRecord, bytes]:
        card = Card(self.operator.blank(), bytes.fromhex("3b9f96"), "test-uicc")
        changes = {"terminal": self.unit.serial, "signed_at": int(time.time()), "session": os.urandom(16), "nonce": os.urandom(16)}
        chain = {"sequence": self.unit.sequence + 1, "previous": self.unit.last, "card": card, "profile_key": hpke.public_of(self.secret)}
        draft = build_record(world.facts(**changes, **chain), (world.person(),), salts=os.urandom(len(world.SALTS)))
        record = sign_record(draft, self.signer)
        self.unit.sequence, self.unit.last = self.unit.sequence + 1, record.digest
        self.signed[record.session] = record.digest
        return record, seal_items(draft, vault_key=self.trust.vault_key)

    def check(self, record: SignedRecord, answer: Approved) -> Approval:
        now = Situation(
            operator=self.trust.operator_id,
            terminal=self.unit.serial,
            card=record.card,
            boot_id=record.record.facts.boot_id,
            boot_ms=record.record.facts.boot_ms + 2000,
            seconds=int(time.time()),
            max_age_s=600,
            earlier=lambda session: self.signed.get(session, b""),
        )
        approval = check_approval(answer.approval, record=record, keyring=self.trust.keyring, sealed=answer.profile, situation=now)
        open_issue_data(answer.profile, private_key=self.secret, approval=approval)
        return approval


@pytest.fixture
def terminal(operator: Operator, tmp_path: Path) -> Iterator[Terminal]:
    operator.control("quota", number=world.NUMBER, held=0)
    signer = world.ScalarSigner(int.from_bytes(os.urandom(16)))
    unit = Unit.enrolled(operator, tmp_path / "unit", f"RNT-{os.urandom(4).hex().upper()}", signer.key)
    with BackendClient(operator.url, operator.ca, unit.certificate, unit.key, 10) as client:
        yield Terminal(operator, unit, signer, Trust.from_json(unit.enrolment["trust"]), client, os.urandom(32))


def submit(terminal: Terminal) -> tuple[SignedRecord, Approved]:
    record, items = terminal.record()
    answer = terminal.client.submit(record.session, record.message, items)
    assert isinstance(answer, Approved), answer
    return record, answer


def test_a_session_of_core_messages_ends_active(terminal: Terminal) -> None:
    record, answer = submit(terminal)
    approval = terminal.check(record, answer)
    result = sign_result(
        Result(
            terminal=terminal.unit.serial,
            seconds=int(time.time()),
            session=record.session,
            verdict=Verdict.WRITTEN,
            code="",
            record=record.digest,
            approval_id=approval.approval_id,
            read_back=ReadBack(approval.card.iccid, approval.issue_data),
        ),
        terminal.signer,
    )
    message = terminal.client.report(record.session, result.message)
    ack = verify_ack(message, result=result, keyring=terminal.trust.keyring, operator=terminal.trust.operator_id)
    assert ack.effect is Effect.ACTIVE


def test_every_variant_has_its_code() -> None:
    assert set(REFUSED_WITH) == set(VARIANTS) | {"replay"}


@pytest.mark.parametrize(("variant", "code"), sorted(REFUSED_WITH.items()))
def test_a_wrong_approval_is_refused_and_the_session_given_up(terminal: Terminal, variant: str, code: str) -> None:
    terminal.check(*submit(terminal))
    terminal.operator.fault("approve", "bad_approval", variant=variant)
    record, answer = submit(terminal)
    with pytest.raises(Refused) as refused:
        terminal.check(record, answer)
    assert refused.value.code == code
    cancelled = Result(terminal.unit.serial, int(time.time()), record.session, Verdict.CANCELLED, code, record.digest)
    result = sign_result(cancelled, terminal.signer)
    message = terminal.client.report(record.session, result.message)
    ack = verify_ack(message, result=result, keyring=terminal.trust.keyring, operator=terminal.trust.operator_id)
    assert ack.effect is Effect.RELEASED
    terminal.check(*submit(terminal))
