# SPDX-License-Identifier: Apache-2.0
"""The approval that permits issuing one card, and every way an approval can be wrong.

``VARIANTS`` names the misuses a terminal must refuse; each changes one thing of a good draft. Which one is asked for is the fault
plan's business (``bad_approval``).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from simulators.backend import signatures, strict_cbor
from simulators.backend.issues import House
from simulators.backend.misuse import ISSUE_VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.authority import Authority
    from simulators.backend.issues import Issue
    from simulators.backend.shapes import Record

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Terms:
    """What this operator puts into approvals and on cards; times in seconds."""

    operator_id: str
    valid_s: int = 900
    max_age_s: int = 600
    backdate_s: int = 120
    house: House = field(default_factory=House)


@dataclass(frozen=True, slots=True)
class Approval:
    """A finished approval: its id, the signed message, the digest of the issue data and the issue data as carried."""

    approval_id: bytes
    message: bytes
    data_digest: bytes
    sealed: bytes


@dataclass(slots=True)
class Draft:
    """An approval before it is signed; a variant changes it."""

    claims: dict[int, Any]
    profile: dict[int, Any]
    record_digest: bytes
    profile_key: bytes
    key_pem: bytes
    kid: bytes
    aad: bytes
    typ: str = "rnt-approval"
    carried: bytes = b""
    spoil: Callable[[bytes], bytes] = field(default=bytes)

    def digest(self, data: bytes) -> bytes:
        """Return the digest of the record's suite."""
        return signatures.digest(data, self.profile_key)

    def seal(self, data: dict[int, Any]) -> tuple[bytes, bytes]:
        """Return the plaintext bytes of issue data and their sealed form for this record."""
        plain = strict_cbor.encode(data)
        return plain, signatures.seal(plain, public_key=self.profile_key, info=b"rnt/profile/1" + self.record_digest)


def build(record: Record, issue: Issue, *, now: int, terms: Terms, authority: Authority, variant: str | None) -> Approval:
    """Sign the approval of ``record`` for ``issue``, wrong in the way ``variant`` names."""
    claims = {
        1: terms.operator_id,
        4: now + terms.valid_s,
        5: now - terms.backdate_s,
        6: now,
        7: os.urandom(16),
        10: record.claims[10],
        256: 1,
        257: "approved",
        258: record.claims[1],
        259: record.session,
        260: dict(record.claims[264]),
        263: terms.max_age_s,
        264: issue.mode,
    }
    draft = Draft(claims, issue.data, record.digest, record.like, authority.approval_pem, authority.approval_kid, aad=record.digest)
    plain, draft.carried = draft.seal(issue.data)
    claims[261], claims[262] = draft.digest(plain), draft.digest(draft.carried)
    if variant is not None:
        VARIANTS[variant](draft)
    message = signatures.sign(strict_cbor.encode(draft.claims), typ=draft.typ, key_pem=draft.key_pem, kid=draft.kid, aad=draft.aad)
    return Approval(draft.claims[7], draft.spoil(message), draft.digest(plain), draft.carried)


def accept(record: Record, *, now: int, terms: Terms, authority: Authority, lines: tuple[str, ...] = ()) -> Approval:
    """Sign the operator's word on a ``record`` without a card; ``lines`` are what the subscriber is told."""
    claims = {
        1: terms.operator_id,
        4: now + terms.valid_s,
        5: now - terms.backdate_s,
        6: now,
        7: os.urandom(16),
        10: record.claims[10],
        256: 1,
        257: "approved",
        258: record.claims[1],
        259: record.session,
        263: terms.max_age_s,
        **({265: list(lines)} if lines else {}),
    }
    message = signatures.sign(
        strict_cbor.dumps(claims), typ="rnt-approval", key_pem=authority.approval_pem, kid=authority.approval_kid, aad=record.digest
    )
    return Approval(claims[7], message, b"", b"")


def _claim(*changes: tuple[int, Callable[[Any], Any]]) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        for key, new in changes:
            draft.claims[key] = new(draft.claims[key])

    return change


def _aad(draft: Draft) -> None:
    draft.aad = hashlib.sha256(b"another record").digest()


def _no_aad(draft: Draft) -> None:
    draft.aad = b""


def _typ(draft: Draft) -> None:
    draft.typ = "rnt-ack"


def _foreign_key(draft: Draft) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    draft.key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _wrong_kid(draft: Draft) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    draft.key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft.kid = signatures.key_id(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _unknown_kid(draft: Draft) -> None:
    draft.kid = bytes(16)


def _other_profile(draft: Draft) -> None:
    """Carry another profile than the one both digests name."""
    draft.carried = draft.seal({**draft.profile, 3: "8612099999999"})[1]


def _other_plaintext(draft: Draft) -> None:
    """Carry another profile and name its sealed form, but not its plaintext."""
    _other_profile(draft)
    draft.claims[262] = draft.digest(draft.carried)


def _unopenable_profile(draft: Draft) -> None:
    """Carry a profile sealed to another record."""
    plain = strict_cbor.dumps(draft.profile)
    draft.carried = signatures.seal(plain, public_key=draft.profile_key, info=b"rnt/profile/1" + bytes(32))
    draft.claims[262] = draft.digest(draft.carried)


def _other_card_profile(draft: Draft) -> None:
    """Carry, with correct digests, the profile of another card than the approved one."""
    plain, draft.carried = draft.seal({**draft.profile, 1: _other_digits(draft.profile[1])})
    draft.claims[261], draft.claims[262] = draft.digest(plain), draft.digest(draft.carried)


def _spoil(change: Callable[[bytes], bytes]) -> Callable[[Draft], None]:
    def set_spoil(draft: Draft) -> None:
        draft.spoil = change

    return set_spoil


def _extra_member(draft: Draft) -> None:
    draft.claims[299] = True


def _other_digits(iccid: str) -> str:
    return iccid[:-1] + str((int(iccid[-1], 16) + 1) % 10)


def _other_card(card: Mapping[int, Any]) -> dict[int, Any]:
    return {**card, 1: _other_digits(card[1])}


VARIANTS: Mapping[str, Callable[[Draft], None]] = {
    "wrong_operator": _claim((1, lambda v: v + "-x")),
    "wrong_terminal": _claim((258, lambda v: v + "X")),
    "wrong_card": _claim((260, _other_card)),
    "wrong_atr": _claim((260, lambda card: {**card, 2: b"\x3b\x00"})),
    "wrong_record": _aad,
    "no_aad": _no_aad,
    "wrong_nonce": _claim((10, lambda _: bytes(16))),
    "wrong_session": _claim((259, lambda _: bytes(16))),
    "wrong_decision": _claim((257, lambda _: "denied")),
    "wrong_version": _claim((256, lambda _: 2)),
    "extra_member": _extra_member,
    "expired": _claim((4, lambda v: v - 3 * HOUR), (5, lambda v: v - 3 * HOUR), (6, lambda v: v - 3 * HOUR)),
    "not_yet": _claim((4, lambda v: v + 3 * HOUR), (5, lambda v: v + 3 * HOUR), (6, lambda v: v + 3 * HOUR)),
    "too_old": _claim((263, lambda _: 0)),
    "bad_signature": _spoil(lambda m: m[:-1] + bytes([m[-1] ^ 1])),
    "truncated": _spoil(lambda m: m[:-1]),
    "trailing_byte": _spoil(lambda m: m + b"\x00"),
    "wrong_typ": _typ,
    "wrong_kid": _wrong_kid,
    "unknown_kid": _unknown_kid,
    "foreign_key": _foreign_key,
    "other_profile": _other_profile,
    "other_plaintext": _other_plaintext,
    "unopenable_profile": _unopenable_profile,
    "other_card_profile": _other_card_profile,
    **ISSUE_VARIANTS,
}
REPLAY = "replay"
"""The variant that answers with an older approval; it needs the store and is made there."""
