# SPDX-License-Identifier: Apache-2.0
"""Who looks on while a reader works: counts for ``info``, lines for ``trace``.

Decides how an exchange is written down. What may be seen of one was decided in the driver (:mod:`hal.id_reader.watching`).
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.id_reader.watching import Seen
    from host_tools.rnt.console import Console

WIDEST = 27
"""Bytes of an answer that stand in a line of text; the longest that is shown whole is the SAM id's."""


class Tally:
    """Counts what it sees and hands it on to ``then``."""

    def __init__(self, then: Callable[[Seen], None] | None = None) -> None:
        self._then = then
        self._times: list[int] = []
        self._problems: Counter[str] = Counter()
        self._exchanges = self._stray = 0

    def saw(self, seen: Seen) -> None:
        """Take note of one exchange."""
        self._exchanges += 1
        self._stray += seen.stray
        if seen.problem:
            self._problems[seen.problem] += 1
        elif seen.command in {"status", "sam_id"}:
            self._times.append(seen.took_us)
        if self._then:
            self._then(seen)

    def to_json(self) -> dict[str, Any]:
        """Return the figures: exchanges, those that failed by reason, bytes nobody asked for, and how quickly status and id came (ms)."""
        median = round(statistics.median(self._times) / 1000, 2) if self._times else None
        slowest = round(max(self._times) / 1000, 2) if self._times else None
        return {
            "exchanges": self._exchanges,
            "failed": dict(self._problems),
            "stray_bytes": self._stray,
            "answer_ms": median,
            "slowest_ms": slowest,
        }


class Printer:
    """Prints exchanges as they happen: lines on standard output, or ``task_progress`` with ``--json``. Those that repeat are counted."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Seen | None = None
        self._times = 0

    def saw(self, seen: Seen) -> None:
        """Print one exchange, or count it when it is the last one again."""
        if self._console.as_json:
            self._console.progress("trace", "", **to_json(seen))
            return
        if self._last and _untimed(self._last) == _untimed(seen):
            self._times += 1
            return
        self.flush()
        self._last = seen
        self._print(line(seen))

    def flush(self) -> None:
        """Tell how often the last exchange was repeated."""
        if self._times:
            self._print(f"{'':>20}  {self._last.command if self._last else '':<10} {self._times} times more, with the same end")
        self._times = 0

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _untimed(seen: Seen) -> Seen:
    return replace(seen, first_us=None, took_us=0)


def to_json(seen: Seen) -> dict[str, Any]:
    """Return one exchange for a line of ``--json``; bytes as hex."""
    return {
        "command": seen.command,
        "sent": seen.sent.hex(),
        "answer": seen.answer.hex(),
        "left_out": seen.left_out,
        "code": f"{seen.code:02X}" if seen.code is not None else None,
        "problem": seen.problem or None,
        "stray": seen.stray,
        "first_ms": round(seen.first_us / 1000, 2) if seen.first_us is not None else None,
        "took_ms": round(seen.took_us / 1000, 2),
    }


def line(seen: Seen) -> str:
    """Return one exchange as a line for people."""
    told = seen.problem
    if not told:
        shown = seen.answer[:WIDEST].hex().upper()
        told = f"{seen.code or 0:02X} {shown}" + (f" [{seen.left_out} bytes blanked]" if seen.left_out else "")
    first = f"{seen.first_us / 1000:8.2f}" if seen.first_us is not None else f"{'-':>8}"
    stray = f" ({seen.stray} stray bytes)" if seen.stray else ""
    return f"{first} {seen.took_us / 1000:8.2f} ms  {seen.command:<10} {seen.sent.hex().upper():<22} → {told}{stray}"
