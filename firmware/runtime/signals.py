# SPDX-License-Identifier: Apache-2.0
"""The signals that ask the terminal to end, and how none of them is lost while the process replaces itself.

Held signals wait in the kernel, across the ``exec`` too, until the new program has its handlers and takes them.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_came: Final[list[int]] = []


def hold_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Have them wait from now on, in place of the handlers of ``loop``; one that another thread takes is noted."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for number in STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, lambda received, _: _came.append(received))


def one_waits() -> bool:
    """Return whether one has come since they are held."""
    return bool(_came) or not signal.sigpending().isdisjoint(STOPPING)


def take_signals() -> None:
    """Have those that wait, and every later one, delivered; for whoever has handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
