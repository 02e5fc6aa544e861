# SPDX-License-Identifier: Apache-2.0
"""What the operator says to a card while it is being written: the code that unlocks it, and the commands of a relay.

Rules
* only for a session that was approved to this terminal in that mode, under its own approval, and only until its result came
* unlock: the same challenge gets the same code; at most three challenges
* relay: rounds count from 0; the newest one asked again gets the same answer, an older or a later one is refused
* rounds and codes are durable before the answer leaves. The keys of a channel live in memory: a channel lost with a restart, or one in
  which the card's answer is not right, is done, and the card's proof will not count

Decides nothing about files or results.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from simulators.backend import issues
from simulators.backend.conversation import Conversation
from simulators.backend.errors import ApiError
from simulators.backend.pool import RELAY, UNLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulators.backend.issues import House
    from simulators.backend.pool import Pool
    from simulators.backend.store import Db, Store

CHALLENGES_MAX = 3
CODE_BYTES = 8


class Remote:
    """Answers ``unlock`` and ``relay``."""

    def __init__(self, store: Store, pool: Pool, house: House) -> None:
        self._store, self._pool, self._house = store, pool, house
        self._open: dict[bytes, Conversation] = {}

    async def unlock(self, serial: str, session: bytes, approval: bytes, challenge: bytes) -> bytes:
        """Return the code that answers the card's ``challenge`` (8 bytes); raises :class:`ApiError`."""
        return await self._store.ask(lambda db: self._unlock(db, serial, session, approval, challenge))

    def _unlock(self, db: Db, serial: str, session: bytes, approval: bytes, challenge: bytes) -> bytes:
        blank = self._pool.find(db, _permitted(db, serial, session, approval, UNLOCK)["iccid"])
        known = db.all("card.unlockings", session)
        for row in known:
            if bytes(row["challenge"]) == challenge:
                return bytes(row["code"])
        if len(known) >= CHALLENGES_MAX:
            raise ApiError(409, "INCOMPATIBLE_STATE", "no more challenges for this session")
        code = unlock_code(blank.keys["unlock"], challenge, blank.iccid)
        db.do("card.unlock", session, challenge, code)
        return code

    async def relay(
        self, serial: str, session: bytes, approval: bytes, sequence: int, answers: Sequence[bytes]
    ) -> tuple[list[bytes], bool]:
        """Return the commands of the next round and whether the relay is done; raises :class:`ApiError`."""
        return await self._store.ask(lambda db: self._relay(db, serial, session, approval, sequence, answers))

    def _relay(
        self, db: Db, serial: str, session: bytes, approval: bytes, sequence: int, answers: Sequence[bytes]
    ) -> tuple[list[bytes], bool]:
        request = hashlib.sha256(b"".join(len(answer).to_bytes(2, "big") + answer for answer in answers)).digest()
        row = _permitted(db, serial, session, approval, RELAY)
        rounds = db.all("card.rounds", session)
        if rounds and rounds[-1]["sequence"] == sequence and bytes(rounds[-1]["request"]) == request:
            return [bytes.fromhex(command) for command in json.loads(rounds[-1]["commands"])], bool(rounds[-1]["done"])
        if sequence != len(rounds) or (rounds and rounds[-1]["done"]):
            raise ApiError(409, "INCOMPATIBLE_STATE", "not the next round of this relay")
        commands = self._next(db, session, row, answers, first=not rounds)
        told, said = ([part.hex() for part in parts] for parts in (commands, answers))
        db.do("card.round", session, sequence, request, json.dumps(said), json.dumps(told), int(not commands))
        return commands, not commands

    def _next(self, db: Db, session: bytes, row: Mapping[str, Any], answers: Sequence[bytes], *, first: bool) -> list[bytes]:
        """Return the next commands, none at the end; notes a channel that was complete."""
        if first:
            if answers:
                raise ApiError(400, "INVALID_ARGUMENT", "nothing was asked yet")
            self._open[session] = self._begin(db, row)
            return self._open[session].start()
        conversation = self._open.get(session)
        if conversation is None:
            return []
        commands = conversation.then(answers)
        if conversation.complete:
            proof = json.dumps({**json.loads(row["proof"]), "complete": True})
            db.do("card.issue_prove", proof, session)
        if not commands:
            del self._open[session]
        return commands

    def _begin(self, db: Db, row: Mapping[str, Any]) -> Conversation:
        blank, proof = self._pool.find(db, row["iccid"]), json.loads(row["proof"])
        number = issues.Number(proof["imsi"], proof["msisdn"])
        return Conversation(blank, issues.card_commands(blank, number, self._house), proof["imsi"])


def unlock_code(key: bytes, challenge: bytes, iccid: str) -> bytes:
    """Return the first 8 bytes of AES-CMAC over the card's challenge and EF_ICCID as stored (nibbles swapped, padded with F)."""
    digits = iccid.ljust(20, "F")
    mac = CMAC(algorithms.AES(key))
    mac.update(challenge + bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, 20, 2))))
    return mac.finalize()[:CODE_BYTES]


def _permitted(db: Db, serial: str, session: bytes, approval: bytes, mode: str) -> Mapping[str, Any]:
    """Return the issue of a session that may still talk to its card in ``mode``; raises :class:`ApiError`."""
    row = db.one("card.issue_of", session, serial)
    if row is None:
        raise ApiError(404, "NOT_FOUND", "no such activation")
    closed = db.one("activation.result", session)
    if row["mode"] != mode or bytes(row["approval_id"]) != approval or closed:
        raise ApiError(409, "INCOMPATIBLE_STATE", "another mode or approval, or a session that has its result")
    return row
