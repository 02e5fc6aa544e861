# SPDX-License-Identifier: Apache-2.0
"""What a check is, and what it may say.

Rules: ``fail`` only with a cause and a command that fixes it; ``unknown`` when the thing cannot be looked at now (a running
terminal holds it), never instead of ``fail``. A finding holds paths, names, dates and codes, nothing personal and no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.runtime.config import Config
    from hal.deadline import Deadline


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: the cause in a sentence, and the command or act that fixes it (empty when all is well)."""

    verdict: Verdict
    cause: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: the terminal's configuration, where it came from, and the time a check may take."""

    config: Config
    config_path: str
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the doctor's table."""

    id: str
    title: str
    examine: Callable[[Patient], Finding]


def ok(cause: str) -> Finding:
    """Say that all is well; ``cause`` tells what was seen."""
    return Finding(Verdict.OK, cause)


def warn(cause: str, fix: str) -> Finding:
    """Say that it works today and may not tomorrow."""
    return Finding(Verdict.WARN, cause, fix)


def fail(cause: str, fix: str) -> Finding:
    """Say what keeps the terminal from working."""
    return Finding(Verdict.FAIL, cause, fix)


def unknown(cause: str, fix: str = "") -> Finding:
    """Say that it cannot be looked at now."""
    return Finding(Verdict.UNKNOWN, cause, fix)
