# SPDX-License-Identifier: Apache-2.0
"""Where output goes: data on stdout, everything else on stderr, or JSON lines on stdout with ``--json``.

Rules
* ``--json`` prints lines of schema ``rnt.cli/1``; the last line, and only it, has ``"type": "result"``. Human text is not stable.
* Nothing is coloured, so ``NO_COLOR`` and pipes need no case of their own.
* A question is asked only of a terminal; everywhere else the command stops and names the option that answers it.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from host_tools.rnt.outcome import RETRYABLE, ExitCode, Result, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.deadline import Deadline

SCHEMA = "rnt.cli/1"


@dataclass(frozen=True, slots=True)
class Console:
    """The options every command has, and the way out for its words."""

    as_json: bool
    no_input: bool
    deadline: Deadline
    dry_run: bool = False
    assume_yes: bool = False

    @contextmanager
    def task(self, name: str, text: str) -> Iterator[None]:
        """Tell that a task begins, and how it ended."""
        self._event("task_begin", text, task=name)
        try:
            yield
        except BaseException:
            self._event("task_end", f"{text}: failed", task=name, ok=False)
            raise
        self._event("task_end", "", task=name, ok=True)

    def progress(self, task: str, text: str, **data: Any) -> None:
        """Tell something worth reading while a task runs."""
        self._event("task_progress", text, task=task, **data)

    def warn(self, text: str) -> None:
        """Tell something the engineer should know that does not stop the command."""
        self._event("warning", text)

    def confirm(self, question: str) -> None:
        """Ask before something is changed; raises :class:`Stopped` when the answer is no or nobody can be asked."""
        if self.assume_yes:
            return
        if self.no_input or self.as_json or not sys.stdin.isatty():
            raise Stopped(ExitCode.USAGE, f"{question} Nobody can be asked here.", "repeat with --yes, or look first with --dry-run")
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise Stopped(
                ExitCode.NOTHING_TO_DO, "Not confirmed; nothing was changed.", "repeat and answer y, or use --dry-run to see the plan"
            )

    def _event(self, kind: str, text: str, **data: Any) -> None:
        if self.as_json:
            write_json(kind, text=text, **data)
        elif text:
            sys.stderr.write(f"{'warning: ' if kind == 'warning' else ''}{text}\n")
            sys.stderr.flush()


def write_json(kind: str, **data: Any) -> None:
    """Print one line of the schema on stdout."""
    sys.stdout.write(json.dumps({"schema": SCHEMA, "type": kind, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_result(result: Result, *, as_json: bool, message: str = "") -> None:
    """Print how the command ended: the last line with ``--json``; otherwise data on stdout, message and hint on stderr."""
    if as_json:
        write_json(
            "result",
            code=int(result.code),
            name=result.code.name.lower(),
            retryable=result.code in RETRYABLE,
            message=message,
            hint=result.hint,
            data=result.data,
        )
        return
    if result.text:
        sys.stdout.write(result.text.rstrip("\n") + "\n")
        sys.stdout.flush()
    if message:
        sys.stderr.write(f"{message}\n")
    if result.hint:
        sys.stderr.write(f"next: {result.hint}\n")
