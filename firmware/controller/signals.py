# SPDX-License-Identifier: Apache-2.0
"""What people see and hear: three lights, one of which may be on or blink, and a buzzer with fixed patterns.

Decides the timing only; which signal is right is decided by whoever asks. Times are milliseconds on the board's wrapping clock.
"""

from micropython import const

try:
    from typing import TYPE_CHECKING
except ImportError:  # the microcontroller has no typing
    TYPE_CHECKING = False

if TYPE_CHECKING:
    from hal import Board

OFF = const(0)
GREEN = const(1)
AMBER = const(2)
RED = const(3)
COLOURS = const(4)

_HALF_BLINK = const(400)
_PATTERNS = (
    [80],  # ok
    [500],  # fail
    [120, 120, 120, 120, 120],  # attention: on, off, on …
)


class Signals:
    """Drives lights and buzzer of ``board``; call ``tick`` often."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._colour = OFF
        self._blink = False
        self._lit = False
        self._turned = board.now()
        self._pattern = _PATTERNS[0]
        self._playing = False
        self._step = 0
        self._since = 0

    def light(self, colour: int, blink: bool) -> None:
        """Show one colour, steady or blinking."""
        self._colour = colour
        self._blink = blink
        self._turned = self._board.now()
        self._show(True)

    def buzz(self, pattern: int) -> bool:
        """Sound pattern number ``pattern``; return whether there is one."""
        if pattern >= len(_PATTERNS):
            return False
        self._pattern = _PATTERNS[pattern]
        self._playing = True
        self._step = 0
        self._since = self._board.now()
        self._board.buzzer(True)
        return True

    def tick(self) -> None:
        """Blink, and go on with the pattern."""
        if self._blink and self._board.since(self._turned) >= _HALF_BLINK:
            self._turned = self._board.now()
            self._show(not self._lit)
        if self._playing and self._board.since(self._since) >= self._pattern[self._step]:
            self._since = self._board.now()
            self._step += 1
            self._playing = self._step < len(self._pattern)
            self._board.buzzer(self._playing and self._step % 2 == 0)

    def _show(self, lit: bool) -> None:
        self._lit = lit
        colour = self._colour if lit else OFF
        self._board.lights(colour == RED, colour == AMBER, colour == GREEN)
