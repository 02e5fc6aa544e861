# SPDX-License-Identifier: Apache-2.0
"""COSE_Sign1 (RFC 9052 §4.2), the one envelope of every signed message.

Decides whether bytes are a message of the kind asked for, signed by a key of the purpose asked for. Does not know what messages say.

Rules
* The key decides the algorithm, never the message; which there are is :mod:`firmware.core.suite`'s. Unprotected header empty, no ``crit``,
  protected header exactly alg, kid and typ (RFC 9596): one accepted encoding.
* The bytes that were signed are verified as they came; nothing is re-encoded to be verified. The payload must itself be strict CBOR.
* The verifier asks in a fixed order: tag and shape, unprotected, typ, crit, kid, alg, signature length, signature, payload.
* ECDSA signatures are malleable: what must be unique (nonce, approval id) stands inside the payload.

Signing is done by a :class:`Signer`, which may be a file key or a token; it is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from firmware.core import cbor
from firmware.core.errors import Malformed, SignatureFault, SignatureRefused
from firmware.core.keyring import KID_LENGTH, Keyring, Purpose
from firmware.core.suite import SIGNATURE_LENGTH, SUITES, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG: Final = b"\xd2"
"""Tag 18 in its only accepted form."""
_ALG, _CRIT, _KID, _TYP = 1, 2, 4, 16
_CONTEXT: Final = "Signature1"
_ELEMENTS: Final = 4
_ENVELOPE: Final = 256
"""More than the envelope adds to a payload of the greatest size."""


class Type(StrEnum):
    """The kinds of signed messages; a verifier names the one it wants."""

    RECORD = "rnt-record"
    APPROVAL = "rnt-approval"
    RESULT = "rnt-result"
    ACK = "rnt-ack"
    CHECKPOINT = "rnt-checkpoint"
    COUNTERSIGNATURE = "rnt-countersignature"
    POLICY = "rnt-policy"
    ROSTER = "rnt-roster"
    WARRANT = "rnt-warrant"


class Signer(Protocol):
    """A private key that can be used and not read. ``firmware.keystore`` opens them."""

    @property
    def alg(self) -> int:
        """COSE algorithm of this key."""

    @property
    def kid(self) -> bytes:
        """First 16 bytes of SHA-256 over :attr:`spki`."""

    @property
    def protection(self) -> str:
        """``software`` or ``token``: where the key lives."""

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo."""

    def sign(self, tbs: bytes) -> bytes:
        """Return r || s, 64 bytes, over ``tbs``."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified message says. ``payload`` are the signed bytes, ``claims`` their decoded map, ``suite`` that of the key."""

    payload: bytes
    kid: bytes
    claims: Mapping[int, Any]
    suite: Suite


@dataclass(frozen=True, slots=True)
class _Envelope:
    protected: bytes
    header: dict[int, Any]
    payload: bytes
    signature: bytes


def sign1(payload: bytes, *, typ: Type, signer: Signer, aad: bytes = b"") -> bytes:
    """Return the tagged COSE_Sign1 of ``payload`` (strict CBOR of a map), bound to the external data ``aad``.

    ``ValueError`` when the signer's key is of no suite or it returns something that is no signature; the signer's own errors pass.
    """
    if signer.alg not in SUITES or len(signer.kid) != KID_LENGTH:
        raise ValueError("the signer's key is of no suite")
    protected = cbor.encode({_ALG: signer.alg, _KID: signer.kid, _TYP: typ.value})
    signature = signer.sign(_to_be_signed(protected, aad, payload))
    if len(signature) != SIGNATURE_LENGTH:
        raise ValueError("the signer returned no raw signature")
    return _TAG + cbor.encode([protected, {}, payload, signature])


def verify1(message: bytes, *, typ: Type, keyring: Keyring, purpose: Purpose, aad: bytes = b"", seconds: int | None = None) -> Verified:
    """Return what ``message`` says once it is proved to be a ``typ`` signed, over ``aad`` too, by a key of ``purpose``.

    ``seconds`` is the Unix time at which the key must be good; without it keys with a time window are not accepted.
    Raises :class:`~firmware.core.errors.SignatureRefused`, its reason being the first question that failed.
    """
    envelope = _open(message, typ)
    key = keyring.find(envelope.header[_KID], purpose, seconds)
    if key is None:
        raise SignatureRefused(SignatureFault.KEY)
    if envelope.header[_ALG] != key.alg:
        raise SignatureRefused(SignatureFault.ALGORITHM)
    if len(envelope.signature) != SIGNATURE_LENGTH:
        raise SignatureRefused(SignatureFault.LENGTH)
    if not key.verifies(envelope.signature, _to_be_signed(envelope.protected, aad, envelope.payload)):
        raise SignatureRefused(SignatureFault.SIGNATURE)
    return Verified(envelope.payload, key.kid, _claims(envelope.payload), key.suite)


def read_unverified(message: bytes, *, typ: Type) -> Verified:
    """Return what ``message`` says without asking who signed it: for bytes this terminal signed itself and read from its own journal."""
    envelope = _open(message, typ)
    suite = SUITES.get(envelope.header[_ALG])
    if suite is None:
        raise SignatureRefused(SignatureFault.ALGORITHM)
    return Verified(envelope.payload, envelope.header[_KID], _claims(envelope.payload), suite)


def _open(message: bytes, typ: Type) -> _Envelope:
    """Return the parts of a message whose shape, header types and typ are right."""
    if message[:1] != _TAG:
        raise SignatureRefused(SignatureFault.MALFORMED)
    try:
        parts = cbor.decode(message[1:], cbor.MAX_BYTES + _ENVELOPE)
        if type(parts) is not list or len(parts) != _ELEMENTS or not all(type(parts[i]) is bytes for i in (0, 2, 3)):
            raise SignatureRefused(SignatureFault.MALFORMED)
        header = cbor.decode(parts[0])
    except Malformed:
        raise SignatureRefused(SignatureFault.MALFORMED) from None
    if type(parts[1]) is not dict or parts[1] or type(header) is not dict:
        raise SignatureRefused(SignatureFault.MALFORMED)
    if type(header.get(_TYP)) is not str or header[_TYP] != typ:
        raise SignatureRefused(SignatureFault.TYPE)
    if _CRIT in header or header.keys() != {_ALG, _KID, _TYP} or type(header[_ALG]) is not int:
        raise SignatureRefused(SignatureFault.MALFORMED)
    if type(header[_KID]) is not bytes or len(header[_KID]) != KID_LENGTH:
        raise SignatureRefused(SignatureFault.MALFORMED)
    return _Envelope(parts[0], header, parts[2], parts[3])


def _claims(payload: bytes) -> dict[int, Any]:
    try:
        claims = cbor.decode(payload)
    except Malformed:
        raise SignatureRefused(SignatureFault.MALFORMED) from None
    if type(claims) is not dict:
        raise SignatureRefused(SignatureFault.MALFORMED)
    return claims


def _to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure of RFC 9052 §4.4."""
    return cbor.encode([_CONTEXT, protected, aad, payload])
