# SPDX-License-Identifier: Apache-2.0
"""The marker ``clause``: a test says which clauses it proves, and how it ended is recorded for ``./run clauses``.

A clause nobody explained (``firmware/packs/clauses.toml``) and a scenario that is not in the table end the collection. The record is merged
from all workers by the process that leads the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from host_tools.clauses import record
from host_tools.clauses.table import texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PROPERTY = "clauses"


def note(items: Iterable[pytest.Item]) -> None:
    """Have each marked test carry its clauses into its reports; raises ``UsageError`` for a clause that does not exist."""
    known = texts()
    for item in items:
        named = [name for mark in item.iter_markers("clause") for name in mark.args]
        if unknown := [name for name in named if name not in known]:
            raise pytest.UsageError(f"{item.nodeid}: nobody explained the clauses {', '.join(unknown)} in firmware/packs/clauses.toml")
        if named:
            item.user_properties.append((PROPERTY, ",".join(named)))


class Recorder:
    """Gathers how marked tests ended, for the record of the checkout ``root``. A test that failed in set-up or at its end failed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ended: dict[str, bool] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(name == PROPERTY for name, _ in report.user_properties) and (report.when == "call" or report.failed):
            self._ended[report.nodeid] = report.passed and self._ended.get(report.nodeid, True)

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        if self._ended:
            record.merge(self._root, self._ended)
