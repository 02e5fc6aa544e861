# SPDX-License-Identifier: Apache-2.0
"""How long an engineer waits for ``rnt --help``, beside a Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure

ROUNDS = 11
TARGET_MS = 200
RNT = Path(sys.executable).with_name("rnt")


def measure() -> dict[str, Figure]:
    """Return the median in milliseconds; the baseline is ``python -c pass``, run in turns."""
    _ms(str(RNT), "--help")
    pairs = [(_ms(str(RNT), "--help"), _ms(sys.executable, "-c", "pass")) for _ in range(ROUNDS)]
    value, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"cli.help_ms": Figure(value, "ms", TARGET_MS, baseline)}


def _ms(*command: str) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # our own program
    return (time.perf_counter() - begin) * 1000
