# SPDX-License-Identifier: Apache-2.0
"""The acceptance scenarios GA-01 … GA-40, as data that the demonstration plays and the system tests prove.

Decides nothing: it reads ``scenarios.toml``. A scenario is staged by requests to the simulators' control sockets, in order, and played as
sessions; what is proven beyond the outcome stands in its test, ``tests/system/acceptance``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE: Final = "Golden acceptance scenarios"
TABLE: Final = Path(__file__).with_name("scenarios.toml")


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a scenario. A text ``$number`` in it stands for the number the session before was given."""

    ends: tuple[str, ...]
    """``ACTIVE``, or the code it ends with; several where the terminal and the operator may be first to say it."""
    wish: Mapping[str, str]
    """What the clerk asks for: ``kind``, and where it is more than that ``document``, ``modifiers``, ``line``."""
    stage: tuple[Mapping[str, Any], ...] = ()
    """Requests to simulators before it starts: ``device``, ``cmd`` and the request's own words."""
    card: str = ""
    """Another blank card, where the one of the session before is used up."""
    begins: bool = True
    """False when it is refused before a session begins."""


def filled(value: Any, number: str) -> Any:
    """Return a request or wish with ``$number`` replaced."""
    if isinstance(value, dict):
        return {key: filled(inner, number) for key, inner in value.items()}
    return number if value == "$number" else value


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. Exactly one of ``sessions``, ``awaiting`` and ``test_only`` is set."""

    name: str
    zh: str
    en: str
    sessions: tuple[Session, ...] = ()
    rig: tuple[str, ...] = ()
    """Options of ``simulators.rig`` beyond the usual ones."""
    awaiting: tuple[str, str] | None = None
    """The room that must prove it, and what is missing."""
    test_only: str = ""
    """Why there is nothing to see on the counter: what its test does instead."""


@cache
def load() -> Mapping[str, Scenario]:
    """Return every scenario by name, in order; ``ValueError`` when one says nothing, or two things, about how it is shown."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    found = {name: _scenario(name, entry) for name, entry in table.items()}
    for scenario in found.values():
        if sum(map(bool, (scenario.sessions, scenario.awaiting, scenario.test_only))) != 1:
            raise ValueError(f"{scenario.name}: exactly one of sessions, awaiting, test_only")
    return found


def _scenario(name: str, entry: dict[str, Any]) -> Scenario:
    sessions = tuple(_session(one) for one in entry.get("sessions", ()))
    room = entry.get("awaiting")
    return Scenario(
        name, entry["zh"], entry["en"], sessions, tuple(entry.get("rig", ())), tuple(room) if room else None, entry.get("test_only", "")
    )


def _session(entry: dict[str, Any]) -> Session:
    wish = {"kind": "T01", **entry.get("wish", {})}
    ends = entry["ends"] if isinstance(entry["ends"], list) else [entry["ends"]]
    return Session(tuple(ends), wish, tuple(entry.get("stage", ())), entry.get("card", ""), entry.get("begins", True))
