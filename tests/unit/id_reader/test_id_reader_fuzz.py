# SPDX-License-Identifier: Apache-2.0
"""Hostile readers, 20,000 times for each parser: only the declared errors, and never more bytes than an answer may have."""

import random
from collections.abc import Callable

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed
from hal.id_reader import frames
from hal.id_reader.errors import FrameError
from hal.id_reader.exchange import Exchange
from hal.link.usb import UsbName

EXAMPLES = 20_000
COMMANDS = (*frames.COMMANDS, frames.set_baud(9600), frames.set_max_rf(80))


def framed(body: bytes) -> bytes:
    counted = (len(body) + 1).to_bytes(2, "big") + body
    return frames.PREAMBLE + counted + bytes([frames.checksum(counted)])


def answer(chance: random.Random, command: frames.Command) -> bytes:
    """Return an answer that this command may bring."""
    return framed(bytes([0, 0, chance.choice([0x90, 0x9F, 0x91, 0x41, 0x80])]) + chance.randbytes(chance.choice([0, *command.sizes])))


def spoiled(chance: random.Random, frame: bytes) -> bytes:
    """Return ``frame`` flipped, cut, lengthened, repeated, shifted, mixed with noise, or another length told in it."""
    at = chance.randrange(len(frame))
    kind = chance.randrange(8)
    told = chance.choice([0, 3, 4, 5, 0x508, 0x50A, 0x90A, 4089, 4090, 0xFFFF]).to_bytes(2, "big")
    return (
        frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :],
        frame[:at],
        frame + chance.randbytes(chance.randrange(1, 80)),
        frame + frame,
        chance.randbytes(chance.randrange(1, 80)) + frame,
        frame[:5] + told + frame[7:],
        chance.randbytes(len(frame)),
        frame[at:] + frame[:at],
    )[kind]


class Stream:
    """A line that has said all it will ever say."""

    waited_us = 0

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.asked = 0

    def reset_waited(self) -> None: ...

    def discard(self) -> int:
        return 0

    def quiet(self, _deadline: Deadline) -> bool:
        return True

    def write(self, data: bytes, _deadline: Deadline) -> None: ...

    def close(self) -> None: ...

    def read_exactly(self, length: int, _deadline: Deadline) -> bytes:
        self.asked += length
        if len(self._data) < length:
            raise DeadlinePassed
        taken, self._data = self._data[:length], self._data[length:]
        return taken


def fuzz_frame(chance: random.Random, command: frames.Command) -> None:
    frames.parse_frame(spoiled(chance, answer(chance, command)), command)


def fuzz_header(chance: random.Random, command: frames.Command) -> None:
    heard = spoiled(chance, answer(chance, command))[: chance.randrange(90)]
    assert 0 <= frames.missing(heard) <= 6
    frames.parse_header(heard, command)


def fuzz_blocks(chance: random.Random, _command: frames.Command) -> None:
    sizes = chance.choice([b"\1\0\4\0", b"\1\0\4\0\2\0", chance.randbytes(6)])
    data = sizes + chance.randbytes(chance.choice([1280, 1279, 1281, chance.randrange(1400)]))
    text, photo = frames.parse_blocks(frames.Answer(0, 0x90, data, chance.choice([0, 512, 1024, 7])))
    assert (len(text), len(photo)) == (256, 1024)


def fuzz_exchange(chance: random.Random, command: frames.Command) -> None:
    line = Stream(b"".join(spoiled(chance, answer(chance, chance.choice(COMMANDS))) for _ in range(3)))
    try:
        told = Exchange(line).once(command, Deadline.after(60))
        assert not told.data or len(told.data) + told.dropped in command.sizes
    finally:
        assert line.asked <= 64 + 2 * frames.HEADER_LENGTH + frames.MAX_LENGTH


@pytest.mark.parametrize("parse", [fuzz_frame, fuzz_header, fuzz_blocks, fuzz_exchange])
def test_parser_fed_by_a_hostile_reader_only_the_declared_errors(parse: Callable[[random.Random, frames.Command], None]) -> None:
    chance = random.Random(parse.__name__)  # noqa: S311  # noise, no secret
    refused = 0
    for _ in range(EXAMPLES):
        try:
            parse(chance, chance.choice(COMMANDS))
        except (FrameError, DeadlinePassed):
            refused += 1
    assert 0 < refused < EXAMPLES


def test_name_of_a_device_any_text_is_a_name_or_a_mistake() -> None:
    chance = random.Random(1)  # noqa: S311  # noise, no secret
    good = ("0400:c35a", "0400:c35a:RNT0001", "1-1.4.2")
    for _ in range(EXAMPLES):
        text = spoiled(chance, chance.choice(good).encode()).decode("latin-1")
        try:
            name = UsbName.parse(text)
        except ValueError:
            continue
        assert (name.vendor is None) != (name.bus is None)
