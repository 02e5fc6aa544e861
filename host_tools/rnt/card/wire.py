# SPDX-License-Identifier: Apache-2.0
"""What stands between the commands and the card: who looks on, and who lets nothing through that writes.

Each is a :class:`hal.sim_card.channel.Transport` around another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.errors import HalError
from host_tools.rnt.card.view import VERIFY, Shown, Viewer, harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.deadline import Deadline
    from hal.sim_card.channel import Transport

OK = 0x9000


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its answer, as a person may see them. ``sent`` and ``received`` count bytes, the status word included."""

    shown: Shown
    answer: str
    changes: bool
    sent: int
    received: int

    @property
    def line(self) -> str:
        """One line of a trace."""
        return f"{self.shown.name:<15} {self.shown.target:<20} {self.shown.apdu} → {self.answer}"


class Watched:
    """Carries everything and tells ``watcher`` of each exchange. ``updates`` counts commands that may have changed what the card holds."""

    def __init__(self, under: Transport, viewer: Viewer, watcher: Callable[[Exchange], None]) -> None:
        self._under, self._viewer, self._watcher = under, viewer, watcher
        self.updates = 0

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Carry one command."""
        shown, changes = self._viewer.command(command), not harmless(command)
        self.updates += changes and command[1] != VERIFY
        try:
            data, sw = self._under.transmit(command, deadline)
        except HalError:
            self._watcher(Exchange(shown, "no answer", changes, len(command), 0))
            raise
        self._watcher(Exchange(shown, self._viewer.answer(data, sw), changes, len(command), len(data) + 2))
        return data, sw


class Untouched:
    """Carries what leaves a card as it was, and raises ``RuntimeError`` for anything else: a mistake of this program, told before harm."""

    def __init__(self, under: Transport) -> None:
        self._under = under

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Carry one harmless command."""
        if not harmless(command):
            raise RuntimeError("a command that writes where none may")
        return self._under.transmit(command, deadline)


class Rehearsal:
    """Carries what leaves a card as it was; anything else is not sent and counts as done."""

    def __init__(self, under: Transport) -> None:
        self._under = under

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Carry one command, or nothing."""
        return self._under.transmit(command, deadline) if harmless(command) else (b"", OK)
