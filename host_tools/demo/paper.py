# SPDX-License-Identifier: Apache-2.0
"""Where the story is written: calm lines for people, or JSON lines for programs.

Colour and a moving line appear only on a terminal that can show them, never with ``NO_COLOR`` (no-color.org). Whatever takes longer
than a second moves. With ``--json`` people's lines are dropped and every event is one line; the last has ``"type": "result"``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from host_tools.demo.errors import OutputLost

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL, TEXT = 18, 76
"""Columns of the label and of the sentence beside it."""
MARGIN, DURATION = 4, 9
"""Columns before the label and of the duration."""
LEAST_TEXT = 20
"""A sentence is not squeezed into less than this; the terminal wraps such lines as it likes."""
CLOSING = "，。；：！？、）》”"
"""Signs that no line begins with."""
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33"}


def width(text: str) -> int:
    """Return the columns ``text`` takes: Chinese signs take two (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def padded(text: str, columns: int) -> str:
    """Return ``text`` filled with blanks to ``columns``."""
    return text + " " * max(0, columns - width(text))


def wrapped(text: str, columns: int) -> list[str]:
    """Return ``text`` in lines of at most ``columns``, broken between words or before a Chinese sign; longer words stay whole."""
    pieces: list[str] = []
    for sign in text:
        if not pieces or pieces[-1].endswith(" ") or (width(sign) > 1 and sign not in CLOSING):
            pieces.append("")
        pieces[-1] += sign
    lines = [""]
    for piece in pieces:
        if lines[-1] and width(lines[-1] + piece.rstrip()) > columns:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


class Paper:
    """Writes to standard output; on a terminal that is too narrow, sentences go on in the next line, below themselves."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._live = not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._live and not os.environ.get("NO_COLOR")
        self._columns = shutil.get_terminal_size().columns if self._live else 0
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
        first, *rest = wrapped(text, self._room(DURATION if duration else 0))
        body = self._style(padded(first, self._room(DURATION) if duration else 0), style)
        self._line(f"  {sign} {padded(label, LABEL)}{body}{self._style(duration.rjust(DURATION), 'dim') if duration else ''}")
        for line in rest:
            self._line(" " * (MARGIN + LABEL) + self._style(line, style))

    def _room(self, after: int) -> int:
        """Return the columns of a sentence with ``after`` columns behind it; not a terminal: wide enough for every sentence."""
        if not self._columns:
            return TEXT if after else sys.maxsize
        left = self._columns - MARGIN - LABEL - after
        return max(LEAST_TEXT, min(TEXT, left) if after else left)

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
                    shown = wrapped(text, self._room(DURATION))[0]
                    self._moving = (
                        f"\r  {sign} {padded(label, LABEL)}{padded(shown, self._room(DURATION))}{f'{seconds:.0f} s'.rjust(DURATION)}"
                    )
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
            try:
                self._wipe()
                sys.stdout.write(text)
                sys.stdout.flush()
            except OSError as error:
                raise OutputLost(error.strerror) from error

    def _style(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if text and style and self._colour else text
