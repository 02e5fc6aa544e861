# SPDX-License-Identifier: Apache-2.0
"""The clauses, each with the tests that prove it and what came of them.

Rules
* A clause is *proven* when every test marked with it passed in its last recorded run; one that failed, or was not run, proves nothing.
* It is *awaiting* when ``awaiting.toml`` names the room that must prove it, or the rest of it: tests may prove a part meanwhile.
* What is neither is *open*, and a meta-test refuses that.
* Scenarios (GA-nn) are judged the same way; their texts are those of the demonstration's table.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware import packs
from host_tools.clauses import record
from host_tools.clauses.marks import marked
from host_tools.demo import scenarios

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
_AWAITING: Final = Path(__file__).with_name("awaiting.toml")


class Verdict(StrEnum):
    """What the tests say of a clause."""

    PROVEN = "proven"
    FAILED = "failed"
    NOT_RUN = "not run"
    AWAITING = "awaiting"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Row:
    """One clause or scenario; ``room`` and ``missing`` say who must still prove it, and what."""

    clause: str
    where: str
    asks: str
    tests: tuple[str, ...]
    verdict: Verdict
    room: str = ""
    missing: str = ""

    @property
    def is_scenario(self) -> bool:
        """Whether it is an acceptance scenario and no clause."""
        return self.clause.startswith("GA-")


@cache
def texts() -> Mapping[str, tuple[str, str]]:
    """Return where each clause and scenario stands and what it asks."""
    plays = {name: (scenarios.WHERE, found.en) for name, found in scenarios.load().items()}
    return {**packs.clauses(), **plays}


@cache
def rooms() -> Mapping[str, str]:
    """Return the rooms that something may await: name → what is built there."""
    found: dict[str, str] = tomllib.loads(_AWAITING.read_text(encoding="utf-8"))["rooms"]
    return found


@cache
def awaiting() -> Mapping[str, tuple[str, str]]:
    """Return clause → the room that must prove it and what is missing."""
    table = tomllib.loads(_AWAITING.read_text(encoding="utf-8"))["awaiting"]
    listed = {name: (room, missing) for name, (room, missing) in table.items()}
    return {**listed, **{name: found.awaiting for name, found in scenarios.load().items() if found.awaiting}}


def rows(root: Path = ROOT) -> list[Row]:
    """Return every clause and scenario in the order of their lists, judged by the recorded run at ``root``."""
    proving: dict[str, list[str]] = {}
    for test, clauses in marked(root).items():
        for clause in clauses:
            proving.setdefault(clause, []).append(test)
    endings = record.read(root) or {}
    return [_row(clause, tuple(proving.get(clause, [])), endings) for clause in texts()]


def _row(clause: str, tests: tuple[str, ...], endings: Mapping[str, record.Ending]) -> Row:
    where, asks = texts()[clause]
    room, missing = awaiting().get(clause, ("", ""))
    return Row(clause, where, asks, tests, _verdict(tests, endings, room), room, missing)


def _verdict(tests: tuple[str, ...], endings: Mapping[str, record.Ending], room: str) -> Verdict:
    known = [endings[test] for test in tests if test in endings]
    if any(not ending.good for ending in known):
        return Verdict.FAILED
    if room:
        return Verdict.AWAITING
    if not tests:
        return Verdict.OPEN
    return Verdict.PROVEN if len(known) == len(tests) else Verdict.NOT_RUN
