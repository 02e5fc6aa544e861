# SPDX-License-Identifier: Apache-2.0
"""What a person at the counter may say to the terminal, and nothing more.

None of these can carry an identity value: a document is read by the reader or pictured by the camera, a face is seen by the camera (182号
二(一): no typing). Words are the codes of the requirements, words of closed lists, a member of staff's own credential, the number of a
telephone line, an opaque token and a line of the operator's signed answer; each has a form that no name, address, birth date or document
number has.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from firmware.core.agreement import read_strokes
from firmware.core.errors import Malformed
from firmware.core.slip_table import NOTES

MAX_BYTES: Final = 16_384
"""Longest intent line."""

FIELDS: Final[dict[str, dict[str, type]]] = {
    "start": {"kind": str},
    "open": {"kind": str, "document": str, "modifiers": str, "line": str},
    "logon": {"staff": str, "pin": str},
    "notice": {"acknowledged": bool},
    "page": {"original": bool},
    "portrait": {"matched": bool, "score": int, "live": bool},
    "attest": {"same": bool, "staff": str, "pin": str},
    "paper": {"shown": bool, "fits": bool},
    "release": {"signed": bool},
    "consent": {"agreed": bool},
    "request": {"about": str},
    "second": {"staff": str, "pin": str},
    "token": {"token": str},
    "warning": {"acknowledged": bool},
    "agreement": {"signed": bool, "strokes": list},
    "carried": {"part": str},
    "cancel": {},
    "refuse": {"code": str, "note": str},
}
"""Intent → its fields and their exact types; all are required, no other is taken."""
FORMS: Final = {
    "kind": re.compile(r"T[0-9]{2}"),
    "document": re.compile(r"[DU][0-9]{2}"),
    "modifiers": re.compile(r"[AMPSV]{0,5}"),
    "line": re.compile(r"|86[0-9]{11}"),
    "staff": re.compile(r"[A-Z]{2,10}-[0-9]{1,6}"),  # no number of a document has this form
    "pin": re.compile(r"[0-9]{6}"),
    "about": re.compile(r"[a-z]{2,12}(-[a-z]{2,12})?"),
    "token": re.compile(r"[A-Za-z0-9_-]{32,1024}"),
    "code": re.compile(r"R[0-9]{3}"),
    "note": re.compile(r"[a-z]+(-[a-z]+)*"),
    "part": re.compile(r"RNT1:A:[0-9A-F]{16}:[1-9][0-9]?/[1-9][0-9]?:[A-Z2-7]{1,1000}"),
}
"""Field → the whole form of its text. ``line`` is the number a business concerns, as dialled from abroad; empty for none."""


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
    if value["intent"] == "agreement":
        _check_strokes(value)
    if not 0 <= value.get("score", 0) <= 100:  # noqa: PLR2004  # a percentage
        raise BadIntent("score out of 0..100")
    if value["intent"] != "start" and any(not FORMS[name].fullmatch(value[name]) for name, kind in fields.items() if kind is str):
        raise BadIntent("a word of another form")
    return value


def _check_strokes(value: dict[str, Any]) -> None:
    """Refuse pen strokes that are no signature, and any with an agreement that is not signed."""
    try:
        good = not value["strokes"] if not value["signed"] else bool(read_strokes(value["strokes"]))
    except Malformed:
        good = False
    if not good:
        raise BadIntent("no signature in these strokes")
