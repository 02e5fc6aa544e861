# SPDX-License-Identifier: Apache-2.0
"""How many numbers a person holds, and that it is never more than allowed: one conditional statement, no read before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.backend.store import Db

NATIONAL = "national"
QUOTA = 5
"""Numbers one person may hold with one operator (notice 452/2016; outcome R401)."""


def take_quota(db: Db, person: bytes, scope: str, limit: int) -> bool:
    """Count one more number for ``person``; ``False`` when ``limit`` are held."""
    return db.one("quota.take", person, scope, limit) is not None


def give_back_quota(db: Db, person: bytes, scope: str) -> None:
    """Count one number less for ``person``."""
    db.do("quota.give_back", person, scope)
