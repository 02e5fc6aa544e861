# SPDX-License-Identifier: Apache-2.0
"""Attacks on every kind of signed message: nothing but the good message passes, and only declared errors come out."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.core import cbor, cose
from firmware.core.checkpoint import verify_checkpoint, verify_countersignature
from firmware.core.errors import AckRefused, SignatureFault, SignatureRefused
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.record import verify_record
from firmware.core.report import verify_ack, verify_result
from firmware.core.staff import read_roster
from tests.support import cddl
from tests.unit.audit.audit_world import CHECKPOINT, KINDS, REFUSALS, RESULT, Kind, countersign
from tests.unit.core_codecs.core_world import OPERATOR, OPERATOR_KEY, RECORD, SIGNED_AT, STRANGER_KEY, TERMINAL_KEY, ScalarSigner
from tests.unit.staff.staff_world import POLICY_KEY, roster_message

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


OPTIONAL = {(cose.Type.RECORD, key) for key in (263, 274)} | {(cose.Type.RESULT, key) for key in (259, 261, 262)}
"""What a plan, or a verdict, may go without."""


def refused(kind: Kind, message: bytes) -> bool:
    try:
        kind.verify(message)
    except REFUSALS:
        return True
    return False


@EVERY_KIND
def test_good_message_passes(kind: Kind) -> None:
    kind.verify(kind.message)
    kind.verify(kind.forged())


@pytest.mark.slow
@EVERY_KIND
def test_every_bit_flipped_is_refused(kind: Kind) -> None:
    passed = []
    for bit in range(len(kind.message) * 8):
        flipped = bytearray(kind.message)
        flipped[bit // 8] ^= 1 << bit % 8
        if not refused(kind, bytes(flipped)):
            passed.append(bit)
    assert passed == []


@EVERY_KIND
def test_every_truncation_and_every_trailing_byte_is_refused(kind: Kind) -> None:
    assert all(refused(kind, kind.message[:length]) for length in range(len(kind.message)))
    assert all(refused(kind, kind.message + bytes([byte])) for byte in range(256))


@EVERY_KIND
def test_signed_payload_in_another_encoding_is_refused(kind: Kind) -> None:
    """The right key signed it; the same claims in a second encoding are still no message."""
    payload = kind.payload
    head, rest = payload[:1], payload[1:] if payload[0] != 0xB8 else payload[2:]
    size = payload[0] - 0xA0 if payload[0] != 0xB8 else payload[1]
    claims = cbor.decode(payload)
    first = cbor.encode({min(claims): claims[min(claims)]})[1:]
    variants = {
        "indefinite map": b"\xbf" + rest + b"\xff",
        "long map head": b"\xb9" + size.to_bytes(2, "big") + rest,
        "long key": head + payload[1:].replace(b"\x01", b"\x18\x01", 1),
        "duplicate key": _map_head(size + 1) + first + rest,
        "keys in another order": _map_head(size) + rest[len(first) :] + first,
        "trailing byte": payload + b"\x00",
        "tagged": b"\xd9\xd9\xf7" + payload,
        "negative key": _map_head(size + 1) + rest + b"\x20\x00",
        "text key": _map_head(size + 1) + rest + b"\x61x\x00",
        "float": payload.replace(b"\x19\x01\x00\x01", b"\x19\x01\x00\xf9\x3c\x00", 1),
        "nothing": b"",
    }
    for name, variant in variants.items():
        assert variant != payload, name
        assert refused(kind, kind.forged(variant)), name


def _map_head(size: int) -> bytes:
    return bytes([0xA0 + size]) if size < 24 else bytes([0xB8, size])


@EVERY_KIND
def test_signed_payload_with_a_claim_missing_added_or_of_another_type_is_refused(kind: Kind) -> None:
    claims = cbor.decode(kind.payload)
    for key, value in claims.items():
        optional = (kind.typ, key) in OPTIONAL
        assert optional or refused(kind, kind.forged(cbor.encode({k: v for k, v in claims.items() if k != key}))), key
        for other in OTHER_TYPES:
            if type(other) is not type(value):
                assert refused(kind, kind.forged(cbor.encode(claims | {key: other}))), (key, other)
    assert refused(kind, kind.forged(cbor.encode(claims | {999: 0})))
    assert refused(kind, kind.forged(cbor.encode(claims | {256: 2})))


@EVERY_KIND
@pytest.mark.parametrize("typ", [typ.value for typ in cose.Type])
def test_message_of_another_type_is_refused(kind: Kind, typ: str) -> None:
    if typ != kind.typ:
        assert refused(kind, kind.forged(header={16: typ}))
        assert typ not in KINDS or refused(kind, KINDS[typ].message)


@EVERY_KIND
def test_message_with_another_algorithm_key_or_header_is_refused(kind: Kind) -> None:
    for alg in (-8, -9, -35, -36, -257, 5, 0, 1):
        assert refused(kind, kind.forged(header={1: alg})), alg
    other_purpose = TERMINAL_KEY if kind.signer is OPERATOR_KEY else OPERATOR_KEY
    for signer in (STRANGER_KEY, other_purpose):
        assert refused(kind, kind.forged(signer=signer))
        assert refused(kind, kind.forged(signer=signer, header={4: kind.signer.kid}))
    for header in ({2: [16]}, {3: 0}, {5: b""}, {4: b""}, {4: kind.signer.kid[:15]}):
        assert refused(kind, kind.forged(header=header)), header


@EVERY_KIND
def test_reason_is_the_first_question_that_fails(kind: Kind) -> None:
    def verify(message: bytes) -> SignatureFault:
        with pytest.raises(SignatureRefused) as caught:
            cose.read_unverified(message, typ=kind.typ)
        return caught.value.reason

    assert verify(kind.message[:-1]) is SignatureFault.MALFORMED
    assert verify(kind.forged(header={16: "rnt-other"})) is SignatureFault.TYPE


TIMED: dict[str, tuple[ScalarSigner, Purpose, Callable[[Keyring, int | None], Any]]] = {
    "record": (TERMINAL_KEY, Purpose.RECORD, lambda k, s: verify_record(RECORD.message, keyring=k, seconds=s)),
    "result": (TERMINAL_KEY, Purpose.RECORD, lambda k, s: verify_result(RESULT.message, keyring=k, approval_id=None, seconds=s)),
    "checkpoint": (TERMINAL_KEY, Purpose.RECORD, lambda k, s: verify_checkpoint(CHECKPOINT.message, keyring=k, seconds=s)),
    "ack": (
        OPERATOR_KEY,
        Purpose.APPROVAL,
        lambda k, s: verify_ack(KINDS["rnt-ack"].message, result=RESULT, keyring=k, operator=OPERATOR, seconds=s),
    ),
    "countersignature": (
        OPERATOR_KEY,
        Purpose.APPROVAL,
        lambda k, s: verify_countersignature(countersign(CHECKPOINT), checkpoint=CHECKPOINT, keyring=k, seconds=s),
    ),
    "roster": (
        POLICY_KEY,
        Purpose.POLICY,
        lambda k, s: read_roster(roster_message(), keyring=k, operator=OPERATOR, seconds=0 if s is None else s),
    ),
}
"""Message → its key, the key's purpose, its verifier with a keyring and a time."""


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    ("begins", "ends", "asked", "good"),
    [
        (SIGNED_AT, SIGNED_AT + 1, SIGNED_AT, True),
        (SIGNED_AT + 1, SIGNED_AT + 9, SIGNED_AT, False),
        (SIGNED_AT - 9, SIGNED_AT, SIGNED_AT, False),
        (SIGNED_AT, SIGNED_AT + 1, None, False),
    ],
    ids=["in-its-time", "not-yet-valid", "expired", "no-time-asked"],
)
def test_message_of_a_key_outside_its_time_is_refused(name: str, begins: int, ends: int, asked: int | None, good: bool) -> None:  # noqa: FBT001  # the parameter under test
    signer, purpose, verify = TIMED[name]
    keyring = Keyring([Key.from_spki(signer.spki, purpose, not_before=begins, not_after=ends)])
    if good:
        verify(keyring, asked)
        return
    with pytest.raises((SignatureRefused, AckRefused)):
        verify(keyring, asked)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("purpose", Purpose)
def test_message_of_a_key_of_another_purpose_is_refused(name: str, purpose: Purpose) -> None:
    signer, own, verify = TIMED[name]
    keyring = Keyring([Key.from_spki(signer.spki, purpose)])
    if purpose is own:
        verify(keyring, SIGNED_AT)
        return
    with pytest.raises((SignatureRefused, AckRefused)):
        verify(keyring, SIGNED_AT)


def test_countersignature_of_another_unit_size_root_or_checkpoint_is_refused() -> None:
    kind = KINDS["rnt-countersignature"]
    for change in ({"c257": "RNT-000002"}, {"c258": 8}, {"c259": bytes(32)}, {"c1": "operator-other"}):
        assert refused(kind, countersign(CHECKPOINT, **change)), change
    moved = kind.forged()  # over the digest of our checkpoint; another checkpoint has another
    other = Kind(kind.typ, moved, kind.verify, kind.signer, hashlib.sha256(b"another").digest())
    assert refused(kind, other.forged())


OTHER_TYPES: tuple[Any, ...] = (None, [], {}, -1, "\x00", b"")
RULES = {typ: typ.removeprefix("rnt-") for typ in KINDS} | {"rnt-policy": "policy-pack"}


@EVERY_KIND
def test_message_and_payload_are_what_the_message_text_says(kind: Kind) -> None:
    assert cddl.valid("signed-message", kind.message)
    assert cddl.valid(RULES[kind.typ], kind.payload)


@EVERY_KIND
def test_mutated_payload_is_not_what_the_message_text_says(kind: Kind) -> None:
    """The independent validator and our codec agree on what is out: whatever the text refuses, we refuse."""
    rule, claims = RULES[kind.typ], cbor.decode(kind.payload)
    mutants: list[dict[int, Any]] = [claims | {999: 0}, claims | {256: 2}]
    mutants += [{k: v for k, v in claims.items() if k != key} for key in claims]
    mutants += [claims | {key: [[]]} for key in claims]
    outside = [mutant for mutant in mutants if not cddl.valid(rule, cbor.encode(mutant))]
    assert len(outside) >= len(mutants) - 4  # a record or a result may lack its optional claims
    assert all(refused(kind, kind.forged(cbor.encode(mutant))) for mutant in outside)


@EVERY_KIND
def test_mutated_envelope_is_not_what_the_message_text_says(kind: Kind) -> None:
    protected, unprotected, payload, signature = cbor.decode(kind.message[1:], 1 << 17)
    for parts in (
        [protected, {1: -7}, payload, signature],
        [protected, unprotected, payload, signature[:-1]],
        [protected, unprotected, payload],
        [protected, unprotected, payload, signature, b""],
        [b"", unprotected, payload, signature],
        [cbor.encode({1: -8, 4: bytes(16), 16: kind.typ.value}), unprotected, payload, signature],
        [cbor.encode({1: -7, 4: bytes(15), 16: kind.typ.value}), unprotected, payload, signature],
        [cbor.encode({1: -7, 4: bytes(16), 16: "rnt-other"}), unprotected, payload, signature],
    ):
        message = b"\xd2" + cbor.encode(parts)
        assert not cddl.valid("signed-message", message)
        assert refused(kind, message)
    assert not cddl.valid("signed-message", b"\xd1" + kind.message[1:])


def test_every_type_word_of_the_text_is_a_type_of_the_code_and_the_other_way_round() -> None:
    words = set(re.findall(r'"(rnt-[a-z]+)"', "".join(re.findall(r"^typ /?= .*$", Path(cddl.TEXT).read_text("utf-8"), re.MULTILINE))))
    assert words == {typ.value for typ in cose.Type}
