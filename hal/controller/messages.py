# SPDX-License-Identifier: Apache-2.0
"""Commands of the controller and what they answer.

Every answer begins ``status | state | flags``. Integers are little-endian. A payload with bytes left over is refused. Unknown states are
an error, because nothing may be decided on them; unknown reset causes and flags are let through.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from hal.errors import ProtocolError

REPLY: Final = 0x80
CHALLENGE_LENGTH: Final = 8
BOOT_ID_LENGTH: Final = 8
NONCE_LENGTH: Final = 16
CONTEXT_LENGTH: Final = 32
SHARE_LENGTH: Final = 32
MAX_ARM_S: Final = 300
MAX_LEASE_S: Final = 60
MIN_OFF_MS: Final = 100
MAX_OFF_MS: Final = 5000
_MAX_VERSION: Final = 32


class Command(IntEnum):
    """Type byte of a request."""

    HELLO = 0x01
    STATE = 0x02
    LIGHT = 0x03
    BUZZ = 0x04
    ARM = 0x05
    DISARM = 0x06
    HEARTBEAT = 0x07
    SIM_POWER = 0x08
    READER_CYCLE = 0x09
    MAKE_SECRET = 0x0A
    SHARE = 0x0B


class Status(IntEnum):
    """First byte of an answer."""

    DONE = 0
    UNKNOWN = 1
    MALFORMED = 2
    NOT_ALLOWED = 3
    FAILED = 4


class State(IntEnum):
    """What the controller is."""

    UNPROVISIONED = 0
    READY = 1
    TAMPERED = 2


class Flags(IntFlag):
    """What the controller sees at this moment."""

    CASE_OPEN = 1
    ARMED = 2
    CONFIRMED = 4
    READER_OFF = 8


class Colour(IntEnum):
    """The lights; at most one is on."""

    OFF = 0
    GREEN = 1
    AMBER = 2
    RED = 3


class Pattern(IntEnum):
    """What the buzzer can say."""

    OK = 0
    FAIL = 1
    ATTENTION = 2


RESET_CAUSES: Final = {1: "power_on", 3: "watchdog"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The part every answer has, and the rest of its payload."""

    status: int
    state: State
    flags: Flags
    rest: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers: id of this boot (8 bytes), why it booted, firmware version."""

    boot_id: bytes
    reset_cause: str
    version: str
    state: State


@dataclass(frozen=True, slots=True)
class Report:
    """What the controller knows: ``pressed`` is the nonce (16 bytes) the subscriber confirmed, if any."""

    boot_id: bytes
    state: State
    case_open: bool
    armed: bool
    pressed: bytes | None
    reader_off: bool


def arm_payload(nonce: bytes, seconds: int) -> bytes:
    """Return the payload of ARM; ``ValueError`` outside 16 bytes and 1 to 300 s."""
    if len(nonce) != NONCE_LENGTH or not 1 <= seconds <= MAX_ARM_S:
        raise ValueError("ARM takes a nonce of 16 bytes and 1 to 300 s")
    return nonce + struct.pack("<H", seconds)


def heartbeat_payload(seconds: int) -> bytes:
    """Return the payload of HEARTBEAT; 0 takes leave. ``ValueError`` outside 0 to 60 s."""
    if not 0 <= seconds <= MAX_LEASE_S:
        raise ValueError("HEARTBEAT takes 0 to 60 s")
    return struct.pack("<H", seconds)


def reader_cycle_payload(milliseconds: int) -> bytes:
    """Return the payload of READER_CYCLE; ``ValueError`` outside 100 to 5,000 ms."""
    if not MIN_OFF_MS <= milliseconds <= MAX_OFF_MS:
        raise ValueError("READER_CYCLE takes 100 to 5000 ms")
    return struct.pack("<H", milliseconds)


def share_payload(context: bytes) -> bytes:
    """Return the payload of SHARE; ``ValueError`` unless the context is 32 bytes."""
    if len(context) != CONTEXT_LENGTH:
        raise ValueError(f"SHARE takes a context of {CONTEXT_LENGTH} bytes")
    return context


def parse_answer(payload: bytes) -> Answer:
    """Split an answer's payload; raises :class:`~hal.errors.ProtocolError`."""
    if len(payload) < 3:  # noqa: PLR2004  # status, state, flags
        raise ProtocolError("answer too short", length=len(payload))
    try:
        state = State(payload[1])
    except ValueError as error:
        raise ProtocolError("unknown state", state=payload[1]) from error
    return Answer(payload[0], state, Flags(payload[2]), payload[3:])


def parse_hello(answer: Answer, challenge: bytes) -> Hello:
    """Read the answer to HELLO, which must repeat ``challenge``."""
    head = CHALLENGE_LENGTH + BOOT_ID_LENGTH + 1
    version = answer.rest[head:]
    if len(answer.rest) < head or len(version) > _MAX_VERSION or not (version.isascii() and version.decode("ascii").isprintable()):
        raise ProtocolError("malformed HELLO answer", length=len(answer.rest))
    if answer.rest[:CHALLENGE_LENGTH] != challenge:
        raise ProtocolError("HELLO answer to another question")
    cause = RESET_CAUSES.get(answer.rest[head - 1], "unknown")
    return Hello(answer.rest[CHALLENGE_LENGTH : head - 1], cause, version.decode("ascii"), answer.state)


def parse_report(answer: Answer) -> Report:
    """Read the answer to STATE. A nonce is there exactly when the flag says so."""
    confirmed = Flags.CONFIRMED in answer.flags
    if len(answer.rest) != BOOT_ID_LENGTH + (NONCE_LENGTH if confirmed else 0):
        raise ProtocolError("malformed STATE answer", length=len(answer.rest))
    return Report(
        boot_id=answer.rest[:BOOT_ID_LENGTH],
        state=answer.state,
        case_open=Flags.CASE_OPEN in answer.flags,
        armed=Flags.ARMED in answer.flags,
        pressed=answer.rest[BOOT_ID_LENGTH:] if confirmed else None,
        reader_off=Flags.READER_OFF in answer.flags,
    )


def parse_share(answer: Answer) -> bytes:
    """Read the answer to SHARE."""
    if len(answer.rest) != SHARE_LENGTH:
        raise ProtocolError("malformed SHARE answer", length=len(answer.rest))
    return answer.rest
