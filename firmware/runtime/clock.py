# SPDX-License-Identifier: Apache-2.0
"""The terminal's two clocks, read in one place.

Freshness is judged on the boot clock and a nonce. The calendar is ``max(real-time clock, floor)``, the floor being the latest time an
operator's signature has shown; it never steps back, whatever the battery says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

_CHINA = timezone(timedelta(hours=8))
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """Unix seconds, boot id (16 B), milliseconds since boot (suspend included)."""

    at: int
    boot_id: bytes
    boot_ms: int


LATEST = 4_102_444_800
"""2100-01-01: no operator vouches for a later time; milliseconds taken for seconds would, and the floor never comes down again."""


class Clock:
    """Reads the clocks; ``floor`` in Unix seconds is raised by :meth:`seen`."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._boot_id = bytes.fromhex(_BOOT_ID.read_text().strip().replace("-", ""))

    def now(self) -> Moment:
        """Return this moment on both clocks."""
        at = max(int(time.time()), self.floor)
        return Moment(at, self._boot_id, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)

    def today(self) -> date:
        """Return the civil date where documents are issued and checked (UTC+8)."""
        return datetime.fromtimestamp(self.now().at, _CHINA).date()

    def seen(self, seconds: int) -> None:
        """Take note of a time that an operator's signature vouches for, unless it lies beyond :data:`LATEST`."""
        if seconds <= LATEST:
            self.floor = max(self.floor, seconds)
