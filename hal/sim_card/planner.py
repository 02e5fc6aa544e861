# SPDX-License-Identifier: Apache-2.0
"""Which commands a card needs: the shortest list from where the card stands to where the profile wants it. Pure.

Rules:

1. A file with a short identifier is addressed by it, without SELECT; any other is selected once, with its directory in one command
   where a path can say both.
2. A directory is selected only when it is not the current one, and no command asks for a description nobody reads.
3. A file whose content is known to be right already is left alone.
4. Writing keeps the order of the targets (:mod:`hal.sim_card.layout`, rule 2); reading takes one directory after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hal.sim_card import commands
from hal.sim_card.files import MF, MF_FID, USIM, Directory, Ef
from hal.sim_card.layout import contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hal.sim_card.cards import CardType
    from hal.sim_card.layout import Target


@dataclass(frozen=True, slots=True)
class Position:
    """Where the card stands: its current directory, and the file selected in it (0 = none that counts)."""

    directory: Directory
    fid: int = 0


AFTER_RESET = Position(MF)
"""TS 102 221 §8.4.1: the MF is selected after activation."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent for one target: selections first, then what reads or updates ``length`` bytes of it."""

    name: str
    ef: Ef
    select: tuple[bytes, ...]
    access: tuple[bytes, ...] = field(repr=False)
    length: int = 0

    @property
    def sent(self) -> tuple[bytes, ...]:
        """All of its commands in order."""
        return (*self.select, *self.access)


@dataclass(frozen=True, slots=True)
class Plan:
    """The updates in order, what each target must begin with afterwards, and those that are right already."""

    steps: tuple[Step, ...]
    expected: Mapping[str, bytes] = field(repr=False)
    skipped: tuple[str, ...]


def write_plan(
    card_type: CardType, wanted: Iterable[Target], lengths: Mapping[str, int], current: Mapping[str, bytes], at: Position
) -> Plan:
    """Plan the updates from position ``at``. ``current`` holds the contents that happen to be known, by target name.

    Raises :class:`~hal.sim_card.errors.ProfileUnfit` when the profile does not fit the card's ``lengths``.
    """
    places = [target for target in wanted if target.written]
    expected = contents(places, lengths)
    steps, skipped = [], []
    for target in places:
        data = expected[target.name]
        if not target.command and target.name in current and current[target.name][: len(data)] == data:
            skipped.append(target.name)
            continue
        steps.append(update_step(target, data, at, card_type))
        at = Position(target.ef.directory, target.ef.fid)
    return Plan(tuple(steps), expected, tuple(skipped))


def read_plan(card_type: CardType, wanted: Iterable[Target], expected: Mapping[str, bytes], at: Position) -> tuple[Step, ...]:
    """Plan the reading of what is ``expected`` of ``wanted``, the current directory's first, then one directory after the other."""
    order = [at.directory]
    places = [target for target in wanted if target.checked]
    order += [target.ef.directory for target in places if target.ef.directory not in order]
    steps = []
    for target in sorted(places, key=lambda target: order.index(target.ef.directory)):
        steps.append(read_step(target.name, target.ef, len(expected[target.name]), at, card_type))
        at = Position(target.ef.directory, target.ef.fid)
    return tuple(steps)


def update_step(target: Target, data: bytes, at: Position, card_type: CardType) -> Step:
    """Plan one update. A transparent file beyond 255 bytes takes several commands: the first one makes it the current file."""
    ef = target.ef
    if target.command:
        command = target.command + bytes([len(data)]) + data
        return Step(target.name, ef, enter(ef.directory, at, card_type), (command,), len(data))
    if ef.record:
        access: tuple[bytes, ...] = (commands.update_record(ef.sfi, ef.record, data),)
    else:
        pieces = ((i, data[i : i + commands.MAX_UPDATE]) for i in range(0, len(data), commands.MAX_UPDATE))
        access = tuple(commands.update_binary(0 if i else ef.sfi, piece, i) for i, piece in pieces)
    return Step(target.name, ef, select(ef, at, card_type), access, len(data))


def read_step(name: str, ef: Ef, length: int, at: Position, card_type: CardType) -> Step:
    """Plan the reading of the first ``length`` bytes of a file, or of its record."""
    if ef.record:
        access: tuple[bytes, ...] = (commands.read_record(ef.sfi, ef.record, length),)
    else:
        starts = range(0, length, commands.MAX_READ)
        access = tuple(commands.read_binary(0 if i else ef.sfi, min(commands.MAX_READ, length - i), i) for i in starts)
    return Step(name, ef, select(ef, at, card_type), access, length)


def select(ef: Ef, at: Position, card_type: CardType, *, describe: bool = False) -> tuple[bytes, ...]:
    """Return the selections that make ``ef`` addressable from ``at``: its directory's, and its own where it has no short identifier.

    With ``describe`` the file is selected whatever it has, and the card tells about it.
    """
    if not describe and (ef.sfi or at == Position(ef.directory, ef.fid)):
        return enter(ef.directory, at, card_type)
    if at.directory != ef.directory and not ef.directory.in_application and not card_type.second_generation:
        return (commands.select_path((*ef.directory.path, ef.fid), describe=describe),)
    return (*enter(ef.directory, at, card_type), commands.select_fid(ef.fid, describe=describe))


def enter(directory: Directory, at: Position, card_type: CardType) -> tuple[bytes, ...]:
    """Return the selections that make ``directory`` the current one."""
    if at.directory == directory:
        return ()
    if card_type.second_generation:
        return tuple(commands.select_fid(fid) for fid in (MF_FID, *directory.path))
    if directory == MF:
        return (commands.select_fid(MF_FID),)
    if not directory.in_application:
        return (commands.select_path(directory.path),)
    application = () if at.directory == USIM else (commands.select_aid(card_type.aid),)
    return (*application, *(commands.select_fid(fid) for fid in directory.path[1:]))


def apdu_bound(n_items: int, n_without_sfi: int) -> int:
    """Return the lower bound of APDUs to write ``n_items`` files and read all of them back.

    One update and one read each, VERIFY, a SELECT of the application and of the MF, and one SELECT each way for every file without
    a short identifier; it knows the layout beforehand.
    """
    return 2 * n_items + 3 + 2 * n_without_sfi


@dataclass(frozen=True, slots=True)
class Outline:
    """What a write would send to a blank card of a model, and its complete read-back; ``look`` is what comes before the first update.

    The commands hold the profile and its keys.
    """

    look: tuple[bytes, ...]
    write: tuple[Step, ...]
    verify: tuple[Step, ...]
    verify_key: bytes = field(repr=False)


def outline(card_type: CardType, wanted: Sequence[Target], lengths: Mapping[str, int], adm: bytes) -> Outline:
    """Plan a whole write and read-back for a card whose ``lengths`` are known, with nothing sent; raises ``ProfileUnfit``."""
    iccid = next(target for target in wanted if target.name == "ICCID")
    look = (*read_step("ICCID", iccid.ef, lengths["ICCID"], AFTER_RESET, card_type).sent, commands.ask_tries(card_type.adm))
    plan = write_plan(card_type, wanted, lengths, {}, Position(MF, iccid.ef.fid))
    expected = contents(wanted, lengths)
    return Outline(look, plan.steps, read_plan(card_type, wanted, expected, AFTER_RESET), commands.verify(card_type.adm, adm))
