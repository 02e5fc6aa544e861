# SPDX-License-Identifier: Apache-2.0
"""What an onlooker may see of the exchanges with a reader: which command, how long it took, how it ended, and no byte about a person.

Decides nothing about the exchange. Rules

* What identifies a person or a card is left out *here*, at the source: an onlooker that logs everything it is told logs nothing personal.
  A command says how many bytes of its answer's data may be seen (:attr:`~hal.id_reader.frames.Command.open`); the default is none.
* The checksum behind bytes that were left out is left out too: it would tell one card from another.
* Of an answer that broke only the reason is told: its bytes could be anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Seen:
    """One exchange as an onlooker sees it. Times are microseconds from the first byte of the request."""

    command: str
    sent: bytes
    answer: bytes = b""
    """The answer from its first byte to the first one left out; empty when there was none, or none to be believed."""
    left_out: int = 0
    """Bytes of the answer behind :attr:`answer` that are not shown."""
    code: int | None = None
    """The reader's status (SW3, or the status word of an APDU); ``None`` when there was no answer to be believed."""
    problem: str = ""
    """Why there is no answer: a :class:`~hal.id_reader.errors.FrameError`'s reason, ``silence``, or the error's kind."""
    stray: int = 0
    """Bytes nobody asked for that were thrown away before the request, or stood in front of the answer."""
    first_us: int | None = None
    """When the answer's head had come: the reader's own time. ``None`` where the line does not tell it."""
    took_us: int = 0
    """When the exchange was over."""


class Watcher(Protocol):
    """Who looks on. Called after each exchange, in the thread that made it; must not raise."""

    def saw(self, seen: Seen) -> None:
        """Take note of one exchange."""
