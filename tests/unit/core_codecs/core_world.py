# SPDX-License-Identifier: Apache-2.0
"""A synthetic session for the core's tests: keys of fixed scalars, one persona, one card, and builders that change one thing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware.core import cbor, cose, hpke
from firmware.core.approval import Approval, Situation, check_approval
from firmware.core.issue_data import issue_data_info
from firmware.core.keyring import Key, Keyring, Purpose, key_id
from firmware.core.people import Face, Field, Person
from firmware.core.record import Card, Device, RecordDraft, RecordFacts, SignedRecord, build_record, sign_record
from hal.document import Holder, Portrait, PortraitProvenance, Provenance, number_check_character
from hal.minting import mint_holder, mint_portrait


@dataclass(frozen=True)
class ScalarSigner:
    """A P-256 key of a known scalar, with deterministic signatures (RFC 6979): for tests and vectors only."""

    scalar: int
    alg: int = -7
    protection: str = "software"
    key: ec.EllipticCurvePrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", ec.derive_private_key(self.scalar, ec.SECP256R1()))

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def kid(self) -> bytes:
        return key_id(self.spki)

    def sign(self, tbs: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(tbs, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


TERMINAL_KEY: Final = ScalarSigner(0x1001)
OPERATOR_KEY: Final = ScalarSigner(0x2002)
STRANGER_KEY: Final = ScalarSigner(0x3003)
RECORD_KEYS: Final = Keyring([Key.from_spki(TERMINAL_KEY.spki, Purpose.RECORD)])
OPERATOR_KEYS: Final = Keyring([Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL)])

SERIAL: Final = "RNT-000001"
OPERATOR: Final = "operator-test"
SESSION: Final = bytes(range(16))
NONCE: Final = bytes(range(16, 32))
BOOT: Final = bytes(range(32, 48))
APPROVAL_ID: Final = bytes(range(48, 64))
SIGNED_AT: Final = 1_900_000_000
SIGNED_BOOT_MS: Final = 5_000_000
PROFILE_SECRET: Final = hashlib.sha256(b"profile key of the tests").digest()
VAULT_SECRET: Final = hashlib.sha256(b"vault key of the tests").digest()
LATER_FIELDS: Final = (Field.TOKEN,)
"""Fields that came after the vectors: their salts are told at the end, so that nobody else's moves."""
_ORDER: Final = [*(number for number in Field if number not in LATER_FIELDS), *LATER_FIELDS]
SALTS: Final = b"".join(hashlib.sha256(b"salt %d" % _ORDER.index(number)).digest() for number in Field)
CARD: Final = Card("89860000000000000012", bytes.fromhex("3b9f95801fc78031e073fe211b63e208a8830f900089"), "test-uicc")

FIRST17: Final = "99010119900307123"
"""Unassigned region 990101, born 1990-03-07."""
NUMBER: Final = FIRST17 + number_check_character(FIRST17)


def holder(**changes: Any) -> Holder:
    """Return the persona's holder with ``changes``."""
    values: dict[str, Any] = {
        "kind": "D01",
        "name": "测试甲",
        "number": NUMBER,
        "address": "某省某市测试路1号",
        "birth": "19900307",
        "issuer": "某市公安局",
        "valid_from": "20200101",
        "valid_to": "20400101",
        "provenance": Provenance.CHIP,
    }
    return mint_holder(**(values | changes))


def portraits() -> tuple[Portrait, ...]:
    """Return a chip and a live portrait."""
    return (
        mint_portrait(image=b"\x57" * 1024, media_type="image/x-wlt", provenance=PortraitProvenance.CHIP),
        mint_portrait(image=b"P5 1 1 255 x", media_type="image/x-portable-graymap", provenance=PortraitProvenance.CAMERA),
    )


CHECKS: Final = (("kind", True), ("number", True), ("face-match", True), ("liveness", True))


def person(**changes: Any) -> Person:
    """Return the persona as captured, with ``changes``."""
    return replace(Person(holder=holder(), portraits=portraits(), checks=CHECKS, face=Face(93, live=True)), **changes)


def facts(**changes: Any) -> RecordFacts:
    """Return the facts of a session with ``changes``."""
    return replace(
        RecordFacts(
            terminal=SERIAL,
            signed_at=SIGNED_AT,
            session=SESSION,
            nonce=NONCE,
            transaction="T01",
            consents=(("C-1", b"\x01" * 32), ("C-3", b"\x03" * 32)),
            agreement=b"\x04" * 32,
            card=CARD,
            device=Device(bytes(range(64, 80)), "controller 1.0"),
            protection="software",
            software=b"\x05" * 32,
            policy=("cn/base", b"\x06" * 32),
            boot_id=BOOT,
            boot_ms=SIGNED_BOOT_MS,
            sequence=1,
            previous=bytes(32),
            journal=b"\x07" * 32,
            profile_key=hpke.public_of(PROFILE_SECRET),
            clerk="clerk-7",
        ),
        **changes,
    )


def draft(**changes: Any) -> RecordDraft:
    """Return a record draft whose facts have ``changes``."""
    return build_record(facts(**changes), (person(),), salts=SALTS)


def signed_record(**changes: Any) -> SignedRecord:
    """Return a signed record whose facts have ``changes``."""
    return sign_record(draft(**changes), TERMINAL_KEY)


RECORD: Final = signed_record()

PROFILE: Final[dict[int, Any]] = {
    1: CARD.iccid,
    2: "460001234567890",
    3: "8612000000001",
    4: "RNT TEST",
    5: "8612000000500",
    6: ["46000:4000", "46000:0080"],
    7: ["46002"],
    8: [],
    9: 2,
    10: [0x0A, b"12345678"],
}
PLAIN_PROFILE: Final = cbor.encode(PROFILE)
SEALED_PROFILE: Final = hpke.seal(PLAIN_PROFILE, public_key=hpke.public_of(PROFILE_SECRET), info=issue_data_info(RECORD.digest))


def approval_claims(**changes: Any) -> dict[int, Any]:
    """Return the claims of a good approval; ``c7=…`` changes or (``None``) removes claim 7."""
    claims: dict[int, Any] = {
        1: OPERATOR,
        4: SIGNED_AT + 900,
        5: SIGNED_AT - 60,
        6: SIGNED_AT + 2,
        7: APPROVAL_ID,
        10: NONCE,
        256: 1,
        257: "approved",
        258: SERIAL,
        259: SESSION,
        260: CARD.to_claim(),
        261: hashlib.sha256(PLAIN_PROFILE).digest(),
        262: hashlib.sha256(SEALED_PROFILE).digest(),
        263: 600,
        264: "fields",
    } | {int(name[1:]): value for name, value in changes.items()}
    return {key: value for key, value in claims.items() if value is not None}


def approval_message(
    *, aad: bytes = RECORD.digest, typ: cose.Type = cose.Type.APPROVAL, signer: ScalarSigner = OPERATOR_KEY, **changes: Any
) -> bytes:
    """Return a signed approval with changes to claims, external data, typ or key."""
    return cose.sign1(cbor.encode(approval_claims(**changes)), typ=typ, signer=signer, aad=aad)


def situation(**changes: Any) -> Situation:
    """Return the terminal's situation two seconds after signing, with ``changes``."""
    return replace(
        Situation(
            operator=OPERATOR,
            terminal=SERIAL,
            card=CARD,
            boot_id=BOOT,
            boot_ms=SIGNED_BOOT_MS + 2000,
            seconds=SIGNED_AT + 3,
            max_age_s=600,
        ),
        **changes,
    )


def check(message: bytes, **changes: Any) -> Approval:
    """Check an approval of the world's record in a situation with ``changes``."""
    return check_approval(message, record=RECORD, keyring=OPERATOR_KEYS, sealed=SEALED_PROFILE, situation=situation(**changes))
