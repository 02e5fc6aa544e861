# SPDX-License-Identifier: Apache-2.0
"""Where pictures and papers go: an object store, apart from the approval path.

An object is named by its SHA-256, which the record names too (claim 280); it is kept sealed to the vault key and bound to its session. The
port has three verbs; the directory is its one adapter here.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simulators.backend import signatures
from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.backend.activation import Unit
    from simulators.backend.clock import Clock
    from simulators.backend.store import Db, Store

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


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes what records name."""

    store: Store
    objects: Evidence
    vault_public: bytes
    clock: Clock

    async def take(self, unit: Unit, session: bytes, content: bytes) -> dict[str, Any]:
        """Keep one piece; returns its digest. Raises :class:`ApiError` 404 for another unit's session, 422 for what no record names."""
        digest = hashlib.sha256(content).digest()
        await self.store.ask(lambda db: _named(db, unit.serial, session, digest))
        self.objects.put(digest, signatures.seal(content, public_key=self.vault_public, info=INFO + session))
        await self.store.ask(lambda db: db.do("book.evidence_stored", self.clock.now(), session, digest))
        return {"digest": digest.hex()}


def _named(db: Db, serial: str, session: bytes, digest: bytes) -> None:
    if db.one("activation.answer", session, serial) is None:
        raise ApiError(404, "NOT_FOUND", "no such activation")
    if digest not in {bytes(row["digest"]) for row in db.all("book.evidence_of", session)}:
        raise ApiError(422, "EVIDENCE_NOT_NAMED", "the record names no such evidence")
