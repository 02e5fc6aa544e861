# SPDX-License-Identifier: Apache-2.0
"""An identity card's reading through the shipped driver, beside the time its bytes need on the serial wire."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.figures import Figure
from hal.deadline import Deadline
from hal.id_reader.service import IdReaderService
from simulators.kit.launch import RunningSimulator

ROUNDS = 15
TARGET = 1.25
BAUD, BITS_PER_BYTE = 115200, 10
DEADLINE_S = 10.0


def measure() -> dict[str, Figure]:
    """Return the median of (find + read) over the wire time of the answers' bytes in the same exchange."""
    with tempfile.TemporaryDirectory(prefix="rnt-b-") as name:
        link, control = Path(name) / "reader", Path(name) / "control"
        with RunningSimulator("simulators.id_reader", "--link", str(link), "--find-policy", "always", control=control) as simulator:
            service = IdReaderService({"port": str(link), "baud": BAUD})
            try:
                service.operations["open"]({}, Deadline.after(DEADLINE_S))
                simulator.control("insert", persona="zhang")
                rounds = [_round(service) for _ in range(ROUNDS)]
            finally:
                service.close()
    ratio = statistics.median(taken / wire for taken, wire in rounds)
    return {"id_reader.read_vs_wire": Figure(ratio, "ratio", TARGET, statistics.median(wire for _, wire in rounds))}


def _round(service: IdReaderService) -> tuple[float, float]:
    begin = time.perf_counter()
    service.operations["await_card"]({}, Deadline.after(DEADLINE_S))
    reading = service.operations["read"]({}, Deadline.after(DEADLINE_S))
    taken = time.perf_counter() - begin
    return taken, reading["bytes"] * BITS_PER_BYTE / BAUD
