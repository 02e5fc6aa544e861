# SPDX-License-Identifier: Apache-2.0
"""At which of the five rates a serial reader talks, and moving it to the wanted one. USB readers have none.

Rules (facts: id_reader §1.2)
* There is no command that tells the rate: a reader is found by asking its status at one rate after the other, the wanted one more often.
* The patience for one rate doubles with each round, so that a slow SAM is not passed over for ever.
* A reader whose rate is known is not looked for at others.
* A change is answered at the old rate and survives power-off. The new one is believed only after the reader answered at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hal.id_reader.frames import BAUDS, STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.id_reader.line import RatedLine

FIRST_PATIENCE_S: Final = 0.25
"""How long the status may take in the first round."""


def patience() -> Iterator[float]:
    """Yield the seconds to wait for the status, round by round."""
    seconds = FIRST_PATIENCE_S
    while True:
        yield seconds
        seconds = min(2 * seconds, STATUS.timeout)


class Rates:
    """The rate of a serial line opened at ``wanted``: ``now``, and the ``wanted`` one. ``ValueError`` for a rate readers do not have.

    ``known`` is where the reader was last heard, if it was.
    """

    def __init__(self, line: RatedLine, wanted: int, known: int | None = None) -> None:
        if wanted not in BAUDS:
            raise ValueError(f"readers talk at one of {', '.join(map(str, BAUDS))} baud")
        self.wanted = self.now = wanted
        self._line = line
        self._others = () if known else tuple(baud for baud in BAUDS if baud != wanted)
        if known:
            self.switch(known)
            self.wanted = known

    def switch(self, baud: int) -> None:
        """Set our end to ``baud``."""
        if baud != self.now:
            self._line.set_baud(baud)
            self.now = baud

    def round(self) -> Iterator[int]:
        """Set our end to one rate after the other, the wanted one first and last, and yield each."""
        for baud in (self.wanted, *self._others, self.wanted):
            self.switch(baud)
            yield baud
