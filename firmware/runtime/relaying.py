# SPDX-License-Identifier: Apache-2.0
"""A relay: the operator talks to the card, the terminal carries. Rounds of commands out, rounds of answers back.

Rules
* A round is asked for under its number with the answers of the round before; asked again it is the same, so a lost answer costs nothing.
* The terminal carries at most what the order allows, in commands and in time, and leaves to the card's driver which kinds of command may
  pass. A round beyond the bound is not begun.
* Until a command of the first round was sent the card is untouched. A card that refuses the very first SELECT is of another model and
  goes back to stock. Everything later that ends the relay before the operator does leaves the card void.
* It never starts anew: the channel's keys live with the operator, and a card that was cut off has forgotten them too.

It understands no command.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from firmware.core.report import CardAnswer
from firmware.runtime import refusals
from firmware.runtime.asking import REJECTED, ask
from firmware.runtime.timing import RELAY_S, WRITE_S
from firmware.runtime.unit import Stop
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from firmware.runtime.unit import Unit

KEPT: Final = 16
"""Answers, the last ones, that are reported: the operator has heard them all."""
BROKEN: Final = "R708"
CUT: Final = "R711"
_OTHER_CARD: Final = frozenset({0x6A82, 0x6D00, 0x6E00})
"""To the first SELECT: no such application, instruction or class here. Nothing was written."""
_SELECT: Final = bytes.fromhex("00a4")


class RelayBroke(Exception):
    """The relay ended before the operator was done; ``stop`` says what that means for the session."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.code)
        self.stop = stop


class Relay:
    """One relay. ``last`` are the newest answers of the card, ``apdus`` the commands exchanged with it."""

    def __init__(self, unit: Unit, session: bytes, approval: bytes, most: int) -> None:
        self.unit = unit
        self.apdus = 0
        self.last: tuple[CardAnswer, ...] = ()
        self._session = session
        self._approval = approval
        self._most = most
        self._asked = self._heard = 0

    async def run(self, iccid: str) -> None:
        """Carry rounds until the operator is done; raises :class:`RelayBroke`."""
        end = asyncio.get_running_loop().time() + RELAY_S
        answers: list[bytes] = []
        for number in range(self._most + 1):
            commands = await self._next(number, answers)
            if commands is None:
                return
            self._asked += len(commands)
            if self._asked > self._most or asyncio.get_running_loop().time() > end:
                break
            answers = await self._carry(commands, {"expected_iccid": iccid, "first": True} if number == 0 else {"first": False})
            if number == 0:
                _refuse_other_card(commands[0], answers)
            self._remember(answers)
        raise RelayBroke(Stop(BROKEN, touched=self._heard > 0))

    async def _next(self, number: int, answers: list[bytes]) -> tuple[bytes, ...] | None:
        """Ask the operator for the commands of a round; ``None`` when it is done."""
        backend = self.unit.backend
        try:
            round_ = await ask(lambda: backend.relay(self._session, self._approval, number, answers))
        except Stop as stop:
            raise RelayBroke(Stop(BROKEN, touched=True) if self._heard else stop) from stop
        if not round_.done:
            return round_.commands
        if not self._heard:
            raise RelayBroke(Stop(REJECTED))
        return None

    async def _carry(self, commands: tuple[bytes, ...], start: dict[str, Any]) -> list[bytes]:
        """Send one round to the card; returns its answers, each with its status word."""
        told = [command.hex() for command in commands]
        try:
            done = await self.unit.devices["sim_card"].call("relay", timeout=WRITE_S, commands=told, **start)
        except DeviceFailed as failure:
            stop = refusals.stop("write", failure.kind)
            if self._heard:  # a card that is another one now was taken out in the middle
                stop = Stop(CUT if failure.kind == "card_changed" else stop.code if stop.touched else BROKEN, touched=True)
            raise RelayBroke(stop) from failure
        self.apdus += int(done["apdus"])
        return [bytes.fromhex(answer) for answer in done["answers"]]

    def _remember(self, answers: list[bytes]) -> None:
        kept = [CardAnswer(number, int.from_bytes(answer[-2:]), answer[:-2]) for number, answer in enumerate(answers, start=self._heard)]
        self._heard += len(answers)
        self.last = tuple(kept[-KEPT:])


def _refuse_other_card(command: bytes, answers: list[bytes]) -> None:
    if command.startswith(_SELECT) and len(answers) == 1 and int.from_bytes(answers[0][-2:]) in _OTHER_CARD:
        raise RelayBroke(Stop("R707"))
