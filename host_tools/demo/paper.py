# SPDX-License-Identifier: Apache-2.0
"""Where the story is written: calm lines for people, or JSON lines for programs.

Colour and a moving line appear only on a terminal that can show them, never with ``NO_COLOR`` (no-color.org). Whatever takes longer
than a second moves. With ``--json`` people's lines are dropped and every event is one line; the last has ``"type": "result"``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL, TEXT = 18, 76
"""Columns of the label and of the sentence beside it."""
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33"}


def width(text: str) -> int:
    """Return the columns ``text`` takes: Chinese signs take two (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def padded(text: str, columns: int) -> str:
    """Return ``text`` filled with blanks to ``columns``."""
    return text + " " * max(0, columns - width(text))


class Paper:
    """Writes to standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._live = not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._live and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._moving = ""

    def event(self, kind: str, **fields: Any) -> None:
        """Tell a program what happened."""
        if self.as_json:
            self._write(json.dumps({"type": kind, **fields}, ensure_ascii=False) + "\n")

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._line("\n" + self._style(text, "bold"))

    def line(self, mark: str, label: str, text: str, duration: str = "", style: str = "") -> None:
        """Tell one thing: a mark, its label, a sentence, how long it took."""
        sign = self._style(mark, {"✓": "green", "✗": "red", "!": "yellow"}.get(mark, ""))
        body = self._style(padded(text, TEXT if duration else 0), style)
        self._line(f"  {sign} {padded(label, LABEL)}{body}{self._style(duration.rjust(9), 'dim') if duration else ''}")

    def plain(self, text: str, style: str = "") -> None:
        """Tell a sentence of its own."""
        self._line("  " + self._style(text, style))

    @contextmanager
    def working(self, label: str, text: str) -> Iterator[None]:
        """Show that something runs: a moving line with the seconds so far, once it takes longer than a second."""
        if not self._live:
            yield
            return
        done = threading.Event()
        mover = threading.Thread(target=self._move, args=(done, label, text), daemon=True)
        mover.start()
        try:
            yield
        finally:
            done.set()
            mover.join()

    def _move(self, done: threading.Event, label: str, text: str) -> None:
        begin, turn = time.monotonic(), 0
        while not done.wait(0.1):
            seconds = time.monotonic() - begin
            if seconds >= 0.5:  # noqa: PLR2004  # half a second needs no progress
                sign = FRAMES[turn % len(FRAMES)]
                with self._lock:
                    self._moving = f"\r  {sign} {padded(label, LABEL)}{padded(text, TEXT)}{f'{seconds:.0f} s'.rjust(9)}"
                    sys.stdout.write(self._moving)
                    sys.stdout.flush()
                turn += 1
        with self._lock:
            self._wipe()

    def _wipe(self) -> None:
        if self._moving:
            sys.stdout.write("\r\x1b[K")
            self._moving = ""

    def _line(self, text: str) -> None:
        if not self.as_json:
            self._write(text.rstrip() + "\n")

    def _write(self, text: str) -> None:
        with self._lock:
            self._wipe()
            sys.stdout.write(text)
            sys.stdout.flush()

    def _style(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if text and style and self._colour else text
