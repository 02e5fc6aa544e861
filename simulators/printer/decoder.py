# SPDX-License-Identifier: Apache-2.0
"""Take an ESC/POS byte stream apart, as a Chinese text printer does.

Source: Epson "ESC/POS Command Reference". The character part: in Kanji mode (``FS &``) a byte of 0x81 and above begins a GB18030
character of two or four bytes (GB 18030-2005 §5); outside of it (``FS .`` and after ``ESC @``) every byte is a sign of code page 437,
which is how a forgotten mode switch shows as rubbish on paper.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE, CUT, REPORT, RESET, UNKNOWN = "line", "cut", "report", "reset", "unknown"

_LENGTHS = {
    b"\x1b@": 2,  # ESC @
    b"\x1bd": 3,  # ESC d n
    b"\x1ba": 3,  # ESC a n, justification
    b"\x1bE": 3,  # ESC E n, bold
    b"\x1b!": 3,  # ESC ! n, print mode
    b"\x1bt": 3,  # ESC t n, code table
    b"\x1c&": 2,  # FS &
    b"\x1c.": 2,  # FS .
    b"\x1d!": 3,  # GS ! n, character size
    b"\x1dr": 3,  # GS r n
    b"\x1dV": 3,  # GS V m, one more byte for m of 65 and 66
}


@dataclass(frozen=True, slots=True)
class Action:
    """What the mechanism does next: print a line of ``text``, cut, report, reset, or trip over an unknown command."""

    kind: str
    text: str = ""


class Decoder:
    """Holds bytes that are not yet a whole command, and the line being filled."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._line = ""
        self._kanji = False

    def feed(self, data: bytes) -> list[Action]:
        """Take more bytes and return what they complete."""
        self._bytes += data
        actions: list[Action] = []
        while (used := self._take(actions)) > 0:
            del self._bytes[:used]
        return actions

    def _take(self, actions: list[Action]) -> int:
        """Handle what stands first; returns the bytes used, 0 when more are needed."""
        if not self._bytes:
            return 0
        first = self._bytes[0]
        if first in {0x1B, 0x1C, 0x1D}:
            return self._command(actions)
        if first == 0x0A:
            actions.append(Action(LINE, self._line))
            self._line = ""
            return 1
        if first < 0x20 or first == 0x7F:
            return 1
        return self._sign(first)

    def _sign(self, first: int) -> int:
        if first < 0x80 or not self._kanji:
            self._line += bytes([first]).decode("cp437")
            return 1
        if len(self._bytes) < 2:
            return 0
        length = 4 if 0x30 <= self._bytes[1] <= 0x39 else 2
        if len(self._bytes) < length:
            return 0
        self._line += bytes(self._bytes[:length]).decode("gb18030", errors="replace")
        return length

    def _command(self, actions: list[Action]) -> int:
        if len(self._bytes) < 2:
            return 0
        code = bytes(self._bytes[:2])
        length = _LENGTHS.get(code)
        if length is None:
            actions.append(Action(UNKNOWN, code.hex()))
            return 2
        if length == 3 and code == b"\x1dV" and len(self._bytes) >= 3 and self._bytes[2] in {65, 66}:
            length = 4
        if len(self._bytes) < length:
            return 0
        self._obey(code, actions)
        return length

    def _obey(self, code: bytes, actions: list[Action]) -> None:
        match code:
            case b"\x1b@":
                self._line, self._kanji = "", False
                actions.append(Action(RESET))
            case b"\x1c&":
                self._kanji = True
            case b"\x1c.":
                self._kanji = False
            case b"\x1dV":
                actions.append(Action(CUT))
            case b"\x1dr":
                actions.append(Action(REPORT))
