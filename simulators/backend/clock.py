# SPDX-License-Identifier: Apache-2.0
"""The operator's clock: the machine's, moved by as much as it was told, so that a test may travel years.

Every time in a row, an approval or a deadline comes from here. Certificates and TLS keep the machine's own time.
"""

from __future__ import annotations

import time


class Clock:
    """Unix seconds; ``moved`` is how far it stands from the machine's."""

    def __init__(self, moved: int = 0) -> None:
        self.moved = moved

    def now(self) -> int:
        """Return the time in Unix seconds."""
        return int(time.time()) + self.moved

    def set(self, now: int) -> int:
        """Make it ``now``; returns the new time."""
        self.moved = now - int(time.time())
        return self.now()

    def today(self) -> str:
        """Return the day in UTC, YYYYMMDD."""
        return time.strftime("%Y%m%d", time.gmtime(self.now()))
