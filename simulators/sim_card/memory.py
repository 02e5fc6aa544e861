# SPDX-License-Identifier: Apache-2.0
"""The non-volatile memory of a simulated card: file contents and key counters.

Rules: an update is applied whole or not at all, also when the process is killed in the middle (write-through to a temporary file,
then rename). A *torn* update, on request, leaves the first half of the new bytes: a card without anti-tearing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Memory:
    """Contents by path, tries left by key reference; kept in the JSON file ``store`` under ``name`` when one is given."""

    def __init__(self, contents: Mapping[str, bytes], tries: Mapping[int, int], *, name: str, store: Path | None) -> None:
        self._name, self._store = name, store
        self.contents = {path: bytes(content) for path, content in contents.items()}
        self.tries = dict(tries)
        saved = self._load().get(name)
        if saved:
            self.contents.update({path: bytes.fromhex(content) for path, content in saved["contents"].items()})
            self.tries.update({int(key): left for key, left in saved["tries"].items()})

    def update(self, path: str, offset: int, data: bytes, *, torn: bool = False) -> None:
        """Replace ``len(data)`` bytes of ``path`` from ``offset``; half of them when ``torn``."""
        if torn:
            data = data[: len(data) // 2]
        old = self.contents[path]
        self.contents[path] = old[:offset] + data + old[offset + len(data) :]
        self._save()

    def count(self, key: int, left: int) -> None:
        """Set the tries left of ``key``."""
        self.tries[key] = left
        self._save()

    def _load(self) -> dict[str, Any]:
        if self._store is None or not self._store.exists():
            return {}
        cards: dict[str, Any] = json.loads(self._store.read_text("ascii"))
        return cards

    def _save(self) -> None:
        if self._store is None:
            return
        cards = self._load()
        contents = {path: content.hex() for path, content in self.contents.items()}
        cards[self._name] = {"contents": contents, "tries": {str(key): left for key, left in self.tries.items()}}
        part = self._store.with_suffix(".part")
        part.write_text(json.dumps(cards), "ascii")
        part.replace(self._store)
