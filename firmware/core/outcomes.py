# SPDX-License-Identifier: Apache-2.0
"""The coded outcomes of a session: refusals, holds, warnings, each with reason and remedy in both languages.

Rules
* A refusal is exactly one of these codes, with a slip that gives the reason and the way on. There is no free text refusal, and refusing
  marketing is neither a code nor a reason.
* The rows are data (:mod:`firmware.core.outcome_table`); this module only reads them. Slips are :mod:`firmware.kiosk.slips`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from firmware.core.outcome_table import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["zh", "en"]


class Kind(StrEnum):
    """What an outcome does to the session."""

    REFUSAL = "refusal"
    """The session ends; nothing is written."""
    HOLD = "hold"
    """The session waits: neither refused nor passed."""
    WARNING = "warning"
    """The session goes on with a stricter check."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One coded outcome."""

    code: str
    name: str
    kind: Kind
    zh: str
    en: str
    basis: str
    """Clauses it rests on, or ``OWN``."""
    found_by: str
    """Step or party that finds it."""
    remedy_en: str
    remedy_zh: str

    def reason(self, language: Language) -> str:
        """Return the reason in a language."""
        return self.zh if language == "zh" else self.en

    def remedy(self, language: Language) -> str:
        """Return the way on in a language."""
        return self.remedy_zh if language == "zh" else self.remedy_en


def _outcome(head: str, reason: str, remedy: str) -> Outcome:
    title, basis, found_by = head.split(" | ")
    code, name, kind = title.split(" ")
    zh, en = reason.strip().split(" | ")
    remedy_zh, remedy_en = remedy.strip().split(" | ")
    return Outcome(code, name, Kind(kind), zh, en, basis, found_by, remedy_en, remedy_zh)


def _read(table: str) -> Mapping[str, Outcome]:
    lines = iter(table.splitlines())
    outcomes = [_outcome(*row) for row in zip(lines, lines, lines, strict=True)]
    return MappingProxyType({outcome.code: outcome for outcome in outcomes})


OUTCOMES: Final = _read(TABLE)
"""Every outcome by its code: ``OUTCOMES["R105"]``."""
