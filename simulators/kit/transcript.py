# SPDX-License-Identifier: Apache-2.0
"""A transcript: one JSON line for each frame a simulator saw or sent.

Simulators hold synthetic personas only, so frames are written whole; a failed test attaches the file.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path


class Transcript:
    """Append-only record of what crossed the wire; a no-op when no path is given."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def frame(self, direction: str, data: bytes, note: str = "") -> None:
        """Write one frame. ``direction`` is ``>`` (to the device) or ``<`` (from it)."""
        self._write({"dir": direction, "hex": data.hex(), "note": note})

    def note(self, text: str) -> None:
        """Write one remark: a card inserted, a fault fired."""
        self._write({"note": text})

    def _write(self, entry: dict[str, str]) -> None:
        if self._file is None:
            return
        line = json.dumps({"t": round(time.monotonic() - self._start, 6), **entry}, ensure_ascii=False)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
