# SPDX-License-Identifier: Apache-2.0
"""Print which test proves which clause: ``./run clauses [CLAUSE…] [--json] [--page FILE]``.

Exit codes: 0 shown; 1 a clause has failed, or is neither proven nor awaiting; 2 usage; 4 no run was recorded yet.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from host_tools.clauses import page, record
from host_tools.clauses.table import ROOT, Row, Verdict, rows, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, NOT_RECORDED = 0, 1, 4
COMMAND: Final = "./run test"
WIDTH: Final = 76
"""Columns of the text of a clause before it is cut; ``--json`` and the page have it whole."""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Show the table of the checkout at ``root`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="./run clauses", description="Which test proves which clause, as of the last recorded run.")
    parser.add_argument("clauses", nargs="*", metavar="CLAUSE", help="only these, e.g. TB-08 GA-01; with the tests that prove them")
    parser.add_argument("--json", action="store_true", help="one JSON object per clause, then one with the counts")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write the auditor's page (HTML)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.clauses if name not in texts()]:
        parser.error(f"no clause {', '.join(unknown)}; all stand in firmware/packs/clauses.toml and host_tools/demo/scenarios.toml")
    if record.read(root) is None:
        sys.stderr.write(f"no test run was recorded in {record.FILE}; run {COMMAND} first (with a folder of tests for a part)\n")
        return NOT_RECORDED
    everything = rows(root)
    shown = [row for row in everything if not options.clauses or row.clause in options.clauses]
    _print(shown, as_json=options.json, whole=bool(options.clauses))
    if options.page:
        options.page.write_text(page.html(everything, record.revision_of(root)), encoding="utf-8")
        sys.stderr.write(f"written: {options.page}\n")
    return FAILED if any(row.verdict in {Verdict.FAILED, Verdict.OPEN} for row in shown) else OK


def _print(shown: Sequence[Row], *, as_json: bool, whole: bool) -> None:
    counts = counted(shown)
    if as_json:
        lines = [json.dumps(asdict(row), ensure_ascii=False) for row in shown] + [json.dumps({"counts": counts})]
    else:
        lines = [line for row in shown for line in _lines(row, whole=whole)]
        lines += ["", ", ".join(f"{count} {name}" for name, count in counts.items())]
    sys.stdout.write("\n".join(lines) + "\n")


def counted(shown: Sequence[Row]) -> dict[str, int]:
    """Return how many clauses have each verdict, and how many scenarios pass."""
    found = Counter(row.verdict.value for row in shown if not row.is_scenario)
    passing = sum(row.verdict is Verdict.PROVEN for row in shown if row.is_scenario)
    return {**{verdict.value: found[verdict.value] for verdict in Verdict}, "scenarios passing": passing}


def _lines(row: Row, *, whole: bool) -> list[str]:
    asks = row.asks if whole or len(row.asks) <= WIDTH else row.asks[: WIDTH - 1] + "…"
    proof = f"{row.room}: {row.missing}" if row.verdict is Verdict.AWAITING else _count(row.tests)
    head = f"{row.clause:<16}{row.verdict.value:<10}{asks}"
    return [f"{head}  [{proof}]", *(f"{'':<26}{test}" for test in row.tests if whole)]


def _count(tests: Sequence[str]) -> str:
    return "1 test" if len(tests) == 1 else f"{len(tests)} tests"


if __name__ == "__main__":
    sys.exit(main())
