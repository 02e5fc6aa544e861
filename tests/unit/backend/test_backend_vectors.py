# SPDX-License-Identifier: Apache-2.0
"""The session signed by independent libraries, read by the terminal's own codecs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware.core import hpke
from firmware.core.approval import Situation, check_approval
from firmware.core.issue_data import open_issue_data
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.record import SignedRecord, disclose, items_info, verify_record
from firmware.core.report import verify_ack, verify_result

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "backend" / "session.json").read_text(encoding="utf-8"))


def octets(*path: str) -> bytes:
    value: Any = VECTOR
    for name in path:
        value = value[name]
    return bytes.fromhex(value)


TERMINAL_KEYS = Keyring([Key.from_spki(octets("keys", "record_spki"), Purpose.RECORD)])
OPERATOR_KEYS = Keyring([Key.from_spki(octets("keys", "approval_spki"), Purpose.APPROVAL)])


def record() -> SignedRecord:
    return verify_record(octets("record", "message"), keyring=TERMINAL_KEYS)


def test_the_record_verifies_and_its_items_disclose() -> None:
    signed = record()
    assert signed.digest == octets("record", "digest")
    sealed, private = octets("items", "sealed"), octets("keys", "vault_private")
    plain = hpke.open_sealed(sealed, private_key=private, info=items_info(signed.session))
    assert plain == octets("items", "plaintext")
    assert len(disclose(signed.record, plain)) == 9


def test_the_approval_permits_and_the_profile_opens() -> None:
    signed, facts = record(), record().record.facts
    now = Situation(VECTOR["operator"], VECTOR["terminal"], signed.card, facts.boot_id, facts.boot_ms + 2000, VECTOR["time"], 600)
    sealed = octets("profile", "sealed")
    approval = check_approval(octets("approval", "message"), record=signed, keyring=OPERATOR_KEYS, sealed=sealed, situation=now)
    assert approval.approval_id == octets("approval", "id")
    data, _ = open_issue_data(sealed, private_key=octets("keys", "session_private"), approval=approval)
    assert signed.card
    assert data.iccid == signed.card.iccid


def test_the_result_is_acknowledged() -> None:
    result = verify_result(octets("result", "message"), keyring=TERMINAL_KEYS, approval_id=octets("approval", "id"))
    ack = verify_ack(octets("ack", "message"), result=result, keyring=OPERATOR_KEYS, operator=VECTOR["operator"])
    assert ack.effect.value == VECTOR["ack"]["effect"]
