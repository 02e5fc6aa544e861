# SPDX-License-Identifier: Apache-2.0
"""How old a session's personal data is, on time that nobody at the terminal can wind back (DS-08, RC-1).

Rules
* Within one boot the boot clock counts, which runs through suspend and cannot be set.
* Across a boot at least the time since that boot has passed, and at least what the calendar says. The calendar is the real-time clock held
  up by the operator's word; when that word comes later and shows more time than was counted, it is believed.
* A calendar that stands before what was noted in an earlier boot was set back, and how long the power was off is unknown: the data counts
  as past every limit. Erasing too early costs a sale, too late a duty.
* An age only grows. What is noted now and then bounds what a power cut can hide.

It reads no clock and erases nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HARD_LIMIT_H: Final = 24
"""No policy pack makes it longer, in hours."""
SLACK_S: Final = 600
"""How far an honest calendar may stand behind what was noted: the stored time floor lags that much."""
PAST_EVERY_LIMIT: Final = 2**62
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Age:
    """``lived_ms`` counted up to the moment given by calendar (Unix seconds) and boot clock; ``crossed``: over a boot, at least one."""

    lived_ms: int
    at: int
    boot_id: bytes
    boot_ms: int
    crossed: bool

    def now(self, at: int, boot_id: bytes, boot_ms: int) -> Age:
        """Return the age at a later moment."""
        calendar_ms = (at - self.at) * 1000
        if boot_id == self.boot_id:
            ran_ms, crossed = max(0, boot_ms - self.boot_ms), self.crossed
            passed_ms = max(ran_ms, calendar_ms) if crossed else ran_ms
        elif calendar_ms < -SLACK_S * 1000:
            passed_ms, crossed = PAST_EVERY_LIMIT, True
        else:
            passed_ms, crossed = max(boot_ms, calendar_ms), True
        lived_ms = min(self.lived_ms + passed_ms, PAST_EVERY_LIMIT)
        shown = max(at, self.at + passed_ms // 1000) if passed_ms < PAST_EVERY_LIMIT else at
        return Age(lived_ms, shown, boot_id, boot_ms, crossed)

    def over(self, hours: int) -> bool:
        """Return whether the data is past a limit of ``hours``, which counts as 24 when it is more."""
        return self.lived_ms >= min(hours, HARD_LIMIT_H) * _HOUR_MS


def born(at: int, boot_id: bytes, boot_ms: int) -> Age:
    """Return the age of what begins now."""
    return Age(0, at, boot_id, boot_ms, crossed=False)
