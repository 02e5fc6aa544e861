# SPDX-License-Identifier: Apache-2.0
"""How many clauses are proven and how many await a later room, and how many scenarios pass, as of the last recorded run of the tests."""

from __future__ import annotations

import sys

from bench.figures import Figure
from host_tools.clauses import record
from host_tools.clauses.__main__ import COMMAND, counted
from host_tools.clauses.table import ROOT, rows


def measure() -> dict[str, Figure]:
    """Return the three counts; nothing, with the command that records one, where no run was recorded."""
    if record.read(ROOT) is None:
        sys.stderr.write(f"no test run was recorded in {record.FILE}: {COMMAND}\n")
        return {}
    counts = counted(rows())
    names = {"clauses.proven": "proven", "clauses.awaiting": "awaiting", "scenarios.passing": "scenarios passing"}
    return {name: Figure(counts[count], "count", None, None) for name, count in names.items()}
