# SPDX-License-Identifier: Apache-2.0
"""The list of commands a write takes, for people and programs, before anything is written.

Decides how it is found: against a card, by rehearsing with the shipped executor, which reads but sends nothing that writes; without
one, by the shipped planner from what is known of the model. Lengths a model leaves open are then taken as short as the profile allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hal.sim_card import commands
from hal.sim_card.layout import ICCID, IMSI, Directory
from hal.sim_card.planner import AFTER_RESET, Position, read_plan, read_step, write_plan
from host_tools.rnt.card.view import READ_BINARY, READ_RECORD, Viewer, harmless
from host_tools.rnt.card.wire import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hal.deadline import Deadline
    from hal.sim_card.cards import CardType
    from hal.sim_card.layout import Item
    from hal.sim_card.profile import Profile
    from host_tools.rnt.card.driver import CardInReader

LOOK, WRITE, VERIFY = "look", "write", "verify"
LONGEST = 1024
"""Bytes no file of a profile exceeds."""
STATUS_WORD = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """One command of the plan and its phase."""

    phase: str
    exchange: Exchange

    def to_json(self, number: int) -> dict[str, Any]:
        """Return plain values; ``sent`` and ``received`` in bytes."""
        shown = self.exchange.shown
        return {
            "n": number,
            "phase": self.phase,
            "command": shown.name,
            "target": shown.target,
            "apdu": shown.apdu,
            "changes": self.exchange.changes,
            "sent": self.exchange.sent,
            "received": self.exchange.received,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands in order, the files left alone, and whether the lengths are the card's own."""

    commands: tuple[Planned, ...]
    skipped: tuple[str, ...]
    measured: bool

    def of(self, *phases: str) -> list[Planned]:
        """Return the commands of some phases."""
        return [command for command in self.commands if command.phase in phases]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``totals`` by phase."""
        return {
            "commands": [command.to_json(number) for number, command in enumerate(self.commands, 1)],
            "skipped": list(self.skipped),
            "lengths": "card" if self.measured else "assumed",
            "totals": {phase: totals(self.of(phase)) for phase in (LOOK, WRITE, VERIFY)},
        }

    def to_text(self) -> str:
        """Return a table, one command a line, and the sums."""
        lines = [f"{'#':>3}  {'phase':<6} {'command':<15} {'file or key':<20} {'bytes':>5}  apdu"]
        for number, command in enumerate(self.commands, 1):
            shown, told = command.exchange.shown, command.exchange
            lines.append(
                f"{number:>3}  {command.phase:<6} {shown.name:<15} {shown.target:<20} {told.sent + told.received:>5}  {shown.apdu:.60}"
            )
        for phase in (LOOK, WRITE, VERIFY):
            total = totals(self.of(phase))
            lines.append(f"{phase:<6} {total['apdus']} commands, {total['bytes']} bytes")
        lines += [f"already right: {', '.join(self.skipped)}"] if self.skipped else []
        lines += [] if self.measured else ["lengths are assumed; a card has its own"]
        return "\n".join(lines)


def totals(commands: Sequence[Planned]) -> dict[str, int]:
    """Return the number of commands and of bytes both ways."""
    return {"apdus": len(commands), "bytes": sum(one.exchange.sent + one.exchange.received for one in commands)}


def plan_for_card(card: CardInReader, profile: Profile, iccid: str, deadline: Deadline) -> Plan:
    """Return the plan for the card ``iccid`` in the reader; raises ``HalError`` as a write would. Writes nothing."""
    written: list[Exchange] = []
    skipped = card.rehearse(profile, iccid, deadline, written.append).skipped
    first = next((i for i, one in enumerate(written) if one.changes), len(written))
    checked: list[Exchange] = []
    card.rehearse_read_back(profile, deadline, checked.append)
    phases = [(LOOK, one) for one in written[:first]] + [(WRITE, one) for one in written[first:]] + [(VERIFY, one) for one in checked]
    return Plan(tuple(Planned(*pair) for pair in phases), skipped, measured=True)


def plan_offline(card_type: CardType, profile: Profile, viewer: Viewer) -> Plan:
    """Return the plan for a blank card of ``card_type``, with nothing sent; raises ``HalError`` when the profile fits no such card."""
    lengths = {item.ef.name: _length(item, profile) for item in card_type.items}
    in_usim = Position(Directory.USIM, IMSI.fid)
    looked = [*_sent(read_step(ICCID, lengths["ICCID"], AFTER_RESET, card_type.aid))]
    looked += _sent(read_step(IMSI, lengths["IMSI"], Position(Directory.MF, ICCID.fid), card_type.aid))
    looked.append(commands.ask_tries(card_type.adm))
    found = write_plan(card_type, profile, lengths, {}, in_usim)
    written = [commands.verify(card_type.adm, profile.adm)] + [command for step in found.steps for command in _sent(step)]
    efs = [item.ef for item in card_type.items]
    checked = [command for step in read_plan(efs, lengths, AFTER_RESET, card_type.aid) for command in _sent(step)]
    planned = []
    for phase, sent in ((LOOK, looked), (WRITE, written), (VERIFY, checked)):
        if phase == VERIFY:
            viewer.reset()
        planned += [Planned(phase, _imagined(command, viewer)) for command in sent]
    return Plan(tuple(planned), found.skipped, measured=False)


def _sent(step: Any) -> Iterable[bytes]:
    return (*step.select, *step.access)


def _imagined(command: bytes, viewer: Viewer) -> Exchange:
    asked = (command[4] or commands.MAX_READ) if command[1] in (READ_BINARY, READ_RECORD) else 0
    return Exchange(viewer.command(command), "", not harmless(command), len(command), asked + STATUS_WORD)


def _length(item: Item, profile: Profile) -> int:
    """Return the length of the item's file: the standard's, or the shortest that holds what the profile wants there."""
    if item.ef.length is not None:
        return item.ef.length
    for length in range(1, LONGEST):
        try:
            item.content(profile, length)
        except ValueError:
            continue
        return length
    return LONGEST
