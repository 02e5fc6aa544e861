# SPDX-License-Identifier: Apache-2.0
"""The shipped terminal with one thing added: its power is cut before or after a chosen row of the journal.

``python cut_terminal.py --config FILE --cut before:7``. The cut is SIGKILL to its own process and to its device workers' parent: what
was not durable is gone, as after a pulled plug.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from firmware.runtime import config, wiring
from firmware.runtime.terminal import Terminal


class CutJournal:
    """Passes everything to the real journal, and counts its appends."""

    def __init__(self, journal: Any, when: str, row: int) -> None:
        self._journal, self._when, self._left = journal, when, row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, *arguments: Any, **keywords: Any) -> Any:
        self._left -= 1
        if self._left == 0 and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        row = self._journal.append(*arguments, **keywords)
        if self._left == 0 and self._when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return row


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cut", required=True)
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args()
    unit = wiring.build(config.load(options.config))
    when, _, row = options.cut.partition(":")
    unit.journal = CutJournal(unit.journal, when, int(row))  # type: ignore[assignment]  # the same calls, one of them the last
    asyncio.run(Terminal(unit).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
