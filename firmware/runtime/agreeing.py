# SPDX-License-Identifier: Apache-2.0
"""The agreement step: the warnings acknowledged first, what the customer reads, what the pen says, what is kept; and the customer's copy.

The template is the software's, the operator's data are its pack's, the customer is shown masked. Document, strokes and salt are a sealed
item of the session; the record names their digest.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from firmware import packs
from firmware.core import agreement, cbor
from firmware.core.policy import facts
from firmware.core.slip_table import BUSINESS
from firmware.kiosk.paper import wrap
from firmware.kiosk.slips import ASK_STAFF
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from firmware.core.agreement import Agreement, Section, Signed
    from firmware.runtime.unit import Unit

ITEM: Final = "agreement"
"""The sealed item: document, strokes and salt."""
NO_OPERATOR: Final = "R510"
"""The packs do not say who the operator is, or how to reach it: no agreement can be made with it."""
WARNINGS: Final = {"fraud-warning": "fraud", "resale-ban": "resale"}
"""Word of the evidence → the agreement's clause; every agreement has both."""
_NEEDED: Final = ("O-1", "O-2", "O-3")


def draw_up(unit: Unit, kind: str, session: bytes, masked: Mapping[str, str]) -> Agreement:
    """Return the agreement of a session; :class:`~firmware.runtime.unit.Stop` when the operator's own data are not there."""
    known = facts(unit.policies.packs)
    if any(code not in known for code in _NEEDED):
        raise Stop(NO_OPERATOR)
    date = time.strftime("%Y-%m-%d", time.gmtime(unit.clock.now().at + 8 * 3600))
    values = {
        "operator": known["O-1"],
        "licence": known["O-2"],
        "phone": known["O-3"],
        "appeal": known.get("O-5", ASK_STAFF),
        "tariff": known.get("O-6", ASK_STAFF),
        "kind": BUSINESS[kind],
        "customer": _same(masked.get("name", "")),
        "document": _same(masked.get("number", "")),
        "session": _same(session.hex()),
        "terminal": _same(unit.serial),
        "date": _same(date),
        "copies": _same(f"{session.hex()[:8]}-1, {session.hex()[:8]}-2"),
    }
    return agreement.fill(packs.agreement(), values)


def warnings(drawn: Agreement, evidence: Collection[str]) -> dict[str, Section]:
    """Return the clauses acknowledged by themselves before the signature, by the word of the plan's evidence that asks for each."""
    sections = {section.name: section for section in drawn.sections}
    return {word: sections[name] for word, name in WARNINGS.items() if word in evidence}


def shown(drawn: Agreement) -> dict[str, Any]:
    """Return what the screen shows of it."""
    return {"agreement": {"html": drawn.html(), "digest": drawn.digest.hex()}}


def signed(drawn: Agreement, strokes: list[Any]) -> Signed:
    """Return the agreement as signed with the strokes of the pad."""
    return agreement.sign(drawn, agreement.read_strokes(strokes), os.urandom(agreement.SALT_BYTES))


def copy(item: bytes) -> list[str]:
    """Return the customer's copy for paper, out of the sealed item."""
    document, _, _ = cbor.decode(item)
    drawn = agreement.Agreement.read(document)
    return [line for paragraph in ["乙方留存 / Customer's copy, no. 2", *drawn.text()] for line in wrap(paragraph)]


def _same(text: str) -> tuple[str, str]:
    return text, text
