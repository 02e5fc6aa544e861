# SPDX-License-Identifier: Apache-2.0
"""Whether a member of staff may work at a terminal now (``op.login``): the registers first, then the person's own PIN.

Rules: one code for each reason, as on a record: the agent's (R512, R501, R502), then everything about the person (R503), where an unknown
id and a wrong PIN look the same. A PIN is kept as its scrypt digest under a salt of its own. After :data:`MOST_WRONG` wrong PINs in a row a
case is open (BR-04) and the right one does not help either, until a new PIN is set; a right one before that begins the count anew. A try is
counted before it is judged, so guessing many at once gains nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import cases
from simulators.backend.errors import Refusal
from simulators.backend.judgement import contract, employed

if TYPE_CHECKING:
    from simulators.backend.clock import Clock
    from simulators.backend.store import Db, Store

INVALID = "R503"
MOST_WRONG = 5
"""Wrong PINs in a row, wherever they are tried."""


@dataclass(frozen=True, slots=True)
class LogOn:
    """Answers log-ons."""

    store: Store
    clock: Clock

    async def answer(self, serial: str, staff: str, pin: str) -> dict[str, Any]:
        """Return who may work at the terminal ``serial``, or the code that stands against it."""
        try:
            code = await self.store.ask(lambda db: self._judge(db, serial, staff, pin))
        except Refusal as refusal:
            code = refusal.code
        if code:
            return {"outcome": "refused", "code": code, "message": "refused by the operator"}
        return {"outcome": "accepted", "staff": staff}

    def _judge(self, db: Db, serial: str, staff: str, pin: str) -> str:
        """Return an empty text, or the code of a PIN that is not the right one, which is counted; other reasons are a :class:`Refusal`."""
        row, now = db.one("register.counter", staff, serial), self.clock.now()
        if row is None:
            raise Refusal(INVALID)
        contract(row, now)
        if row["employer"] is None or not employed(row, now):
            raise Refusal(INVALID)
        known = db.one("register.pin_tried", staff, MOST_WRONG)
        if known is None:
            return INVALID
        if hmac.compare_digest(_digest(pin, bytes(known["salt"])), bytes(known["digest"])):
            db.run("register.pin_right", staff)
            return ""
        if known["wrong"] == MOST_WRONG:
            cases.opened(db, "BR-04", staff, now)
        return INVALID


def keep(db: Db, staff: str, pin: str) -> None:
    """Set a member of staff's PIN."""
    salt = os.urandom(16)
    db.do("register.credential", staff, salt, _digest(pin, salt))


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
