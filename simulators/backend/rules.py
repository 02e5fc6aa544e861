# SPDX-License-Identifier: Apache-2.0
"""What this operator demands beyond the floor of the law, as one value; ``rules`` on the control socket replaces parts of it.

Counts are of approved records; times are seconds. 0 switches a limit off, an empty set asks for no review.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

HOUR, DAY = 3600, 86_400


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's own limits.

    ``national``, ``postpaid``, ``prepaid``: numbers of one person (R401, R402, R403); ``warn_at``: from so many on an approval says W-401;
    ``tariff``: of numbers nobody reserved; ``floor``: lowest software release (R509); ``strict``: terminals and clerks must be registered.
    ``face_score``: a face that was compared scores as much at least, of 100 (R201).
    ``online``: whether the police register is asked, and whether it answers at all; ``hold_s``: how long a held record waits.
    ``cool_down_s``: between two of one person (R406); ``burst``, ``burst_s``: cards of one terminal in a time (R409); ``tries``: refused
    records of one person in a day (R404); ``proxies``: records in a day one person may act for others (R210).
    ``review_sources``, ``review_kinds``, ``review_modifiers``: what a reviewer sees before it is approved. ``reserve_s``: life of a
    reservation; ``result_s``: how long an approval waits for its result; ``assessed``: units show an assessment of their own before they
    get cards.
    """

    national: int = 5
    postpaid: int = 0
    prepaid: int = 0
    warn_at: int = 4
    tariff: str = "prepaid"
    floor: int = 0
    strict: bool = False
    face_score: int = 80
    online: str = "off"
    hold_s: int = DAY
    cool_down_s: int = 0
    burst: int = 0
    burst_s: int = HOUR
    tries: int = 0
    proxies: int = 0
    review_sources: tuple[str, ...] = ()
    review_kinds: tuple[str, ...] = ()
    review_modifiers: tuple[str, ...] = ()
    reserve_s: int = 900
    result_s: int = 2 * DAY
    assessed: bool = False

    def changed(self, told: dict[str, Any]) -> Rules:
        """Return the rules with what was told; raises ``ValueError`` for a word or type it does not know."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        new = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
        if not set(new) <= set(known) or any(type(value) is not type(known[name]) for name, value in new.items()):
            raise ValueError("rules")
        return replace(self, **new)  # type: ignore[arg-type]  # checked above


class House:
    """Holds the rules that are in force now."""

    def __init__(self) -> None:
        self.rules = Rules()
