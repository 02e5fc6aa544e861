# SPDX-License-Identifier: Apache-2.0
"""How far a write is: one line on the engineer's terminal, redrawn with every command. Nothing anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from host_tools.rnt.card.wire import Exchange

WIDTH = 30
ERASE_LINE = "\r\x1b[K"


class Progress:
    """A bar over ``total`` commands; ``quiet`` or a standard error that is no terminal shows none."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._done = max(1, total), 0
        self._drawn = not quiet and sys.stderr.isatty()

    def __call__(self, exchange: Exchange) -> None:
        """Draw one command more."""
        self._done += 1
        if self._drawn:
            filled = min(WIDTH, WIDTH * self._done // self._total)
            sys.stderr.write(
                f"{ERASE_LINE}[{'#' * filled}{'.' * (WIDTH - filled)}] {self._done}/{max(self._total, self._done)} {exchange.shown.target}"
            )
            sys.stderr.flush()

    def __enter__(self) -> Self:
        """Return itself; the first command draws."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave a clean line."""
        if self._drawn and self._done:
            sys.stderr.write(ERASE_LINE)
            sys.stderr.flush()
