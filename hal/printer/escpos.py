# SPDX-License-Identifier: Apache-2.0
"""ESC/POS, the few commands a text receipt needs. Pure bytes.

Rules
* Chinese is GB18030 with the mode switch ``FS &`` in front: without it many printers show code page 437 instead.
* A line holds no control characters. They are replaced by ``?`` before encoding, so no text that a chip or a backend supplied can
  become a command; no byte of a GB18030 character lies below 0x30.
* A job is one or more papers, each cut off, and ends with ``GS r 1``. The printer answers that only after everything before it was
  printed: the answer, not the end of our writing, means "the receipt is out".

Command bytes and status bits: Epson "ESC/POS Command Reference", entries named in the constants.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from hal.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

INITIALISE: Final = b"\x1b@"  # ESC @
KANJI_ON: Final = b"\x1c&"  # FS &
FEED_AND_CUT: Final = b"\x1dVB\x00"  # GS V 66 0: feed to the cutting position, partial cut
FEED: Final = b"\x1bd\x04"  # ESC d 4: out of the case, for tearing off
REPORT_PRINTED: Final = b"\x1dr\x01"  # GS r 1: paper sensor status, in its turn
ASK_ONLINE: Final = b"\x10\x04\x01"  # DLE EOT 1: printer status, at once
ASK_PAPER: Final = b"\x10\x04\x04"  # DLE EOT 4: roll paper sensor, at once

MAX_PAPERS, MAX_LINES, MAX_COLUMNS = 4, 200, 96

_INSTANT_MASK: Final = 0b1001_0011
_INSTANT_BITS: Final = 0b0001_0010
_NEVER_PRINTED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def job(*papers: Sequence[str], cut: bool) -> bytes:
    """Return the bytes that print ``papers``, lines each, and ask for the report; ``ValueError`` for more than fits."""
    if len(papers) > MAX_PAPERS or any(len(lines) > MAX_LINES or any(len(line) > MAX_COLUMNS for line in lines) for lines in papers):
        raise ValueError(f"a job has at most {MAX_PAPERS} papers of {MAX_LINES} lines of {MAX_COLUMNS} characters")
    end = FEED_AND_CUT if cut else FEED
    text = b"".join(b"".join(encode(line) + b"\n" for line in lines) + end for lines in papers)
    return INITIALISE + KANJI_ON + text + REPORT_PRINTED


def encode(line: str) -> bytes:
    """Return one line as GB18030, control characters and lone surrogates replaced by ``?``."""
    if not line.isprintable():  # else there is nothing to replace
        line = "".join("?" if unicodedata.category(sign) in _NEVER_PRINTED else sign for sign in line)
    return line.encode("gb18030")


def is_instant(status: int) -> bool:
    """Return whether a byte is an answer to ``DLE EOT`` (bits 1 and 4 set, 0 and 7 clear) and not to ``GS r`` (4 and 7 clear)."""
    return status & _INSTANT_MASK == _INSTANT_BITS


def online(status: int) -> bool:
    """Read the answer to ``DLE EOT 1``: bit 3 says offline."""
    return not _instant(status) & 0b0000_1000


def paper_present(status: int) -> bool:
    """Read the answer to ``DLE EOT 4``: bits 5 and 6 say the roll has ended. A roll near its end still prints."""
    return not _instant(status) & 0b0110_0000


def printed(status: int) -> bool:
    """Read the answer to ``GS r 1``: bits 2 and 3 say the roll had ended by then."""
    if status & 0b1001_0000:
        raise ProtocolError(reason="status", byte=status)
    return not status & 0b0000_1100


def _instant(status: int) -> int:
    if not is_instant(status):
        raise ProtocolError(reason="status", byte=status)
    return status
