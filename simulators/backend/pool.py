# SPDX-License-Identifier: Apache-2.0
"""The operator's blank cards: which there are, how each is to be issued, and the keys the operator shares with it.

Rules
* a blank is told as ``{iccid, mode?, challenge?, …keys}``; told again it takes the new words too, as long as it is blank
* a mode needs that mode's keys: one that is named and impossible is refused; a blank that names none is issued in the house's own mode
  where its keys allow that, else in ``fields``
* a key of the subscriber (K with OPc) is proven by a challenge unless ``challenge`` is false
* packet counter and sequence number only rise, in the transaction that stores the answer they belong to

Decides no activation. The keys are test values of simulated cards; nothing here tells one to anybody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.backend.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulators.backend.store import Db, Store

FIELDS, SCRIPT, UNLOCK, RELAY = MODES = ("fields", "script", "unlock", "relay")
NEEDED: Mapping[str, frozenset[str]] = {
    FIELDS: frozenset({"adm"}),
    SCRIPT: frozenset({"kic", "kid"}),
    UNLOCK: frozenset({"unlock"}),
    RELAY: frozenset({"enc", "mac"}),
}
"""Mode → the keys it cannot do without."""
KEYS: Mapping[str, tuple[int, ...]] = {
    "adm": (8,),
    "kic": (16, 24),
    "kid": (16, 24),
    "enc": (16, 24, 32),
    "mac": (16, 24, 32),
    "k": (16,),
    "opc": (16,),
    "unlock": (16,),
}
"""Key → the lengths it may have, in bytes; told in hex."""
NUMBERS: Mapping[str, int] = {"key_version": 1, "algorithm": 2, "channel_version": 0x30, "unlock_ref": 0x0A, "smsp": 53, "smsp_2g": 0}
"""Version and algorithm of the packet keys, version of the channel keys, key reference of the unlocking, bytes of an EF_SMSP record in
the USIM and, where the 2G side has files of its own, there; and what they are unless told."""
COUNTS = ("counter", "sqn")
"""The last packet counter and the last sequence number that were used before the blank came into the pool."""


@dataclass(frozen=True, slots=True)
class Blank:
    """One blank: ``keys`` by the names of :data:`KEYS`, ``numbers`` by those of :data:`NUMBERS`. ``challenged``: prove K."""

    iccid: str
    mode: str
    challenged: bool
    keys: Mapping[str, bytes]
    numbers: Mapping[str, int]


class Pool:
    """All blanks of ``store``; ``mode`` is the house's own mode."""

    def __init__(self, store: Store, mode: str = FIELDS) -> None:
        self._store, self._mode = store, mode

    def add(self, told: Mapping[str, Any]) -> None:
        """Put a blank in, or hear more of one that is there; raises ``ValueError`` for words it does not know or cannot use."""
        self._add([told])

    def _add(self, blanks: Sequence[Mapping[str, Any]]) -> None:
        read = [_read(told) for told in blanks]
        self._store.run(lambda db: [self._put(db, *blank) for blank in read])

    @staticmethod
    def _put(db: Db, iccid: str, told: Mapping[str, Any], counts: list[int]) -> None:
        row = db.one("card.find", iccid)
        words = {**(json.loads(row["words"] or "{}") if row else {}), **told}
        _check(words)
        if row is not None and row["state"] != "blank":
            return
        db.do("card.put", iccid, bytes.fromhex(words.get("adm", "")))
        db.do("card.tell", iccid, json.dumps(words), *counts)

    def add_text(self, text: str) -> None:
        """Put in what a command line tells: ``ICCID:ADMHEX``, or ``@FILE`` with a JSON list of blanks."""
        if text.startswith("@"):
            self._add(json.loads(Path(text[1:]).read_text(encoding="utf-8")))
            return
        iccid, _, adm = text.partition(":")
        self.add({"iccid": iccid, "adm": adm})

    def listing(self, db: Db) -> list[dict[str, Any]]:
        """Return every blank without its keys: iccid, state, mode, counter, sqn."""
        rows = db.all("card.every")
        return [{**{n: row[n] for n in ("iccid", "state", *COUNTS)}, "mode": self._blank(row).mode} for row in rows]

    def take(self, db: Db, iccid: str) -> Blank:
        """Reserve the blank and return it; R703 when it is not in the pool, R702 when it is no longer blank."""
        row = db.one("card.find", iccid)
        if row is None:
            raise Refusal("R703")
        if row["state"] != "blank" or db.run("card.reserve", iccid) != 1:
            raise Refusal("R702")
        return self._blank(row)

    def find(self, db: Db, iccid: str) -> Blank:
        """Return a blank of the pool in whatever state; raises ``KeyError``."""
        row = db.one("card.find", iccid)
        if row is None:
            raise KeyError(iccid)
        return self._blank(row)

    def _blank(self, row: Mapping[str, Any]) -> Blank:
        words = json.loads(row["words"] or "{}")
        keys = {name: bytes.fromhex(words[name]) for name in KEYS if name in words}
        keys.setdefault("adm", bytes(row["adm"]))
        house = self._mode if NEEDED[self._mode] <= set(keys) else FIELDS
        numbers = {name: int(words.get(name, usual)) for name, usual in NUMBERS.items()}
        challenged = bool(words.get("challenge", True)) and {"k", "opc"} <= set(keys)
        return Blank(row["iccid"], words.get("mode", house), challenged, keys, numbers)


def raise_count(db: Db, iccid: str, count: str, *, by: int = 1, least: int = 0) -> int:
    """Raise the blank's ``count`` (of :data:`COUNTS`) by ``by`` from what it was, or from ``least`` if that is more; returns it."""
    (row,) = db.all(f"card.raise_{count}", least, least, by, iccid)
    return int(row["now"])


def _read(told: Mapping[str, Any]) -> tuple[str, dict[str, Any], list[int]]:
    """Return ICCID, words and counts of a blank as it is told."""
    iccid = told.get("iccid")
    if not isinstance(iccid, str) or not iccid.isalnum():
        raise ValueError("a blank has an ICCID, told in digits")
    words = {name: value for name, value in told.items() if name not in {"iccid", *COUNTS}}
    counts = [told.get(name, 0) for name in COUNTS]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"no count: {', '.join(COUNTS)}")
    return iccid, words, counts


def _check(words: Mapping[str, Any]) -> None:
    unknown = set(words) - {*KEYS, *NUMBERS, "mode", "challenge"}
    if unknown:
        raise ValueError(f"a blank is an ICCID and its keys in hex; unknown: {sorted(unknown)}")
    wrong = [name for name in KEYS if name in words and len(bytes.fromhex(words[name])) not in KEYS[name]]
    if wrong or not all(type(words.get(name, 0)) is int for name in NUMBERS):
        raise ValueError(f"of another length or type: {wrong or sorted(NUMBERS)}")
    mode = words.get("mode", FIELDS)
    if mode not in MODES or not NEEDED[mode] <= set(words):
        raise ValueError(f"a mode is one of {', '.join(MODES)} and needs its keys: {', '.join(sorted(NEEDED.get(mode, ())))}")
    if words.get("challenge") and not {"k", "opc"} <= set(words):
        raise ValueError("a challenge needs K and OPc")
