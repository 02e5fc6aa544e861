# SPDX-License-Identifier: Apache-2.0
"""How far a write is: a bar on the engineer's terminal, gone when it is done. Nothing anywhere else.

Decides when there is a bar: standard error is a terminal, and nobody asked for JSON. ``rich`` draws it, and is loaded only then.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from host_tools.rnt.card.wire import Exchange


class Progress:
    """A bar over ``total`` commands, called ``name``; ``quiet`` or a standard error that is no terminal shows none."""

    def __init__(self, name: str, total: int, *, quiet: bool) -> None:
        self._name, self._total = name, max(1, total)
        self._drawn = not quiet and sys.stderr.isatty()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, exchange: Exchange) -> None:
        """Draw one command more."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=1, target=exchange.shown.target)

    def __enter__(self) -> Self:
        """Draw the empty bar."""
        if self._drawn:
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=self._total, target="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Take the bar away and leave a clean line."""
        if self._bar:
            self._bar.stop()
            self._bar = None


def _bar() -> Bar:
    from rich.console import Console  # noqa: PLC0415  # costs a tenth of a second, and most commands draw nothing
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415  # as above
    from rich.progress import Progress as Bar  # noqa: PLC0415  # as above

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[target]}", markup=False),
        console=Console(stderr=True, no_color=True, highlight=False),
        transient=True,
    )
