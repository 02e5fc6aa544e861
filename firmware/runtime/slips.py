# SPDX-License-Identifier: Apache-2.0
"""Print the slip of an outcome, for a session or before one began, and show it on the screen.

A printer that cannot print changes nothing about the outcome; the screen has the slip either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.core.errors import PolicyRefused
from firmware.core.policy import facts
from firmware.core.policy.vocabulary import DOCUMENTS
from firmware.kiosk import slips
from firmware.runtime.timing import DEVICE_S
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.runtime.unit import Unit


async def print_slip(
    unit: Unit, code: str, *, session: bytes = b"", masked: Mapping[str, str] | None = None, kind: str = "", until: int = 0
) -> bool:
    """Print the slip of ``code`` and return whether it is on paper.

    ``kind``: the business, for the list of documents accepted. ``until``: the time a hold or a pause ends, when somebody said.
    """
    situation = slips.Situation(
        code,
        unit.serial,
        unit.clock.now().at,
        session=session,
        row=_refused(unit, session),
        masked=masked or {},
        facts=facts(unit.policies.packs),
        kinds=accepted(unit, kind) if kind else (),
        until=until,
    )
    try:
        await unit.devices["printer"].call("print", timeout=DEVICE_S, papers=[slips.lines(situation)], cut=True)
        printed = True
    except DeviceFailed:
        printed = False
    unit.kiosk.tell("slip", session=session.hex() or None, code=code, printed=printed, html=slips.html(situation))
    return printed


def _refused(unit: Unit, session: bytes) -> bytes:
    """Return the stored row that refused the session, the same whenever it is asked; empty when another row ended it."""
    rows = unit.journal.rows(session) if session else ()
    return next((row.payload for row in reversed(tuple(rows)) if row.kind == "refused"), b"")


def accepted(unit: Unit, kind: str) -> tuple[str, ...]:
    """Return the documents with which this terminal does a business."""
    return tuple(document for document in DOCUMENTS if _done_with(unit, kind, document))


def _done_with(unit: Unit, kind: str, document: str) -> bool:
    try:
        unit.policies.plan(kind, document, unit.clock.now().at)
    except PolicyRefused:
        return False
    return True
