# SPDX-License-Identifier: Apache-2.0
"""Who works at the counter: members of staff the operator knows, logged on with their own credential (``op.login``).

The operator decides who may (R501, R502, R503, R512): the terminal keeps no list and no credential, and forgets a PIN with the request that
carried it. Where nobody logged on, records name no clerk, and what that means is the operator's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.backend.answers import Refused
from firmware.runtime.asking import ask
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from firmware.runtime.unit import Unit


async def log_on(unit: Unit, staff: str, pin: str) -> None:
    """Put a clerk on duty in place of the one before; :class:`Stop` with the operator's code, and then nobody is."""
    unit.clerk = ""
    unit.clerk = await confirmed(unit, staff, pin)


async def confirmed(unit: Unit, staff: str, pin: str) -> str:
    """Return the id of a member of staff the operator confirms; :class:`Stop` with its code."""
    answer = await ask(lambda: unit.backend.log_on(staff, pin))
    if isinstance(answer, Refused):
        raise Stop(answer.code)
    return answer.staff
