# SPDX-License-Identifier: Apache-2.0
"""A line that flips, cuts, prefixes, delays and repeats, thousands of times: what is accepted is never an older answer.

The line is in memory, so that silence costs no time; the answers come from the simulator's SAM.
"""

import random
from collections import Counter

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, HalError
from hal.id_reader.sam import SamReader
from simulators.id_reader.sam import Sam
from simulators.personas import PERSONAS, appended_block, text_block

PEOPLE = [PERSONAS[key] for key in ("zhang", "li", "moved", "moved_often", "long_term", "rare_name")]
SAM_ID = bytes.fromhex("0500010009b8320105be1200adc5b111")


class NoisyLine:
    """Offers what SerialLink offers. ``late`` bytes come in front of the next answer, after the driver has drained."""

    waited_us = 0

    def __init__(self, sam: Sam, chance: random.Random, *, noise: float) -> None:
        self._sam, self._chance, self._noise = sam, chance, noise
        self._line = bytearray()
        self._late = b""
        self._past: list[bytes] = [b""]
        self.quiet_line = False

    def discard(self) -> int:
        gone = len(self._line)
        self._line.clear()
        return gone

    def quiet(self, _deadline: Deadline) -> bool:
        if self._late:  # what was held back arrives while the driver listens
            self._line += self._late
            self._late = b""
        return not self._line

    def write(self, data: bytes, _deadline: Deadline) -> None:
        answer = self._sam.handle(data[7:-1])
        self._line += self._late
        self._late = b""
        if not self.quiet_line and self._chance.random() < self._noise:
            self._spoil(answer)
        else:
            self._line += answer
        self._past = [*self._past[-20:], answer]

    def _spoil(self, answer: bytes) -> None:
        kind = self._chance.randrange(6)
        older = self._chance.choice(self._past)
        cut = self._chance.randrange(len(answer))
        if kind == 0:
            flipped = bytearray(answer)
            flipped[self._chance.randrange(len(answer))] ^= 1 << self._chance.randrange(8)
            self._line += flipped
        elif kind == 1:
            self._line += answer[:cut]
        elif kind == 2:
            self._line += self._chance.randbytes(self._chance.randrange(1, 90)) + answer
        elif kind == 3:
            self._line += older + answer
        elif kind == 4:
            self._late = answer
        else:
            self._line += answer[:cut]
            self._late = answer[cut:] + older

    def read_exactly(self, length: int, _deadline: Deadline) -> bytes:
        if len(self._line) < length:
            raise DeadlinePassed
        taken = bytes(self._line[:length])
        del self._line[:length]
        return taken


@pytest.mark.parametrize("seed", range(4))
def test_noise_no_stale_answer_is_accepted(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # noise, no secret
    sam = Sam(SAM_ID, "always")
    line = NoisyLine(sam, chance, noise=0.4)
    line.quiet_line = True
    reader = SamReader(line)  # type: ignore[arg-type]  # offers the calls the driver makes
    reader.start(Deadline.after(60))
    line.quiet_line = False
    seen: Counter[str] = Counter()
    texts = {text_block(persona) for persona in PEOPLE}
    addresses = {appended_block(persona) for persona in PEOPLE}
    for _ in range(1500):
        persona = chance.choice(PEOPLE)
        sam.insert(persona)
        try:
            reader.await_card(Deadline.after(60))
            reading = reader.read(Deadline.after(60))
        except HalError as error:
            seen[error.kind] += 1
            continue
        appended = reading.appended or b""
        if (reading.text, appended) == (text_block(persona), appended_block(persona)):
            seen["right"] += 1
        else:
            seen["stale" if reading.text in texts and appended in addresses else "wrong"] += 1
    assert seen["stale"] == 0, seen
    assert seen["wrong"] == 0, seen
    assert seen["right"] > 100, seen
