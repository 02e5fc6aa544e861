# SPDX-License-Identifier: Apache-2.0
"""How long a plan takes to be resolved from all shipped packs, beside a walk over the same rules that resolves nothing."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench.figures import Figure
from firmware import packs
from firmware.core.policy import Level, assemble, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 15, 200
TARGET_US = 1000
BUSINESS = ("T01", "D01")


def measure() -> dict[str, Figure]:
    """Return the median over rounds of the mean microseconds of one resolve; both are measured in turns."""
    everything = assemble(packs.load(packs.FLOOR), [packs.load(name) for name in packs.shipped()])
    rules = everything.by_kind[BUSINESS[0]]

    def walk() -> None:
        for _ in rules:
            pass

    pairs = [(_us(lambda: resolve(*BUSINESS, everything, level=Level.AGENT)), _us(walk)) for _ in range(ROUNDS)]
    value, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"policy.resolve_us": Figure(value, "us", TARGET_US, baseline)}


def _us(call: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - begin) / CALLS / 1000
