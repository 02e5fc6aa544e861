# SPDX-License-Identifier: Apache-2.0
"""A line that flips, cuts, prefixes, delays, repeats and mixes answers, thousands of times: what the driver accepts of it.

The line is in memory, so that silence costs no time; the answers come from the simulator's SAM.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from bench.figures import Figure
from hal.deadline import Deadline
from hal.errors import DeadlinePassed, HalError
from hal.id_reader.sam import SamReader
from simulators.id_reader.sam import Sam
from simulators.personas import PERSONAS, appended_block, photo_block, text_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.personas import Persona

PEOPLE = [PERSONAS[key] for key in ("zhang", "li", "moved", "moved_often", "long_term", "rare_name")]
SAM_ID = bytes.fromhex("0500010009b8320105be1200adc5b111")
EXCHANGES = 20_000
NOISE = 0.2
"""Share of the answers that are spoiled."""
REMEMBERED = 20
TRIES = 3
"""Of one presentation, as the terminal's plan has it."""
PATIENCE_S = 60.0


class NoisyLine:
    """Offers what a line offers. ``late`` bytes come in front of the next answer, after the driver has drained."""

    waited_us = 0

    def __init__(self, sam: Sam, chance: random.Random) -> None:
        self._sam, self._chance = sam, chance
        self._line = bytearray()
        self._late = b""
        self._past: list[bytes] = [b""]
        self.noise = 0.0
        self.exchanges = 0
        self._kinds: tuple[Callable[[bytes, bytes, int], None], ...] = (
            self._flip,
            lambda answer, _older, cut: self._say(answer[:cut]),
            lambda answer, _older, _cut: self._say(chance.randbytes(chance.randrange(1, 90)) + answer),
            lambda answer, older, _cut: self._say(older + answer),
            lambda answer, _older, _cut: self._say(b"", answer),
            lambda answer, older, cut: self._say(answer[:cut], answer[cut:] + older),
            lambda answer, _older, _cut: self._say(answer + answer),
            lambda answer, _older, cut: self._say(answer, answer[:cut]),
            self._mix,
        )

    def reset_waited(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""

    def discard(self) -> int:
        """Throw away what has come."""
        gone = len(self._line)
        self._line.clear()
        return gone

    def quiet(self, _deadline: Deadline) -> bool:
        """Let what was held back arrive while the driver listens."""
        self._line += self._late
        self._late = b""
        return not self._line

    def write(self, data: bytes, _deadline: Deadline) -> None:
        """Answer a request, more or less."""
        self.exchanges += 1
        answer = self._sam.handle(data[7:-1])
        self._line += self._late
        self._late = b""
        if self._chance.random() < self.noise:
            self._chance.choice(self._kinds)(answer, self._chance.choice(self._past), self._chance.randrange(len(answer)))
        else:
            self._line += answer
        self._past = [*self._past[-REMEMBERED:], answer]

    def read_exactly(self, length: int, _deadline: Deadline) -> bytes:
        """Return what has come, or nothing ever comes."""
        if len(self._line) < length:
            raise DeadlinePassed
        taken = bytes(self._line[:length])
        del self._line[:length]
        return taken

    def _say(self, now: bytes, late: bytes = b"") -> None:
        self._line += now
        self._late = late

    def _flip(self, answer: bytes, _older: bytes, at: int) -> None:
        flipped = bytearray(answer)
        flipped[at] ^= 1 << self._chance.randrange(8)
        self._say(bytes(flipped))

    def _mix(self, answer: bytes, older: bytes, _cut: int) -> None:
        turns = max(len(older), len(answer))
        self._say(b"".join(part[at : at + 1] for at in range(turns) for part in (older, answer)))


def campaign(seed: int, exchanges: int, noise: float) -> Counter[str]:
    """Present cards until ``exchanges`` requests were sent; returns how they ended: ``right``, ``wrong``, ``given_up``."""
    chance = random.Random(seed)  # noqa: S311  # noise, no secret
    sam = Sam(SAM_ID, "always")
    line = NoisyLine(sam, chance)
    reader = SamReader(line)
    reader.start(Deadline.after(PATIENCE_S))
    line.noise = noise
    ended: Counter[str] = Counter()
    while line.exchanges < exchanges:
        persona = chance.choice(PEOPLE)
        sam.insert(persona)
        tries = (_presented(reader, persona) for _ in range(TRIES))
        ended[next((end for end in tries if end in {"right", "wrong"}), "given_up")] += 1
    return ended


def _presented(reader: SamReader, persona: Persona) -> str:
    """Return how one try to read the card ended: ``right``, ``wrong``, or the kind of the error."""
    try:
        reader.await_card(Deadline.after(PATIENCE_S))
        reading = reader.read(Deadline.after(PATIENCE_S))
    except HalError as error:
        return error.kind
    told = (reading.text, reading.photo, reading.appended or b"")
    return "right" if told == (text_block(persona), photo_block(persona), appended_block(persona)) else "wrong"


def measure() -> dict[str, Figure]:
    """Return the wrong cards accepted, and the share of presentations that ended with the right one, each after its noise."""
    ended = campaign(1, EXCHANGES, NOISE)
    return {
        "id_reader.noise.wrong_accepted": Figure(ended["wrong"], "count", 0, EXCHANGES),
        "id_reader.noise.recovered": Figure(ended["right"] / ended.total(), "share", None, ended.total()),
    }
