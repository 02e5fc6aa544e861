# SPDX-License-Identifier: Apache-2.0
"""The reviewer's desk, as commands on the control socket: what a held record says and shows, and the end of a hold nobody decided.

Rules
* shown is what belongs to a record that is held now, and to no other: an approved one is an inspection's (``office``), by two officers
* a picture leaves as it lies in the object store, sealed to the vault: who holds that key opens it
* each look is an event under the session before anything is shown: which officer, at what, when
* a hold that nobody decided in its time is refused like one that is asked for again too late
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import books, strict_cbor
from simulators.backend.evidence import INFO, name
from simulators.backend.store.port import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.clock import Clock
    from simulators.backend.evidence import Evidence
    from simulators.backend.store import Db, Store

Told = dict[str, Any]
SAYS: Mapping[str, int] = {"document": 258, "source": 259, "checks": 261, "level": 276, "modifiers": 278, "clerk": 281}
"""What a reviewer is told of the record: word → claim. Nobody's identity is among it."""
LAPSED = "R207"


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The commands."""

    store: Store
    objects: Evidence
    clock: Clock

    def serve(self, command: Callable[[str, Callable[[Told], Told | None]], None]) -> None:
        """Register every command."""
        for one in (self.case, self.look):
            command(one.__name__, one)

    def case(self, told: Told) -> Told:
        """Tell an ``officer`` what a held ``session`` is about and which of its evidence came."""
        session, officer = bytes.fromhex(told["session"]), _officer(told)

        def work(db: Db) -> Told:
            row = _waiting(db, session)
            claims = strict_cbor.loads(strict_cbor.loads(bytes(row["record"])[1:])[2])
            db.do("book.event", self.clock.now(), "case", session.hex(), officer)
            held = {word: row[word] for word in ("kind", "serial", "why", "since", "until")}
            said = {word: claims[number] for word, number in SAYS.items() if number in claims}
            return {**held, **said, "evidence": plain(db.all("book.evidence_of", session))}

        return {"case": self.store.run(work)}

    def look(self, told: Told) -> Told:
        """Show an ``officer`` one piece of a held ``session``'s evidence by its ``digest``, sealed as it came."""
        session, digest, officer = bytes.fromhex(told["session"]), bytes.fromhex(told["digest"]), _officer(told)

        def work(db: Db) -> None:
            _waiting(db, session)
            if digest not in {bytes(piece["digest"]) for piece in db.all("book.evidence_of", session) if piece["stored"]}:
                raise ValueError("no such evidence came")
            db.do("book.event", self.clock.now(), "looked", session.hex(), f"{officer} {digest.hex()}")

        self.store.run(work)
        sealed = self.objects.get(name(session, digest))
        return {"sealed": base64.b64encode(sealed).decode(), "info": (INFO + session).hex()}


def lapse(db: Db, now: int) -> None:
    """Refuse what was held until now and decided by nobody."""
    answer = json.dumps({"outcome": "refused", "code": LAPSED, "message": "refused by the operator"})
    for row in db.all("register.lapsed", now):
        session = bytes(row["session"])
        db.do("activation.decide", "refused", LAPSED, answer, None, None, now, session)
        db.do("book.keep", "tombstone", session.hex(), now)
        books.unfounded(db, session, now)


def _officer(told: Told) -> str:
    officer = str(told["officer"])
    if not officer or not officer.isprintable():
        raise ValueError("officer")
    return officer


def _waiting(db: Db, session: bytes) -> Mapping[str, Any]:
    row = db.one("register.waiting", session)
    if row is None:
        raise ValueError("nothing is held under this session")
    return row
