# SPDX-License-Identifier: Apache-2.0
"""The signals that ask the terminal to end, and how none of them is lost while the process replaces itself.

Held signals wait in the kernel, across the ``exec`` too, until the new program has its handlers and takes them.
"""

from __future__ import annotations

import signal
from typing import Final

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


def held_signal() -> bool:
    """Have them wait from now on; returns whether one has come meanwhile. For the moment before an ``exec``."""
    came: list[int] = []
    for number in STOPPING:
        signal.signal(number, lambda received, _: came.append(received))
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    return bool(came)


def take_signals() -> None:
    """Have those that wait, and every later one, delivered; for whoever has handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
