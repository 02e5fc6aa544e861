# SPDX-License-Identifier: Apache-2.0
"""Where pictures and papers go: an object store, apart from the approval path.

Rules
* Taken is what a record that is approved or held names: pages (fields 22 to 29 of any party), papers (claim 280), the agreement (263).
* It comes sealed to the vault key and bound to its session, is opened once to see that it is what its digest says, and is kept as it came.
* The same piece again is the same object. Objects of two sessions are two, whatever they hold: erasing one never touches the other.

The port has three verbs; the directory is its one adapter here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simulators.backend import gm, signatures, strict_cbor
from simulators.backend.errors import ApiError
from simulators.backend.signatures import NotAuthentic

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.backend.activation import Unit
    from simulators.backend.clock import Clock
    from simulators.backend.store import Db, Store
    from simulators.backend.verification import Verifiers

LONGEST = 1 << 20
"""Bytes of an agreement with its strokes."""
OPEN = frozenset({"approved", "held"})
"""Decisions after which evidence may come."""
INFO = b"rnt/evidence/1"


class Evidence(Protocol):
    """An object store."""

    def put(self, name: bytes, content: bytes) -> None:
        """Keep ``content`` durably; the same name again is the same content."""

    def get(self, name: bytes) -> bytes:
        """Return an object; raises ``KeyError``."""

    def delete(self, name: bytes) -> None:
        """Forget an object, if it is there."""


class Directory:
    """Objects as files that only their owner reads; one that is there is whole."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path

    def put(self, name: bytes, content: bytes) -> None:
        """Write beside, flush, and move into place."""
        draft = self._path / f"{name.hex()}.{os.urandom(4).hex()}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path / name.hex())
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def get(self, name: bytes) -> bytes:
        """Read a file."""
        try:
            return (self._path / name.hex()).read_bytes()
        except FileNotFoundError:
            raise KeyError(name.hex()) from None

    def delete(self, name: bytes) -> None:
        """Unlink a file."""
        (self._path / name.hex()).unlink(missing_ok=True)


def name(session: bytes, digest: bytes) -> bytes:
    """Return what the object of a piece is called."""
    return hashlib.sha256(session + digest).digest()


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes what records name. Pieces are opened beside the store."""

    store: Store
    objects: Evidence
    vault_private: bytes
    verifiers: Verifiers
    clock: Clock

    async def take(self, unit: Unit, session: bytes, digest: bytes, sealed: bytes) -> dict[str, Any]:
        """Keep one piece, named by the digest the record has of it; durable on return.

        Raises :class:`ApiError`: 404 for another unit's session, 409 for one that is over, 422 for what the record does not name, and for
        what is not sealed to the vault or is something else than its digest says.
        """
        stored = await self.store.ask(lambda db: _expected(db, unit.serial, session, digest))
        await self.verifiers.aside(lambda: self._prove(session, digest, sealed))
        if not stored:
            await asyncio.to_thread(self.objects.put, name(session, digest), sealed)
            try:
                await self.store.ask(lambda db: self._mark(db, unit.serial, session, digest))
            except ApiError:  # the session ended meanwhile, and what belonged to it was deleted
                await asyncio.to_thread(self.objects.delete, name(session, digest))
                raise
        return {"digest": digest.hex()}

    def _prove(self, session: bytes, digest: bytes, sealed: bytes) -> None:
        try:
            content = signatures.unseal(sealed, private_key=self.vault_private, info=INFO + session)
        except NotAuthentic:
            raise ApiError(422, "EVIDENCE_REJECTED", "not sealed to the vault for this session") from None
        if digest not in _digests(content):
            raise ApiError(422, "EVIDENCE_REJECTED", "not what the digest says")

    def _mark(self, db: Db, serial: str, session: bytes, digest: bytes) -> None:
        _expected(db, serial, session, digest)
        db.do("book.evidence_stored", self.clock.now(), session, digest)


def _expected(db: Db, serial: str, session: bytes, digest: bytes) -> int:
    """Return when the piece was stored, 0 for not yet."""
    row = db.one("activation.find", session)
    if row is None or row["serial"] != serial:
        raise ApiError(404, "NOT_FOUND", "no such activation")
    result = db.one("activation.result", session)
    if row["outcome"] not in OPEN or (result is not None and result["ack"] == "released"):
        raise ApiError(409, "INCOMPATIBLE_STATE", "this session is over")
    for piece in db.all("book.evidence_of", session):
        if bytes(piece["digest"]) == digest:
            return int(piece["stored"])
    raise ApiError(422, "EVIDENCE_NOT_NAMED", "the record names no such evidence")


def _digests(content: bytes) -> set[bytes]:
    """Return every digest a record may have of ``content``: of its suite, or of the agreement it is (document, strokes, salt)."""
    found = {hashlib.sha256(content).digest(), gm.digest(content)}
    try:
        document, strokes, salt = strict_cbor.loads(content, LONGEST)
        commitment = hashlib.sha256(salt + strokes).digest()
        found.add(hashlib.sha256(strict_cbor.dumps([hashlib.sha256(document).digest(), commitment])).digest())
    except (ValueError, TypeError):
        pass
    return found
