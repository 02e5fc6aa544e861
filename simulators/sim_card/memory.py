# SPDX-License-Identifier: Apache-2.0
"""The non-volatile memory of a simulated card: file contents, key counters, and named facts (key values, file states, counters).

Rules: an update is applied whole or not at all, also when the process is killed in the middle (write-through to a temporary file,
then rename). A *torn* update, on request, leaves the old bytes, the new ones, or the first half of the new ones: a card without
anti-tearing. Only what differs from the maker's contents is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Numbers(MutableMapping[str, int]):
    """Named counters of a memory; assigning writes through."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def _all(self) -> dict[str, int]:
        stored: dict[str, int] = self._memory.fact("numbers", {})
        return stored

    def __getitem__(self, name: str) -> int:
        return self._all()[name]

    def __setitem__(self, name: str, value: int) -> None:
        self._memory.keep(numbers={**self._all(), name: value})

    def __delitem__(self, name: str) -> None:
        self._memory.keep(numbers={other: value for other, value in self._all().items() if other != name})

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class Memory:
    """Contents by place, tries left by key reference; kept in the JSON file ``store`` under ``name`` when one is given."""

    def __init__(self, contents: Mapping[str, bytes], tries: Mapping[int, int], *, name: str, store: Path | None) -> None:
        self._name, self._store = name, store
        self._made = {path: bytes(content) for path, content in contents.items()}
        self.contents = dict(self._made)
        self.tries = dict(tries)
        self._facts: dict[str, Any] = {}
        self.numbers = Numbers(self)
        saved = self._load().get(name)
        if saved:
            self.contents.update({path: bytes.fromhex(content) for path, content in saved["contents"].items()})
            self.tries.update({int(key): left for key, left in saved["tries"].items()})
            self._facts = saved.get("facts", {})

    def update(self, path: str, offset: int, data: bytes, *, torn: str = "", half: Sequence[str] = ()) -> None:
        """Replace ``len(data)`` bytes of ``path`` from ``offset``. ``torn``: what is left is ``old``, ``half`` or ``new``.

        ``half``: the places known to hold half of an update, from now on.
        """
        self._facts["half"] = list(half)
        if torn in ("old", "half"):
            data = data[: len(data) // 2 if torn == "half" else 0]
        old = self.contents[path]
        self.contents[path] = old[:offset] + data + old[offset + len(data) :]
        self._save()

    def arrange(self, contents: Mapping[str, bytes], **facts: Any) -> None:
        """Replace whole contents, of any length, and store facts: all at once."""
        self.contents.update(contents)
        self.keep(**facts)

    def count(self, key: int, left: int) -> None:
        """Set the tries left of ``key``."""
        self.tries[key] = left
        self._save()

    def fact(self, name: str, default: Any = None) -> Any:
        """Return a stored fact: any JSON value."""
        return self._facts.get(name, default)

    def keep(self, **facts: Any) -> None:
        """Store facts, all of them at once; a value is any JSON value, ``None`` forgets it."""
        for name, value in facts.items():
            self._facts[name] = value
            if value is None:
                del self._facts[name]
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
        contents = {path: content.hex() for path, content in self.contents.items() if content != self._made.get(path)}
        tries = {str(key): left for key, left in self.tries.items()}
        cards[self._name] = {"contents": contents, "tries": tries, "facts": self._facts}
        part = self._store.with_suffix(".part")
        part.write_text(json.dumps(cards), "ascii")
        part.replace(self._store)
