# SPDX-License-Identifier: Apache-2.0
"""What was learned of each model's files, beyond one process: a small file of lengths and short identifiers.

Decides whether such a file may be believed. Rules:

1. It is a cache: what is missing, damaged, too large, of another version or of a model described otherwise since is not there.
2. It is replaced whole or not at all; a disk that does not take it costs a measurement, never a card.
3. It says nothing of any card: a model's lengths still count only for a card that agrees by one read (:mod:`hal.sim_card.access`).

Holds no content of files, no numbers and no keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.sim_card.access import Layout
from hal.sim_card.cards import CARD_TYPES

if TYPE_CHECKING:
    from hal.sim_card.cards import CardType

VERSION = 1
LARGEST = 64 * 1024
"""Bytes; a model takes about 500."""
NAME = re.compile(r"[A-Za-z0-9_ -]{1,32}")
LENGTHS, IDENTIFIERS = range(1, 0x8000), range(31)


class Layouts:
    """Card type name → what is known of its files; kept in ``path`` when one is given, read at the first use."""

    def __init__(self, path: str | None = None) -> None:
        self._path = Path(path) if path else None
        self._known: dict[str, Layout] | None = None

    def get(self, card_type: CardType) -> Layout | None:
        """Return what is known of the model."""
        return self._all().get(card_type.name)

    def learn(self, card_type: CardType, layout: Layout) -> None:
        """Remember a copy of ``layout``; the file is written when it says something new."""
        known = self._all()
        if known.get(card_type.name) == layout:
            return
        known[card_type.name] = layout.copy()
        if self._path is not None:
            with contextlib.suppress(OSError):  # rule 2
                _replace(self._path, _told(known))

    def _all(self) -> dict[str, Layout]:
        if self._known is None:
            self._known = _read(self._path) if self._path is not None else {}
        return self._known


def _told(known: dict[str, Layout]) -> bytes:
    rows = {row.name: row for row in CARD_TYPES}
    models = {
        name: {"row": _digest(rows[name]), "lengths": layout.lengths, "sfis": layout.sfis} for name, layout in known.items() if name in rows
    }
    return json.dumps({"version": VERSION, "models": models, "check": _check(models)}, sort_keys=True).encode()


def _read(path: Path) -> dict[str, Layout]:
    try:
        with path.open("rb") as file:
            return _understood(file.read(LARGEST + 1))
    except OSError:
        return {}


def _understood(text: bytes) -> dict[str, Layout]:
    """Return what ``text`` says of the models of today, nothing where it says anything wrong."""
    try:
        told: Any = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict) or told.get("version") != VERSION or not isinstance(told.get("models"), dict):
        return {}
    models = told["models"]
    if told.get("check") != _check(models):
        return {}
    found = {row.name: _layout(models.get(row.name), row) for row in CARD_TYPES}
    return {name: layout for name, layout in found.items() if layout is not None}


def _layout(told: Any, row: CardType) -> Layout | None:
    if not isinstance(told, dict) or told.get("row") != _digest(row):
        return None
    lengths, sfis = _numbers(told.get("lengths"), LENGTHS), _numbers(told.get("sfis"), IDENTIFIERS)
    return None if lengths is None or sfis is None else Layout(lengths, sfis)


def _numbers(told: Any, allowed: range) -> dict[str, int] | None:
    if not isinstance(told, dict):
        return None
    sound = all(NAME.fullmatch(name) and type(value) is int and value in allowed for name, value in told.items())
    return dict(told) if sound else None


def _check(models: dict[str, Any]) -> str:
    """Return what tells a whole file from a damaged one; it proves nothing about who wrote it."""
    return hashlib.sha256(json.dumps(models, sort_keys=True).encode()).hexdigest()


def _digest(row: CardType) -> str:
    """Return what changes when the row is told otherwise in anything that lengths depend on."""
    parts = (row.atr, row.mask, row.aid, row.keys, row.copies, row.short_identifiers, row.second_generation, sorted(row.lacks))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
