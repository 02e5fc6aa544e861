# SPDX-License-Identifier: Apache-2.0
"""How a command ends: its exit code, its result, or the reason it stopped.

Rules
* The codes are a promise to scripts; a new meaning gets a new number, an old number never changes.
* Whoever stops says what the engineer types next.
* Neither results nor messages hold personal data, keys or secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What a script may rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOTHING_TO_DO = 3
    NOT_FOUND = 4
    BUSY = 5
    NOT_AUTHORISED = 6
    VERIFICATION = 7
    PARTIAL = 8
    NETWORK = 9
    UNSAFE = 10
    INTERNAL = 70
    INTERRUPTED = 130


RETRYABLE = frozenset({ExitCode.BUSY, ExitCode.NETWORK})
"""Codes after which the same command may succeed without anything being changed first."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found or did: ``data`` for ``--json``, ``text`` for people, ``hint`` names the next command."""

    data: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    code: ExitCode = ExitCode.OK
    hint: str = ""


class Stopped(Exception):
    """A command cannot go on. ``hint`` names the next command to type."""

    def __init__(self, code: ExitCode, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
