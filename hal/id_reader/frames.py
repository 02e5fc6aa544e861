# SPDX-License-Identifier: Apache-2.0
"""Frames of the SAM serial protocol: pure bytes in, values out.

Request  ``AA AA AA 96 69 | Len | CMD Para [Data] | CHK``
Answer   ``AA AA AA 96 69 | Len | SW1 SW2 SW3 [Data] | CHK``

Len is 16-bit big-endian and counts everything behind itself, CHK included; CHK is the XOR of everything from Len on.
Clause: SAM_V protocol text of 2014 (published with openiDR200), §1.1 and §2 of the facts.

Rules
* Len is bounded to 4..4089, and to what the command sent may bring, before a byte of the body is read.
* An answer carries no sequence number: a command knows the lengths of its own answers, everything else is refused.
* The fingerprint command (30 10) is not in this table and cannot be sent. What a reader adds to text and photo unasked (a length and 0, 512
  or 1,024 bytes) goes into the checksum and nowhere else: it is no part of an :class:`Answer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from hal.id_reader.errors import FrameError

PREAMBLE: Final = bytes.fromhex("aaaaaa9669")
MARK: Final = PREAMBLE[1:]
"""What an answer is found by; some readers lose the first AA."""
HEADER_LENGTH: Final = len(PREAMBLE) + 2
MIN_LENGTH: Final = 4
MAX_LENGTH: Final = 4089

TEXT_LENGTH: Final = 256
PHOTO_LENGTH: Final = 1024
ADDRESS_LENGTH: Final = 70
_FINGERS: Final = (0, 512, 1024)
"""Bytes of fingerprints a reader may add to text and photo: none, one finger, two."""
_SIZES: Final = TEXT_LENGTH.to_bytes(2, "big") + PHOTO_LENGTH.to_bytes(2, "big")
_STATUS_LENGTH: Final = 3


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its ``CMD Para [Data]``, the data sizes its good answer may have, and how long an answer may take in seconds.

    ``keep`` is the most data bytes that are kept; what comes behind them is dropped as it arrives. ``open`` is how many data bytes an
    onlooker may see (:mod:`hal.id_reader.watching`): those that tell nothing of a card or a person.
    """

    name: str
    body: bytes
    sizes: frozenset[int]
    timeout: float
    keep: int = MAX_LENGTH
    open: int = 0

    def allows(self, length: int) -> bool:
        """Return whether an answer to this command may have this Len: a bare status, or one of its data sizes."""
        return length == MIN_LENGTH or length - MIN_LENGTH in self.sizes

    def kept(self, length: int) -> int:
        """Return how many bytes of a body of ``length`` are kept: all, or status and ``keep`` bytes of data."""
        return length if length - MIN_LENGTH <= self.keep else _STATUS_LENGTH + self.keep

    @property
    def frame(self) -> bytes:
        """The whole request."""
        counted = (len(self.body) + 1).to_bytes(2, "big") + self.body
        return PREAMBLE + counted + bytes([checksum(counted)])


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: SW1 SW2 of the card (often 0), SW3 of the SAM, data, and how many more bytes of data were dropped unread."""

    card_status: int
    code: int
    data: bytes
    dropped: int = 0


def checksum(data: bytes) -> int:
    """Return the XOR of all bytes."""
    return reduce(xor, data, 0)


def _sizes(*sizes: int) -> frozenset[int]:
    return frozenset(sizes)


_BLOCKS: Final = len(_SIZES) + TEXT_LENGTH + PHOTO_LENGTH
RESET: Final = Command("reset", b"\x10\xff", _sizes(), 1.0)
STATUS: Final = Command("status", b"\x11\xff", _sizes(), 1.0)
SAM_ID: Final = Command("sam_id", b"\x12\xff", _sizes(16), 1.0, open=16)
FIND: Final = Command("find", b"\x20\x01", _sizes(4), 0.5)
SELECT: Final = Command("select", b"\x20\x02", _sizes(8), 0.5)
_BLOCKS_AND_SIZE: Final = _BLOCKS + 2
_READ_SIZES: Final = _sizes(_BLOCKS, *(_BLOCKS_AND_SIZE + n for n in _FINGERS))
READ: Final = Command("read", b"\x30\x01", _READ_SIZES, 3.0, keep=_BLOCKS_AND_SIZE, open=len(_SIZES))
APPENDED: Final = Command("appended", b"\x30\x03", _sizes(*(ADDRESS_LENGTH * n for n in range(1, 5))), 2.0)
MANAGEMENT: Final = Command("management", b"\x30\x05", _sizes(24, 28), 1.0)
COMMANDS: Final = (RESET, STATUS, SAM_ID, FIND, SELECT, READ, APPENDED, MANAGEMENT)

BAUDS: Final = (115200, 57600, 38400, 19200, 9600)
"""The rates of a serial reader; a rate's place is its code in the command."""


def set_baud(baud: int) -> Command:
    """Return the command that changes the line's rate; the answer still comes at the old one. ``ValueError`` for other rates."""
    return Command("set_baud", bytes([0x60, BAUDS.index(baud)]), _sizes(), 1.0)


def set_max_rf(size: int) -> Command:
    """Return the command that limits the RF frames to ``size`` bytes, 24..255."""
    if not 24 <= size <= 255:  # noqa: PLR2004  # the command's own range
        raise ValueError("RF frames have 24 to 255 bytes")
    return Command("set_max_rf", bytes([0x61, 0xFF, size]), _sizes(), 1.0)


def missing(heard: bytes) -> int:
    """Return how many bytes must at least still come before ``heard`` holds an answer's mark and Len; 0 when it does."""
    at = heard.find(MARK)
    if at >= 0:
        return max(0, at + len(MARK) + 2 - len(heard))
    part = next(n for n in range(len(MARK) - 1, -1, -1) if heard.endswith(MARK[:n]))
    return len(MARK) - part + 2


def parse_header(heard: bytes, command: Command) -> tuple[int, bytes]:
    """Return (Len, first bytes of the body) of the answer in ``heard``, for which ``missing`` is 0.

    Raises :class:`FrameError` for a Len out of bounds (``length``) or one this command never brings (``unexpected``).
    """
    at = heard.find(MARK)
    body = at + len(MARK) + 2
    if at < 0 or body > len(heard):
        raise FrameError("no answer", reason="preamble")
    length = int.from_bytes(heard[body - 2 : body], "big")
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise FrameError("answer of an impossible length", reason="length", length=length)
    if not command.allows(length):
        raise FrameError("this is no answer to the command", reason="unexpected", length=length)
    return length, heard[body:]


def parse_body(length: int, body: bytes, dropped: bytes = b"") -> Answer:
    """Return the answer of ``length`` whose first bytes are ``body`` and whose others are ``dropped``.

    Raises :class:`FrameError` ``length`` when that is not ``length`` bytes, ``checksum`` when they do not fold to 0.
    """
    if len(body) + len(dropped) != length or length < MIN_LENGTH or len(body) < _STATUS_LENGTH:
        raise FrameError("answer of the wrong length", reason="length", length=length)
    if checksum(length.to_bytes(2, "big")) ^ checksum(body) ^ checksum(dropped):
        raise FrameError("checksum does not fit", reason="checksum")
    end = min(len(body), length - 1)
    return Answer(int.from_bytes(body[:2], "big"), body[2], body[_STATUS_LENGTH:end], length - 1 - end)


def parse_frame(frame: bytes, command: Command) -> Answer:
    """Return the answer that ``frame`` is, from the preamble to the checksum; refuses anything before or behind it."""
    if not frame.startswith(PREAMBLE) or len(frame) < HEADER_LENGTH:
        raise FrameError("no answer", reason="preamble")
    length, body = parse_header(frame, command)
    kept = command.kept(length)
    return parse_body(length, body[:kept], body[kept:])


def shown(answer: Answer, command: Command) -> tuple[bytes, int]:
    """Return (the start of ``answer``'s frame that an onlooker may see, how many bytes of it are left out)."""
    length = MIN_LENGTH + len(answer.data) + answer.dropped
    counted = length.to_bytes(2, "big") + answer.card_status.to_bytes(2, "big") + bytes([answer.code])
    if len(answer.data) > command.open or answer.dropped:
        return PREAMBLE + counted + answer.data[: command.open], len(answer.data) - min(len(answer.data), command.open) + answer.dropped + 1
    return PREAMBLE + counted + answer.data + bytes([checksum(counted + answer.data)]), 0


def parse_blocks(answer: Answer) -> tuple[bytes, bytes]:
    """Return (text, photo) of a good READ answer; :class:`FrameError` ``blocks`` when its own lengths are not those of its blocks."""
    data = answer.data
    start = len(_SIZES)
    if len(data) == _BLOCKS_AND_SIZE:
        start += 2
        if int.from_bytes(data[len(_SIZES) : start], "big") != answer.dropped:
            raise FrameError("blocks of the wrong size", reason="blocks")
    if data[: len(_SIZES)] != _SIZES or len(data) != start + TEXT_LENGTH + PHOTO_LENGTH or (start == len(_SIZES) and answer.dropped):
        raise FrameError("blocks of the wrong size", reason="blocks")
    return data[start : start + TEXT_LENGTH], data[start + TEXT_LENGTH :]
