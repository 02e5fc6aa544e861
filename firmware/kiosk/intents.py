# SPDX-License-Identifier: Apache-2.0
"""What a person at the counter may say to the terminal, and nothing more.

None of these can carry an identity value: a document is read by the reader, a face is seen by the camera (182号 二(一): no typing).
"""

from __future__ import annotations

import json
from typing import Any, Final

from firmware.core.slip_table import NOTES

MAX_BYTES: Final = 4096
"""Longest intent line."""

FIELDS: Final[dict[str, dict[str, type]]] = {
    "start": {"kind": str},
    "notice": {"acknowledged": bool},
    "portrait": {"matched": bool, "score": int, "live": bool},
    "agreement": {"signed": bool},
    "cancel": {},
    "refuse": {"code": str, "note": str},
}
"""Intent → its fields and their exact types; all are required, no other is taken."""


class BadIntent(Exception):
    """A line that is not one of the intents. The text is a fixed phrase: nothing of the line is repeated."""


def parse(line: bytes) -> dict[str, Any]:
    """Return the intent as a dictionary with ``intent`` and exactly its fields; raises :class:`BadIntent`."""
    if len(line) > MAX_BYTES:
        raise BadIntent("too long")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadIntent("not JSON") from error
    if type(value) is not dict or type(value.get("intent")) is not str:
        raise BadIntent("no intent named")
    fields = FIELDS.get(value["intent"])
    if fields is None:
        raise BadIntent("unknown intent")
    if set(value) != {"intent", *fields} or any(type(value[name]) is not kind for name, kind in fields.items()):
        raise BadIntent("fields missing, unknown or of the wrong type")
    if value["intent"] == "refuse" and value["note"] not in NOTES.get(value["code"], ()):
        raise BadIntent("not a refusal a clerk may choose, or not with this note")
    if not 0 <= value.get("score", 0) <= 100:  # noqa: PLR2004  # a percentage
        raise BadIntent("score out of 0..100")
    return value
