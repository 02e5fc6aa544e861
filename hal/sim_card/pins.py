# SPDX-License-Identifier: Apache-2.0
"""The ``pin`` operation: which key command a request means. The rules are those of :mod:`hal.sim_card.keys`.

Request: ``action`` (state, verify, change, unblock, enable, disable), ``key`` (reference, 1 to 255), and as the action needs ``value``,
``new``, ``puk`` (8 bytes as hex), ``ordered``. Result: ``left`` after it (None = verified), ``unblock_left`` where the card tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hal.sim_card import keys
from hal.sim_card.errors import ProfileUnfit, UnknownCard

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport


def run_pin(transport: Transport, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Carry out one request; raises as :mod:`hal.sim_card.keys` does, and :class:`ProfileUnfit` for a request of another form."""
    key, ordered = arguments.get("key"), bool(arguments.get("ordered"))
    if not isinstance(key, int) or isinstance(key, bool) or not 1 <= key <= 0xFF:  # noqa: PLR2004  # one byte
        raise ProfileUnfit(item="key")
    match arguments.get("action"):
        case "state":
            pass
        case "verify":
            keys.present(transport, key, _value(arguments, "value"), deadline, ordered=ordered)
        case "change":
            keys.change(transport, key, _value(arguments, "value"), _value(arguments, "new"), deadline, ordered=ordered)
        case "unblock":
            keys.unblock(transport, key, _value(arguments, "puk"), _value(arguments, "new"), deadline, ordered=ordered)
        case "enable" | "disable" as action:
            keys.switch(transport, key, _value(arguments, "value"), deadline, enabled=action == "enable", ordered=ordered)
        case _:
            raise ProfileUnfit(item="action")
    return {"left": keys.state(transport, key, deadline).left, "unblock_left": _unblock_left(transport, key, deadline)}


def _unblock_left(transport: Transport, key: int, deadline: Deadline) -> int | None:
    try:
        return keys.unblock_state(transport, key, deadline).left
    except UnknownCard:
        return None  # an administrative key has no PUK


def _value(arguments: dict[str, Any], name: str) -> bytes:
    value = arguments.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f]{16}", value):
        raise ProfileUnfit(item=name)
    return bytes.fromhex(value)
