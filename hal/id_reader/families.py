# SPDX-License-Identifier: Apache-2.0
"""The families of readers, as a table: which key of ``[id_reader]`` names one of them, and which module drives it.

A family is what speaks one protocol; how it hangs on the host (serial, kinds of USB) is its own business. Adding one: ``ADDING.md``.

Rules
* A reader's family follows from the configuration: exactly one of the keys that say where it is, else ``ValueError``. Nothing is guessed
  from what a device answers.
* A module is loaded when such a reader is opened: a serial reader needs neither pyusb nor PC/SC.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.id_reader.driver import IdReader
    from hal.id_reader.ladder import Ladder
    from hal.id_reader.watching import Watcher


@dataclass(frozen=True, slots=True)
class Family:
    """One row. ``places`` are its keys in ``[id_reader]``; ``module`` has ``connect(table, known, watcher, ladder) -> IdReader``."""

    name: str
    places: tuple[str, ...]
    module: str
    words: str
    """What it is, for people."""


FAMILIES: Final = (
    Family("sam", ("port", "usb"), "hal.id_reader.opening", "SAM reader, serial or USB"),
    Family("blocks", ("pcsc",), "hal.id_reader.blocks", "reader of numbered blocks, over PC/SC"),
)
"""A new family is a row here; the meta-test asks for everything else it needs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the configuration says the reader is: its family, and the whole table ``[id_reader]``."""

    family: Family
    table: Mapping[str, Any]

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Place:
        """Return the place a configuration table names; ``ValueError`` for none or several."""
        named = [(family, key) for family in FAMILIES for key in family.places if table.get(key)]
        if len(named) != 1:
            raise ValueError(f"[id_reader] needs exactly one of {', '.join(key for family in FAMILIES for key in family.places)}")
        return cls(named[0][0], table)

    @property
    def name(self) -> str:
        """What stands in the configuration: a port, a device, a reader's name."""
        return next(str(self.table[key]) for key in self.family.places if self.table.get(key))

    def connect(self, known: int | None = None, watcher: Watcher | None = None, ladder: Ladder | None = None) -> IdReader:
        """Open the reader's port and return its driver; ``LinkClosed`` when it is not there or somebody else has it.

        ``known`` is the rate it was last heard at, if it has one. ``watcher`` is told of every exchange. ``ladder`` is what was
        tried already to bring it back.
        """
        reader: IdReader = importlib.import_module(self.family.module).connect(self.table, known, watcher, ladder)
        return reader
