# SPDX-License-Identifier: Apache-2.0
"""What all tests share: a line per tier at the end (unit, contract, system …), so that a slow tier shows; and which clause they prove."""

import os
import signal
import sys
from collections import defaultdict

import pytest
from hypothesis import settings

from tests.support import clauses

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a script: programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as in ./run: hundreds of processes need not compile the house one after the other
sys.dont_write_bytecode = False

settings.register_profile("house", deadline=None)  # no test asserts a time, an example least of all; all else as the environment says
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that differ from process to process: two workers would not agree on what there is to run."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: give this parameter an id")
    clauses.note(items)


def pytest_configure(config: pytest.Config) -> None:
    """Record how marked tests end, once for all workers: theirs are reported to the process that leads them."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(clauses.Recorder(config.rootpath))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, int] = defaultdict(int)
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            if not isinstance(report, pytest.TestReport):  # a file that could not be collected took no time
                continue
            tier = report.nodeid.split("/")[1] if report.nodeid.count("/") else "tests"
            seconds[tier] += report.duration
            tests[tier] += report.when == "call"
    for tier in sorted(tests):
        terminalreporter.write_line(f"{tier:>10}: {tests[tier]} tests, {seconds[tier]:.1f} s of work")
