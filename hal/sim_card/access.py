# SPDX-License-Identifier: Apache-2.0
"""The files of one card that was just reset: where it stands, how long its files are, reading and sending steps.

Decides how a file is reached on this card and how its length is found. Rules:

1. A length is asked of the card: a file with a short identifier tells it by refusing a read of 256 bytes (one exchange), any other by
   what its selection returns.
2. A file that is not found by its short identifier is selected from then on; one that tells another short identifier is believed.
3. What was learned is a :class:`Layout`, good for every card of the model whose one probed file agrees.

Does not know what a refusal means for a write: it raises :class:`Refused` with the status word.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hal.sim_card import commands, fcp, gsm
from hal.sim_card.channel import Response, Transport, exchange
from hal.sim_card.codecs.table import CODECS
from hal.sim_card.errors import UnknownCard
from hal.sim_card.layout import home
from hal.sim_card.planner import AFTER_RESET, Position, Step, read_step, select, update_step
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.sim_card.cards import CardType
    from hal.sim_card.files import Ef
    from hal.sim_card.layout import Target

READABLE = (Action.DONE, Action.COUNTED)
"""63Cx outside VERIFY: done, after internal retries."""
VARYING = frozenset({"HPLMNwAcT", "FPLMN", "EHPLMN"})
"""Short lists that differ from order to order."""


class Refused(Exception):
    """The card ended a command with this status word; the phase decides what it means."""

    def __init__(self, sw: Sw) -> None:
        super().__init__(sw.name)
        self.sw = sw


@dataclass(slots=True)
class Layout:
    """What is known of a model's files, by file name: bytes of one update, and short identifiers that differ from the standard's."""

    lengths: dict[str, int] = field(default_factory=dict)
    sfis: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Layout:
        """Return one of its own."""
        return Layout(dict(self.lengths), dict(self.sfis))

    def place(self, ef: Ef) -> Ef:
        """Return ``ef`` as it is addressed on this model."""
        return replace(ef, sfi=self.sfis.get(ef.name, ef.sfi))

    def probe(self, card_type: CardType) -> Ef | None:
        """Return the file whose length tells batches of one model apart best, among those one read of 256 measures; None = none known.

        One with a short identifier comes first: it costs no selection. Then the lists whose room a maker sells by the byte.
        """
        known = (CODECS[name].ef for name, length in self.lengths.items() if name in CODECS and length < commands.MAX_READ)
        usable = [self.place(home(ef, card_type)) for ef in known if not ef.record]
        return max(usable, key=lambda ef: (bool(ef.sfi), ef.name in VARYING, self.lengths[ef.name], ef.name), default=None)


class SecondGeneration:
    """Speaks class A0 to a card that knows no other: commands are dressed for it, and its word for a wrong length (67xx) is made 6Cxx."""

    def __init__(self, under: Transport) -> None:
        self._under = under

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Exchange one APDU."""
        data, sw = self._under.transmit(commands.as_2g(command), deadline)
        return data, 0x6C00 | sw & 0xFF if sw >> 8 == 0x67 and sw & 0xFF else sw  # noqa: PLR2004  # TS 51.011 §9.4.6


class CardFiles:
    """File access. ``contents`` are those that happen to be known, by target name."""

    def __init__(self, transport: Transport, card_type: CardType, layout: Layout) -> None:
        self.transport = SecondGeneration(transport) if card_type.second_generation else transport
        self.layout = layout
        self._type = card_type
        self.at = AFTER_RESET
        self.contents: dict[str, bytes] = {}

    # ---- one command

    def send(self, command: bytes, deadline: Deadline, *, fetch: bool = True) -> Response:
        """Send one command and see it through; raises :class:`Refused`."""
        response = exchange(self.transport, command, deadline, fetch=fetch)
        if response.sw.action not in READABLE and (fetch or response.sw.action is not Action.FETCH_RESPONSE):
            raise Refused(response.sw)
        return response

    def enter_application(self, deadline: Deadline) -> None:
        """Make the USIM the current directory, whatever was."""
        self.send(commands.select_aid(self._type.aid), deadline)
        self.at = Position(CODECS["IMSI"].ef.directory)

    def _select(self, selection: tuple[bytes, ...], deadline: Deadline) -> None:
        """Send selections whose descriptions nobody reads (a 2G card always has one)."""
        for command in selection:
            self.send(command, deadline, fetch=False)

    # ---- steps

    def run(self, step: Step, target: Target | None, deadline: Deadline) -> bytes:
        """Send a step and return what was read. ``target`` with its data is needed to address an update anew.

        A card that does not know the short identifier is addressed by SELECT instead. Raises :class:`Refused`.
        """
        self._select(step.select, deadline)
        self.at = Position(step.ef.directory)
        try:
            found = b"".join(self.send(command, deadline).data for command in step.access)
        except Refused as refused:
            if refused.sw != Sw.NO_FILE or not step.ef.sfi:
                raise
        else:
            self.at = Position(step.ef.directory, step.ef.fid)
            return found
        self.layout.sfis[step.ef.name] = 0
        plain = replace(step.ef, sfi=0)
        if target is None:
            return self.run(read_step(step.name, plain, step.length, self.at, self._type), None, deadline)
        again = replace(target, ef=plain)
        data = target.content(self.layout.lengths.get(plain.name, 0))
        return self.run(update_step(again, data, self.at, self._type), again, deadline)

    def read(self, name: str, ef: Ef, length: int, deadline: Deadline) -> bytes:
        """Read the first ``length`` bytes of a file or the whole of its record; raises :class:`Refused`."""
        data = self.run(read_step(name, self.layout.place(ef), length, self.at, self._type), None, deadline)
        self.contents[name] = data
        return data

    # ---- lengths

    def measure(self, ef: Ef, deadline: Deadline) -> int:
        """Return the bytes of one update of ``ef`` as this card has it, and remember them. Raises :class:`Refused`."""
        placed = self.layout.place(ef)
        length = self._length_by_read(placed, deadline) if placed.sfi else None
        if length is None:
            info = self.describe(placed, deadline)
            length = info.unit
            self.layout.sfis[ef.name] = (info.sfi or 0) if self._type.short_identifiers else 0
        self.layout.lengths[ef.name] = length
        return length

    def agrees(self, ef: Ef, deadline: Deadline) -> bool:
        """Whether ``ef`` has the length the layout has for it, by one read. Raises :class:`Refused` for a memory that fails."""
        try:
            return self._length_by_read(ef, deadline) == self.layout.lengths[ef.name]
        except Refused as refused:
            if refused.sw.action is Action.DEFECTIVE:
                raise
            return False

    def _length_by_read(self, ef: Ef, deadline: Deadline) -> int | None:
        """Return the length a refused read of 256 bytes tells, None where it does not."""
        self._select(select(ef, self.at, self._type), deadline)
        self.at = Position(ef.directory, ef.fid)
        ask = commands.read_record(ef.sfi, ef.record, commands.MAX_READ) if ef.record else commands.read_binary(ef.sfi, commands.MAX_READ)
        response = exchange(self.transport, ask, deadline, correct_length=False)
        sw, data = response.sw, response.data
        if sw.action is Action.CORRECT_LENGTH:
            return sw.low or commands.MAX_READ
        if (sw.action in READABLE or sw == Sw.END_OF_FILE) and 0 < len(data) < commands.MAX_READ:
            if not ef.record:
                self.contents[ef.name] = data
            return len(data)
        self.at = Position(ef.directory)
        if sw.action is Action.DEFECTIVE:
            raise Refused(sw)
        return None

    def describe(self, ef: Ef, deadline: Deadline) -> fcp.FileInfo:
        """Select ``ef`` and return what the card says of it; a file of another structure is :class:`UnknownCard`."""
        selection = select(ef, self.at, self._type, describe=True)
        self._select(selection[:-1], deadline)
        answer = self.send(selection[-1], deadline).data
        info = gsm.parse(answer).info if self._type.second_generation else fcp.parse(answer)
        self.at = Position(ef.directory, ef.fid)
        if info.directory or bool(info.record_length) != bool(ef.record) or info.records < ef.record:
            raise UnknownCard(file=ef.name)
        return info
