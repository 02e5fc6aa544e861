# SPDX-License-Identifier: Apache-2.0
"""Cards coming and going at a reader, as an endless watch.

Decides what is an event and what ends the watch: a card that cannot be read is an event, a reader that went away is the end. Ctrl-C is how
a watch is meant to end, so it ends well.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from hal.errors import DeadlinePassed, HalError, LinkClosed
from hal.id_reader.errors import ReaderFault, ReaderSilent
from host_tools.rnt.console import write_json
from host_tools.rnt.reader.seen import look

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from host_tools.rnt.console import Console
    from host_tools.rnt.reader.desk import Desk

LOOK_S = 1.0
"""How long one look for a card lasts; Ctrl-C is heard at once all the same."""
LIFT_POLL_S = 0.2
"""Between two looks whether a card has left: neither protocol has an event for it."""
ENDS = (LinkClosed, ReaderFault, ReaderSilent)
"""After these nothing more can be watched."""


class Rounds:
    """The watch of one reader; ``count`` cards end it, ``None`` = none does."""

    def __init__(self, console: Console, desk: Desk, count: int | None) -> None:
        self._console, self._desk, self._count = console, desk, count
        self._counts: Counter[str] = Counter()
        self._lying = False
        """The last card is still on the reader."""
        self._never = threading.Event()

    @property
    def text(self) -> str:
        """What happened, for people."""
        return ", ".join(f"{self._counts[name]} {name}" for name in ("presented", "read", "failed", "removed"))

    def to_json(self) -> dict[str, Any]:
        """Return how often each thing happened."""
        return {name: self._counts[name] for name in ("presented", "read", "failed", "removed")}

    def run(self) -> None:
        """Watch until the end; raises :class:`~host_tools.rnt.outcome.Stopped` when the reader cannot be watched any more."""
        self._console.progress("monitor", "watching; Ctrl-C ends it")
        try:
            while self._more():
                self._round()
        except KeyboardInterrupt:
            return
        except ENDS as error:
            raise self._desk.told(error) from error

    def _more(self) -> bool:
        enough = self._count is not None and self._counts["presented"] >= self._count and not self._lying
        return self._console.deadline.left() > 0 and not enough

    def _round(self) -> None:
        deadline = self._console.deadline.sooner(LOOK_S)
        try:
            if self._lying:
                self._watch_removal(deadline)
                return
            self._desk.reader.await_card(deadline)
        except DeadlinePassed:
            return
        except ENDS:
            raise
        except HalError as error:
            self._lying = True
            self._tell("failed", error.kind)
            return
        self._tell("presented", "")
        self._read()

    def _watch_removal(self, deadline: Deadline) -> None:
        """Ask now and then whether the card that lies there has left."""
        while not self._desk.reader.card_gone(deadline):
            self._never.wait(min(LIFT_POLL_S, deadline.check()))
        self._lying = False
        self._tell("removed", "")

    def _read(self) -> None:
        self._lying = True
        start = time.monotonic()
        try:
            seen = look(self._desk.reader.read(self._console.deadline))
        except ENDS:
            raise
        except HalError as error:
            self._tell("failed", error.kind)
            return
        took = round((time.monotonic() - start) * 1000)
        refused = f", the terminal would refuse it with {seen.refused}" if seen.refused else ""
        self._tell("read", f"{seen.kind} {seen.name} {seen.number} in {took} ms{refused}", took_ms=took, card=seen.to_json())

    def _tell(self, event: str, text: str, **data: Any) -> None:
        """Print one event with the time of day; ``--json`` has what may be kept, and no masked text."""
        self._counts[event] += 1
        if self._console.as_json:
            shown = text if event == "failed" else ""
            write_json("task_progress", task="monitor", text="", event=event, reason=shown or None, **data)
            return
        sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {event:<9} {text}".rstrip() + "\n")
        sys.stdout.flush()
