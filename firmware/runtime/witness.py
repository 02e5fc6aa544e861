# SPDX-License-Identifier: Apache-2.0
"""Keeps the operator a witness of the audit log: signs its head, proves that it only grew, stores the countersignature.

Rules
* A checkpoint is a row before it leaves the terminal: what the operator saw is always found in the log.
* The operator says how much it has seen; the proof begins there. It, not the terminal, judges whether that is a prefix.
* The key signs in a thread: a token that takes its time, or hangs, stops nobody. When the log grew meanwhile, it signs what the log is now;
  after :data:`TRIES` the log is left alone, because somebody is being served, and the end of that session asks again.
* No answer changes nothing: the same checkpoint goes out again. A countersignature that does not verify is no answer.
* "Your log is not the one I know" (a cloned key, a journal restored or cut) is R517: evidence into the log, and out of service until a
  person has looked at the unit. A restart asks again before the first record leaves.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from firmware.backend.errors import BackendError, BackendRefusedRequest
from firmware.core.checkpoint import FIRST, Checkpoint, read_checkpoint, sign_checkpoint, verify_countersignature
from firmware.core.cose import Type, read_unverified
from firmware.core.errors import Malformed, SignatureRefused
from firmware.keystore import KeystoreError

if TYPE_CHECKING:
    from firmware.core.checkpoint import SignedCheckpoint
    from firmware.core.cose import Signer
    from firmware.journal import Journal
    from firmware.runtime.clock import Clock
    from firmware.runtime.unit import Unit

UNKNOWN: Final = "R517"
"""Not R506: nobody opened the case, and the keys that a tampered controller destroys are still there."""
REFUSED: Final = "audit.refused"
"""Kind of the row that keeps what the operator answered to a log it does not know."""
TRIES: Final = 3
"""Signatures for one showing of a log that grows while the key signs."""
BREACHES: Final = frozenset({"LOG_FORKED", "LOG_TRUNCATED"})


def next_checkpoint(journal: Journal, serial: str, clock: Clock, signer: Signer) -> SignedCheckpoint:
    """Return the checkpoint over the whole log, signed and stored; the last one when nothing but it and its answer came after."""
    if stored := _stored(journal, signer):
        return stored
    signed = sign_checkpoint(_due(journal, serial, clock), signer)
    journal.add_checkpoint(signed.message)
    return signed


def _stored(journal: Journal, signer: Signer) -> SignedCheckpoint | None:
    """Return the last checkpoint when it still is one over the whole log, but for itself and its answer."""
    last = journal.last_checkpoint()
    size, _ = journal.audit_head()
    if last is None or size != (last.countersigned or last.seq) or size - last.seq > 1:
        return None
    return read_checkpoint(last.message) if last.countersigned or _signed_by(last.message, signer) else None


def _due(journal: Journal, serial: str, clock: Clock) -> Checkpoint:
    """Return what a checkpoint over the log as it stands says."""
    last = journal.last_checkpoint()
    size, root = journal.audit_head()
    now = clock.now()
    return Checkpoint(serial, now.at, size, root, now.boot_id, now.boot_ms, read_checkpoint(last.message).digest if last else FIRST)


def _signed_by(message: bytes, signer: Signer) -> bool:
    """Tell whether a checkpoint waiting for its answer is of the key now in use: the operator knows no older one."""
    return read_unverified(message, typ=Type.CHECKPOINT).kid == signer.kid


class _StillGrowing(Exception):
    """The log never stood still long enough to be signed: somebody is being served."""


class Witness:
    """One unit's exchange with the operator about its log. ``code`` is empty, or why the terminal must not work."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.code = ""
        self._answered = False
        self._asking = asyncio.Lock()

    async def answered(self) -> bool:
        """Return whether the operator has accepted the log in this run; asks when it has not yet."""
        return self._answered or await self.sync()

    async def sync(self) -> bool:
        """Have the log as it stands countersigned; returns whether the operator knows all of it."""
        async with self._asking:
            try:
                await self._sync()
            except BackendRefusedRequest as refused:
                if refused.code in BREACHES:
                    self._out_of_service(refused.code)
                return False
            except (BackendError, KeystoreError, SignatureRefused, Malformed, _StillGrowing):
                return False
        self._answered = True
        return True

    async def _sync(self) -> None:
        unit = self.unit
        known = await asyncio.to_thread(unit.backend.known_log)
        signed = await self._checkpoint()
        size = signed.checkpoint.size
        if (last := unit.journal.last_checkpoint()) and last.countersigned and known == size:
            return
        proof = unit.journal.consistency_proof(known, size) if 0 < known <= size else []
        answer = await asyncio.to_thread(unit.backend.checkpoint, signed.message, known, proof)
        found = verify_countersignature(answer, checkpoint=signed, keyring=unit.trust.keyring, operator=unit.trust.operator_id)
        unit.clock.seen(found.seconds)
        if last is None or not last.countersigned:
            unit.journal.add_countersignature(answer)

    async def _checkpoint(self) -> SignedCheckpoint:
        """Return what :func:`next_checkpoint` does, with the key in a thread; nothing lies between the last look at the log and its row."""
        unit = self.unit
        if stored := _stored(unit.journal, unit.signer):
            return stored
        for _ in range(TRIES):
            due = _due(unit.journal, unit.serial, unit.clock)
            signed = await asyncio.to_thread(sign_checkpoint, due, unit.signer)
            if unit.journal.audit_head() == (due.size, due.root):
                unit.journal.add_checkpoint(signed.message)
                return signed
        raise _StillGrowing

    def _out_of_service(self, said: str) -> None:
        if not self.code:
            self.unit.journal.append(os.urandom(16), REFUSED, said.encode(), close=True)
        self.code = UNKNOWN
        self.unit.log_refused = True
        self.unit.interrupt.raise_(UNKNOWN)
