# SPDX-License-Identifier: Apache-2.0
"""The policy packs that ship with the software, as people write them, with the clauses and the agreement.

Packs are ``<country>-<name>.toml``. ``cn-base.toml`` is the floor of every terminal: it is covered by the software's own digest. The others
are sources for the operator, who signs what it wants to hold. This module reads files and decides nothing.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from firmware.core.agreement import Template
from firmware.core.policy import assemble, parse_source

if TYPE_CHECKING:
    from firmware.core.policy import Pack, PackSet

FOLDER: Final = Path(__file__).parent
FLOOR: Final = "cn/base"
_CLAUSES: Final = "clauses.toml"
_AGREEMENT: Final = "agreement.toml"


def source_path(pack_id: str) -> Path:
    """Return where a shipped pack is written: ``cn/base`` in ``cn-base.toml``."""
    return FOLDER / (pack_id.replace("/", "-") + ".toml")


def shipped() -> tuple[str, ...]:
    """Return the ids of the packs that ship, ascending."""
    names = (path.stem.partition("-") for path in FOLDER.glob("*-*.toml"))
    return tuple(sorted(f"{country}/{name}" for country, _, name in names))


@cache
def load(pack_id: str) -> Pack:
    """Return a shipped pack; ``FileNotFoundError`` when there is none of that id, ``Malformed`` when it is damaged."""
    return parse_source(source_path(pack_id).read_bytes())


@cache
def floor() -> PackSet:
    """Return the floor alone, as a set."""
    return assemble(load(FLOOR))


@cache
def agreement() -> Template:
    """Return the template of the service agreement."""
    return Template.of(tomllib.loads((FOLDER / _AGREEMENT).read_text(encoding="utf-8")))


@cache
def clauses() -> dict[str, tuple[str, str]]:
    """Return what is known of each clause: where it stands, and what it asks, in our words."""
    return {name: (where, asks) for name, (where, asks) in _clause_tables()["clauses"].items()}


def sources() -> dict[str, str]:
    """Return the texts that clauses stand in, as :func:`clauses` names them, each with its Chinese name."""
    return dict(_clause_tables()["sources"])


def _clause_tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / _CLAUSES).read_text(encoding="utf-8"))
