# SPDX-License-Identifier: Apache-2.0
"""Which commands a card needs: the shortest list from where the card stands to where the profile wants it. Pure.

Rules:

1. A file with a short identifier is addressed by it, without SELECT; any other is selected once.
2. A directory is selected only when it is not the current one, and no command asks for a description nobody reads.
3. A file whose content is known to be right already is left alone.
4. Writing keeps the order of the items (:mod:`hal.sim_card.layout`, rule 2); reading may take them as they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.sim_card import commands
from hal.sim_card.layout import Directory, Ef, contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hal.sim_card.cards import CardType
    from hal.sim_card.profile import Profile

MF_FID = 0x3F00


@dataclass(frozen=True, slots=True)
class Position:
    """Where the card stands: its current directory, and the file selected in it (0 = none that counts)."""

    directory: Directory
    fid: int = 0


AFTER_RESET = Position(Directory.MF)
"""TS 102 221 §8.4.1: the MF is selected after activation."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent for one file: selections first, then what reads or updates it."""

    ef: Ef
    select: tuple[bytes, ...]
    access: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The updates in order, what each file must begin with afterwards, and the files that are right already."""

    steps: tuple[Step, ...]
    expected: Mapping[str, bytes]
    skipped: tuple[str, ...]


def write_plan(card_type: CardType, profile: Profile, lengths: dict[str, int], current: Mapping[str, bytes], at: Position) -> Plan:
    """Plan the updates from position ``at``. ``current`` holds the contents that happen to be known.

    Raises :class:`~hal.sim_card.errors.ProfileUnfit` when the profile does not fit the card's ``lengths``.
    """
    expected = contents(card_type.items, profile, lengths)
    steps, skipped = [], []
    for item in card_type.items:
        name, data = item.ef.name, expected[item.ef.name]
        if current.get(name, b"")[: len(data)] == data:
            skipped.append(name)
            continue
        steps.append(update_step(item.ef, data, at, card_type.aid))
        at = Position(item.ef.directory, item.ef.fid)
    return Plan(tuple(steps), expected, tuple(skipped))


def read_plan(efs: Iterable[Ef], lengths: Mapping[str, int], at: Position, aid: bytes) -> tuple[Step, ...]:
    """Plan the reading of ``efs``, the current directory's first."""
    steps = []
    for ef in sorted(efs, key=lambda ef: ef.directory is not at.directory):
        steps.append(read_step(ef, lengths[ef.name], at, aid))
        at = Position(ef.directory, ef.fid)
    return tuple(steps)


def update_step(ef: Ef, data: bytes, at: Position, aid: bytes) -> Step:
    """Plan one update. A transparent file beyond 255 bytes takes several commands: the first one makes it the current file."""
    if ef.record:
        return Step(ef, select(ef, at, aid), (commands.update_record(ef.sfi, ef.record, data),))
    size = commands.MAX_UPDATE
    pieces = [(i, data[i : i + size]) for i in range(0, len(data), size)]
    access = tuple(commands.update_binary(0 if i else ef.sfi, piece, i) for i, piece in pieces)
    return Step(ef, select(ef, at, aid), access)


def read_step(ef: Ef, length: int, at: Position, aid: bytes) -> Step:
    """Plan the reading of the first ``length`` bytes of a file, or of its record."""
    if ef.record:
        return Step(ef, select(ef, at, aid), (commands.read_record(ef.sfi, ef.record, length),))
    size = commands.MAX_READ
    access = tuple(commands.read_binary(0 if i else ef.sfi, min(size, length - i), i) for i in range(0, length, size))
    return Step(ef, select(ef, at, aid), access)


def select(ef: Ef, at: Position, aid: bytes) -> tuple[bytes, ...]:
    """Return the selections that make ``ef`` addressable from ``at``: its directory's, and its own where it has no short identifier."""
    found = []
    if at.directory is not ef.directory:
        found.append(commands.select_fid(MF_FID) if ef.directory is Directory.MF else commands.select_aid(aid))
    if not ef.sfi and at != Position(ef.directory, ef.fid):
        found.append(commands.select_fid(ef.fid))
    return tuple(found)


def apdu_bound(n_items: int, n_without_sfi: int) -> int:
    """Return the lower bound of APDUs to write ``n_items`` files and read all of them back.

    One update and one read each, VERIFY, a SELECT of the application and of the MF, and one SELECT each way for every file without
    a short identifier; it knows the layout beforehand.
    """
    return 2 * n_items + 3 + 2 * n_without_sfi
