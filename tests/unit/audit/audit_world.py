# SPDX-License-Identifier: Apache-2.0
"""One good message of every signed kind, who verifies it, and an audit log with its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from firmware.core import cbor, cose
from firmware.core.checkpoint import FIRST, Checkpoint, SignedCheckpoint, sign_checkpoint, verify_checkpoint, verify_countersignature
from firmware.core.errors import AckRefused, ApprovalRefused, Malformed, PackRefused, SignatureRefused, TwoPeopleRefused
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.policy import SignedPack, parse_source, read_pack, sign_pack
from firmware.core.record import verify_record
from firmware.core.report import Result, Verdict, sign_result, verify_ack, verify_result
from firmware.core.staff import check_two_people, read_roster
from firmware.journal import Journal, RecordLink, Spend, audit_file
from tests.unit.core_codecs.core_world import (
    BOOT,
    OPERATOR,
    OPERATOR_KEY,
    OPERATOR_KEYS,
    RECORD,
    RECORD_KEYS,
    SERIAL,
    SESSION,
    SIGNED_AT,
    TERMINAL_KEY,
    ScalarSigner,
    approval_message,
    check,
)
from tests.unit.staff.staff_world import CLERK, POLICY_KEY, REQUEST, ROSTER, SUPERVISOR, roster_message, warrant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORE_KEY = bytes(range(32))
REFUSALS = (SignatureRefused, Malformed, ApprovalRefused, AckRefused, PackRefused, TwoPeopleRefused)
"""The declared errors of the verifiers."""

RESULT = sign_result(Result(SERIAL, SIGNED_AT, SESSION, Verdict.CANCELLED, "R207", RECORD.digest), TERMINAL_KEY)
CHECKPOINT = sign_checkpoint(Checkpoint(SERIAL, SIGNED_AT, 7, b"\x07" * 32, BOOT, 9), TERMINAL_KEY)


PACK = sign_pack(
    SignedPack(
        parse_source(
            b'id = "cn/x"\nversion = 1\nparents = ["cn/base@2"]\n'
            b'[[limit]]\nname = "after_ack_s"\nvalue = 30\nclauses = "CM-3"\nmark = "own"\n'
        ),
        OPERATOR,
        SIGNED_AT,
        SIGNED_AT,
        SIGNED_AT + 9,
    ),
    POLICY_KEY,
)
POLICY_KEYS = Keyring([Key.from_spki(POLICY_KEY.spki, Purpose.POLICY), Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL)])


def countersign(signed: SignedCheckpoint, signer: ScalarSigner = OPERATOR_KEY, **changes: Any) -> bytes:
    """Return the operator's countersignature with changed claims (``c257="x"``)."""
    said = signed.checkpoint
    claims: dict[int, Any] = {1: OPERATOR, 6: SIGNED_AT + 5, 256: 1, 257: said.terminal, 258: said.size, 259: said.root}
    claims |= {int(name[1:]): value for name, value in changes.items()}
    return cose.sign1(cbor.encode(claims), typ=cose.Type.COUNTERSIGNATURE, signer=signer, aad=signed.digest)


def _ack() -> bytes:
    payload = cbor.encode({1: OPERATOR, 6: SIGNED_AT + 5, 7: SESSION, 256: 1, 257: "released"})
    return cose.sign1(payload, typ=cose.Type.ACK, signer=OPERATOR_KEY, aad=RESULT.digest)


@dataclass(frozen=True)
class Kind:
    """One kind of signed message: a good one, its verifier, and what forging one takes."""

    typ: cose.Type
    message: bytes
    verify: Callable[[bytes], Any]
    signer: ScalarSigner
    aad: bytes = field(default=b"")

    @property
    def payload(self) -> bytes:
        """The signed bytes."""
        return bytes(cbor.decode(self.message[1:], 1 << 17)[2])

    def forged(self, payload: bytes | None = None, header: dict[int, Any] | None = None, signer: ScalarSigner | None = None) -> bytes:
        """Return a message signed over whatever it says, with header entries changed."""
        signer = signer or self.signer
        entries = {1: -7, 4: signer.kid, 16: self.typ.value} | (header or {})
        protected, content = cbor.encode(entries), self.payload if payload is None else payload
        signature = signer.sign(cbor.encode(["Signature1", protected, self.aad, content]))
        return b"\xd2" + cbor.encode([protected, {}, content, signature])


KINDS = {
    kind.typ.value: kind
    for kind in (
        Kind(cose.Type.RECORD, RECORD.message, lambda m: verify_record(m, keyring=RECORD_KEYS), TERMINAL_KEY),
        Kind(cose.Type.APPROVAL, approval_message(), check, OPERATOR_KEY, RECORD.digest),
        Kind(cose.Type.RESULT, RESULT.message, lambda m: verify_result(m, keyring=RECORD_KEYS, approval_id=None), TERMINAL_KEY),
        Kind(
            cose.Type.ACK,
            _ack(),
            lambda m: verify_ack(m, result=RESULT, keyring=OPERATOR_KEYS, operator=OPERATOR),
            OPERATOR_KEY,
            RESULT.digest,
        ),
        Kind(cose.Type.CHECKPOINT, CHECKPOINT.message, lambda m: verify_checkpoint(m, keyring=RECORD_KEYS), TERMINAL_KEY),
        Kind(
            cose.Type.COUNTERSIGNATURE,
            countersign(CHECKPOINT),
            lambda m: verify_countersignature(m, checkpoint=CHECKPOINT, keyring=OPERATOR_KEYS, operator=OPERATOR),
            OPERATOR_KEY,
            CHECKPOINT.digest,
        ),
        Kind(cose.Type.POLICY, PACK, lambda m: read_pack(m, keyring=POLICY_KEYS, operator=OPERATOR, seconds=SIGNED_AT), POLICY_KEY),
        Kind(
            cose.Type.ROSTER,
            roster_message(),
            lambda m: read_roster(m, keyring=POLICY_KEYS, operator=OPERATOR, seconds=SIGNED_AT),
            POLICY_KEY,
        ),
        Kind(
            cose.Type.WARRANT,
            warrant(SUPERVISOR),
            lambda m: check_two_people(REQUEST, [warrant(CLERK), m], ROSTER, seconds=SIGNED_AT),
            SUPERVISOR.signer,
            sha256(REQUEST).digest(),
        ),
    )
}


class Unit:
    """A terminal reduced to its journal and its key, and the operator's countersignatures."""

    def __init__(self, path: Path, signer: ScalarSigner = TERMINAL_KEY) -> None:
        self.path, self.signer = path, signer
        self.journal = Journal.open(path, STORE_KEY)
        self.checkpoints: list[SignedCheckpoint] = []

    def session(self, number: int) -> bytes:
        """Journal a session of four rows; returns its name."""
        name, j = number.to_bytes(16, "big"), self.journal
        link = RecordLink(j.last_record().seq + 1, bytes([number % 256]) * 32)
        j.append(name, "opened", b"%d" % number)
        j.append(name, "record-signed", b"signed", record=link)
        spend = Spend(number.to_bytes(16, "little"), (number + 1000).to_bytes(16, "little"), (number + 1).to_bytes(32, "big"))
        j.append(name, "card-rechecked", b"", spend=spend)
        j.append(name, "erased", b"", erase=True, close=True)
        return name

    def checkpoint(self, *, countersigned: bool = True) -> SignedCheckpoint:
        """Sign and store the log's head, and have it countersigned."""
        size, root = self.journal.audit_head()
        last = self.journal.last_checkpoint()
        previous = FIRST if last is None else verify_checkpoint(last.message, keyring=RECORD_KEYS).digest
        signed = sign_checkpoint(Checkpoint(SERIAL, SIGNED_AT + size, size, root, BOOT, 10 * size, previous), self.signer)
        self.journal.add_checkpoint(signed.message)
        self.checkpoints.append(signed)
        if countersigned:
            self.journal.add_countersignature(countersign(signed))
        return signed

    def live(self, first: int, sessions: int) -> None:
        """Journal sessions, each followed by a checkpoint."""
        for number in range(first, first + sessions):
            self.session(number)
            self.checkpoint()

    def parts(self) -> Iterator[bytes]:
        """Yield the log as it is exported."""
        size, root = self.journal.audit_head()
        yield audit_file.encode_part(audit_file.Head(SERIAL))
        for batch in audit_file.batches(audit_file.LoggedRow(*row) for row in self.journal.outlines(0)):
            yield audit_file.encode_part(batch)
        yield audit_file.encode_part(audit_file.End(size, root))
