# SPDX-License-Identifier: Apache-2.0
"""How many numbers a person holds, and that it is never more than allowed: one conditional statement for each limit, no read before it.

The national limit counts every number (notice 452/2016: five, R401); a carrier may keep limits of its own for each tariff (Unicom: five
postpaid, R402; ten prepaid, R403), heard where the national one is not reached or off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.backend.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.rules import Rules
    from simulators.backend.store import Db

NATIONAL = "national"
QUOTA = 5
CODES: Mapping[str, str] = {NATIONAL: "R401", "postpaid": "R402", "prepaid": "R403"}


def count(db: Db, person: bytes, tariff: str, rules: Rules) -> int:
    """Count one more number for ``person``; returns how many they hold now, and raises the code of the limit that is reached."""
    held = 0
    for scope, limit in ((NATIONAL, rules.national), (tariff, {"postpaid": rules.postpaid, "prepaid": rules.prepaid}[tariff])):
        if limit:
            row = db.one("quota.take", person, scope, limit)
            if row is None:
                raise Refusal(CODES[scope])
            held = held or int(row["held"])
    return held


def give_back(db: Db, person: bytes, tariff: str) -> None:
    """Count a number less, under every limit it was counted under."""
    for scope in (NATIONAL, tariff):
        db.do("quota.give_back", person, scope)
