# SPDX-License-Identifier: Apache-2.0
"""The unit's signed word on its audit log, and the operator's signed word that it has seen it (``messages.cddl``).

Decides what a checkpoint and a countersignature say and whether bytes are one. Knows no tree: whether a log fits its checkpoints is
:mod:`firmware.journal`'s question.

Rules
* A checkpoint names size and root of the log *before* itself; its signed bytes become the next leaf.
* Each names the digest of the one before, so whoever holds some of them knows which are missing.
* A countersignature is bound to the very signed bytes it answers (external data), and repeats unit, size and root.
* Both are statements about digests: they hold nothing personal and may be kept and handed out for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from firmware.core import cbor, claims, cose
from firmware.core.errors import Malformed
from firmware.core.keyring import Keyring, Purpose
from firmware.core.suite import SUITES, Suite

FIRST: Final = bytes(32)
"""``previous`` of a unit's first checkpoint."""
_CHECKPOINT_KEYS: Final = frozenset({1, 6, *range(256, 262)})
_COUNTERSIGNATURE_KEYS: Final = frozenset({1, 6, *range(256, 260)})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says. ``size`` counts leaves, ``root`` is the RFC 9162 head over them; times as in a record."""

    terminal: str
    seconds: int
    size: int
    root: bytes
    boot_id: bytes
    boot_ms: int
    previous: bytes = FIRST
    """Digest of the previous checkpoint's signed bytes."""


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint's signed bytes, their digest, and what they say."""

    message: bytes = field(repr=False)
    digest: bytes
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Countersignature:
    """The operator has seen a checkpoint; ``seconds`` is signed by the operator and raises the time floor."""

    operator: str
    seconds: int


def sign_checkpoint(checkpoint: Checkpoint, signer: cose.Signer) -> SignedCheckpoint:
    """Return the checkpoint signed by the unit's record key; ``ValueError`` when no checkpoint can say this."""
    payload: dict[int, Any] = {
        1: checkpoint.terminal,
        6: checkpoint.seconds,
        256: 1,
        257: checkpoint.size,
        258: checkpoint.root,
        259: checkpoint.boot_id,
        260: checkpoint.boot_ms,
        261: checkpoint.previous,
    }
    try:
        _checkpoint(payload)
    except Malformed as error:
        raise ValueError(f"no checkpoint can say this: {error}") from None
    return _signed(cose.sign1(cbor.encode(payload), typ=cose.Type.CHECKPOINT, signer=signer), checkpoint, SUITES[signer.alg])


def verify_checkpoint(message: bytes, *, keyring: Keyring, seconds: int | None = None) -> SignedCheckpoint:
    """Return the checkpoint in ``message``; raises ``SignatureRefused``, or ``Malformed`` when a valid signature covers none."""
    verified = cose.verify1(message, typ=cose.Type.CHECKPOINT, keyring=keyring, purpose=Purpose.RECORD, seconds=seconds)
    return _signed(message, _checkpoint(verified.claims), verified.suite)


def read_checkpoint(message: bytes) -> SignedCheckpoint:
    """Return the checkpoint in bytes this terminal signed, as found in its own journal: parsed strictly, the signature not asked."""
    read = cose.read_unverified(message, typ=cose.Type.CHECKPOINT)
    return _signed(message, _checkpoint(read.claims), read.suite)


def verify_countersignature(
    message: bytes, *, checkpoint: SignedCheckpoint, keyring: Keyring, operator: str | None = None, seconds: int | None = None
) -> Countersignature:
    """Return the operator's countersignature of ``checkpoint``; raises ``SignatureRefused`` or ``Malformed``.

    ``operator`` is the operator id of the trust list, where the verifier has one.
    """
    verified = cose.verify1(
        message,
        typ=cose.Type.COUNTERSIGNATURE,
        keyring=keyring,
        purpose=Purpose.APPROVAL,
        aad=checkpoint.digest,
        seconds=seconds,
    )
    c = claims.fields(verified.claims, _COUNTERSIGNATURE_KEYS)
    claims.version(c[256])
    seen = checkpoint.checkpoint
    if (claims.text(c[257]), claims.uint(c[258]), claims.digest(c[259])) != (seen.terminal, seen.size, seen.root):
        raise Malformed("countersignature of another checkpoint")
    found = Countersignature(claims.text(c[1]), claims.uint(c[6]))
    if operator is not None and found.operator != operator:
        raise Malformed("operator")
    return found


def _signed(message: bytes, checkpoint: Checkpoint, suite: Suite) -> SignedCheckpoint:
    return SignedCheckpoint(message, suite.digest(message), checkpoint)


def _checkpoint(value: Any) -> Checkpoint:
    c = claims.fields(value, _CHECKPOINT_KEYS)
    claims.version(c[256])
    return Checkpoint(
        terminal=claims.text(c[1]),
        seconds=claims.uint(c[6]),
        size=claims.uint(c[257]),
        root=claims.digest(c[258]),
        boot_id=claims.id16(c[259]),
        boot_ms=claims.uint(c[260]),
        previous=claims.digest(c[261]),
    )
