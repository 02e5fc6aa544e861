# SPDX-License-Identifier: Apache-2.0
"""What every ID reader does for the terminal, whatever it speaks: the seam between the worker's service and the families of readers.

Says only the shape; :mod:`hal.id_reader.families` lists who fills it. Rules for those who do

* All errors are those of :mod:`hal.id_reader.errors`, ``LinkClosed`` and ``DeadlinePassed``; none holds a byte of a card.
* Whoever makes one has opened its port; nothing is sent before :meth:`IdReader.start`.
* One presentation, one reading: a card that was read is not found again before it left.
* No identity is made here: :mod:`hal.id_reader.reading` does that in the terminal's process, from the blocks of a :class:`Reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from hal.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Reading:
    """The blocks of one card as read: 256 bytes of text, 1,024 of photo, n×70 of appended addresses or none."""

    text: bytes
    photo: bytes
    appended: bytes | None


@dataclass(slots=True)
class Spent:
    """What the exchanges since the last :meth:`IdReader.spent` took: frames and bytes of both directions, microseconds of waiting."""

    frames: int = 0
    bytes: int = 0
    link_us: int = 0


class IdReader(Protocol):
    """One open reader."""

    @property
    def kind(self) -> str:
        """How it hangs on the host, as one word: ``serial``, ``four_pipes``, ``pcsc`` …."""
        ...

    @property
    def sam_id(self) -> bytes:
        """The 16 id bytes of its SAM; empty before :meth:`start`, and for a reader that does not tell."""
        ...

    @property
    def baud(self) -> int | None:
        """The rate it talks at, ``None`` for one without."""
        ...

    def start(self, deadline: Deadline) -> bytes:
        """Wait until the reader is up and return :attr:`sam_id`; ``ReaderFault`` for one that is out of order."""
        ...

    def check(self, deadline: Deadline) -> None:
        """Ask how the reader is; ``ReaderFault`` when it is not well."""

    def reset(self, deadline: Deadline) -> None:
        """Bring the reader back to its beginning; a card that lies there is found anew."""

    def await_card(self, deadline: Deadline) -> None:
        """Return once a card was presented; ``DeadlinePassed`` has ``left`` when the last one still lies there."""

    def read(self, deadline: Deadline) -> Reading:
        """Return the blocks of the card that was found, or of the one lying there now; ``NoCard``, ``CardLifted``, ``CardRejected``."""
        ...

    def card_gone(self, deadline: Deadline) -> bool:
        """Return whether the card that was found or read has left."""
        ...

    def spent(self) -> Spent:
        """Return what was spent since the last call."""
        ...

    def stalled(self) -> bool:
        """Return whether a call of the link is overdue; ``False`` where every call ends by itself. Called from another thread."""
        ...

    def close(self) -> None:
        """Let go of the reader; twice is fine."""


@runtime_checkable
class Adjustable(Protocol):
    """A reader whose rate and RF frames can be set. ``ValueError`` for what this one does not have."""

    def change_baud(self, baud: int, deadline: Deadline) -> None:
        """Move reader and line to ``baud`` for good."""

    def set_max_rf(self, size: int, deadline: Deadline) -> None:
        """Limit the frames between SAM and card to ``size`` bytes."""
