# SPDX-License-Identifier: Apache-2.0
"""What stands on every picture of a session: the operator, the business, the day and the session's id (DS-05)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hal.camera.watermark import LONGEST, Watermark

if TYPE_CHECKING:
    from firmware.runtime.unit import Unit

_NO_LETTER: Final = re.compile(r"[^A-Z0-9.\-]+")


def watermark(unit: Unit, purpose: str, session: bytes) -> Watermark:
    """Return the mark of ``session``, opened for ``purpose`` (the code of the business), today."""
    operator = _NO_LETTER.sub("-", unit.trust.operator_id.upper()).strip("-.")[:LONGEST]
    return Watermark(operator or "OPERATOR", purpose, unit.clock.today().isoformat(), session.hex().upper())
