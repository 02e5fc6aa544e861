# SPDX-License-Identifier: Apache-2.0
"""The list of commands a write takes, for people and programs, before anything is written.

Decides how it is found: against a card, by rehearsing with the shipped executor, which reads but sends nothing that writes; without
one, by the shipped planner from what is known of the model. Lengths a model leaves open are then taken as short as the profile allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hal.sim_card import commands
from hal.sim_card.layout import targets
from hal.sim_card.planner import outline
from host_tools.rnt.card.view import READ_BINARY, READ_RECORD, Viewer, harmless
from host_tools.rnt.card.wire import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hal.deadline import Deadline
    from hal.sim_card.cards import CardType
    from hal.sim_card.layout import Target
    from hal.sim_card.profile import Profile
    from host_tools.rnt.card.driver import CardInReader

LOOK, WRITE, VERIFY = "look", "write", "verify"
LONGEST = 1024
"""Bytes no file of a profile exceeds."""
STATUS_WORD = 2
WIDEST = 60
"""Characters of an APDU in the table."""


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
                f"{number:>3}  {command.phase:<6} {shown.name:<15} {shown.target:<20} {told.sent + told.received:>5}  {_cut(shown.apdu)}"
            )
        return "\n".join([*lines, self.totals_text()])

    def totals_text(self) -> str:
        """Return the sums alone."""
        sums = {phase: totals(self.of(phase)) for phase in (LOOK, WRITE, VERIFY)}
        lines = [f"{phase:<6} {total['apdus']} commands, {total['bytes']} bytes" for phase, total in sums.items()]
        lines += [f"already right: {', '.join(self.skipped)}"] if self.skipped else []
        lines += [] if self.measured else ["lengths are assumed; a card has its own"]
        return "\n".join(lines)


def _cut(text: str) -> str:
    """Return what fits beside the other columns, and a mark where something is left out; --json has all of it."""
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def totals(commands: Sequence[Planned]) -> dict[str, int]:
    """Return the number of commands and of bytes both ways."""
    return {"apdus": len(commands), "bytes": sum(one.exchange.sent + one.exchange.received for one in commands)}


def plan_for_card(card: CardInReader, profile: Profile, iccid: str, deadline: Deadline, *, ordered: bool) -> Plan:
    """Return the plan for the card ``iccid`` in the reader; raises ``HalError`` as a write would. Writes nothing."""
    written: list[Exchange] = []
    checked: list[Exchange] = []
    skipped = card.rehearse(profile, iccid, deadline, (written.append, checked.append), ordered=ordered).skipped
    first = next((i for i, one in enumerate(written) if one.changes), len(written))
    phases = [(LOOK, one) for one in written[:first]] + [(WRITE, one) for one in written[first:]] + [(VERIFY, one) for one in checked]
    return Plan(tuple(Planned(*pair) for pair in phases), skipped, measured=True)


def plan_offline(card_type: CardType, profile: Profile, viewer: Viewer) -> Plan:
    """Return the plan for a blank card of ``card_type``, with nothing sent; raises ``HalError`` when the profile fits no such card."""
    wanted = targets(card_type, profile)
    found = outline(card_type, wanted, {target.ef.name: _length(target) for target in wanted}, profile.adm)
    phases = (
        (LOOK, found.look),
        (WRITE, (found.verify_key, *(command for step in found.write for command in step.sent))),
        (VERIFY, tuple(command for step in found.verify for command in step.sent)),
    )
    planned = []
    for phase, sent in phases:
        if phase == VERIFY:
            viewer.reset()
        planned += [Planned(phase, _imagined(command, viewer)) for command in sent]
    return Plan(tuple(planned), (), measured=False)


def _imagined(command: bytes, viewer: Viewer) -> Exchange:
    asked = (command[4] or commands.MAX_READ) if command[1] in (READ_BINARY, READ_RECORD) else 0
    return Exchange(viewer.command(command), "", not harmless(command), len(command), asked + STATUS_WORD)


def _length(target: Target) -> int:
    """Return the shortest length of a file that holds what the profile wants there; :data:`LONGEST` when none does."""
    for length in range(1, LONGEST):
        try:
            if len(target.content(length)) <= length:
                return length
        except ValueError:
            continue
    return LONGEST
