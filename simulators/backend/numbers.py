# SPDX-License-Identifier: Apache-2.0
"""The number pool: MSISDNs of an unassigned range with IMSIs of network 460 00, in order; and reservations that expire.

A reservation belongs to a session. An approval of that session takes it while it lasts; when its time is over it is released, and a
released number is not given out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend.errors import ApiError
from simulators.backend.issues import Number

if TYPE_CHECKING:
    from simulators.backend.clock import Clock
    from simulators.backend.rules import House
    from simulators.backend.store import Db, Store

TARIFFS = frozenset({"prepaid", "postpaid"})


def new(db: Db, session: bytes, *, iccid: str, tariff: str, state: str, person: bytes | None, since: int, until: int = 0) -> Number:
    """Give the next number to ``session``."""
    (row,) = db.all("number.reserve", iccid, session, state, tariff, person, since, until)
    number = Number(imsi=f"46000{row['id']:010d}", msisdn=f"86120{row['id']:08d}")
    db.do("number.name", number.msisdn, number.imsi, row["id"])
    return number


@dataclass(frozen=True, slots=True)
class Reservations:
    """Reserves numbers for sessions."""

    store: Store
    clock: Clock
    house: House

    async def reserve(self, session: bytes, tariff: str) -> dict[str, Any]:
        """Return the session's number and until when it is reserved; the same again for the same session."""
        if tariff not in TARIFFS:
            raise ApiError(400, "INVALID_ARGUMENT", "tariff")
        return await self.store.ask(lambda db: self._reserve(db, session, tariff))

    def _reserve(self, db: Db, session: bytes, tariff: str) -> dict[str, Any]:
        now = self.clock.now()
        db.do("number.lapse", now, now)
        known = db.one("number.of", session)
        if known is None:
            until = now + self.house.rules.reserve_s
            number = new(db, session, iccid="", tariff=tariff, state="pledged", person=None, since=now, until=until)
            return {"msisdn": number.msisdn, "until": until}
        if known["state"] != "pledged":
            raise ApiError(409, "INCOMPATIBLE_STATE", "this session's number is given or released")
        if known["tariff"] != tariff:
            raise ApiError(422, "IDEMPOTENCY_KEY_REUSED", "this key belongs to another request")
        return {"msisdn": known["msisdn"], "until": known["until"]}
