# SPDX-License-Identifier: Apache-2.0
"""What may become of an answer on its way: each spoiler turns one good answer into the pieces sent. The list is in ``device.py``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from simulators.id_reader.sam import PREAMBLE, xor

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.kit import Fault

PSEUDO = bytes.fromhex("aaaaaa96690005050505")
"""Declares 5 bytes and carries 3 (facts: id_reader §1.6)."""


class Said:
    """The answers so far: the last one, and the last one to each event."""

    def __init__(self) -> None:
        self._last: dict[str, bytes] = {}
        self._previous = b""

    def remember(self, event: str, reply: bytes) -> None:
        """Keep what was said to ``event``."""
        self._previous = self._last[event] = reply

    def older(self, fault: Fault) -> bytes:
        """Return the answer the fault's ``of`` names, or the previous one."""
        return self._last.get(str(fault.options["of"]), b"") if "of" in fault.options else self._previous


def _given(fault: Fault) -> bytes:
    return bytes.fromhex(fault.options.get("hex", "55" * int(fault.options.get("n", 5))))


def _delay(_said: Said, fault: Fault, reply: bytes) -> list[bytes]:
    time.sleep(float(fault.options.get("ms", 100)) / 1000)
    return [reply]


def _corrupt(_said: Said, fault: Fault, reply: bytes) -> list[bytes]:
    spoiled = bytearray(reply)
    spoiled[int(fault.options.get("byte", len(reply) // 2))] ^= 1 << int(fault.options.get("bit", 0))
    return [bytes(spoiled)]


def _lose(_said: Said, fault: Fault, reply: bytes) -> list[bytes]:
    at = int(fault.options.get("byte", len(reply) // 2))
    return [reply[:at] + reply[at + int(fault.options.get("n", 1)) :]]


def _interleave(said: Said, fault: Fault, reply: bytes) -> list[bytes]:
    older = said.older(fault)
    turns = max(len(older), len(reply))
    return [b"".join(part[at : at + 1] for at in range(turns) for part in (older, reply))]


def _sw3(_said: Said, fault: Fault, _reply: bytes) -> list[bytes]:
    body = b"\0\4" + int(fault.options.get("sw", 0)).to_bytes(2, "big") + bytes([int(fault.options["code"])])
    return [PREAMBLE + body + bytes([xor(body)])]


def _empty(_said: Said, _fault: Fault, _reply: bytes) -> list[bytes]:
    body = bytes.fromhex("0004000090")
    return [PREAMBLE + body + bytes([xor(body)])]


def _summed(_said: Said, _fault: Fault, reply: bytes) -> list[bytes]:
    return [reply[:-1] + bytes([-sum(reply[5:-1]) & 0xFF])]


SPOILERS: dict[str, Callable[[Said, Fault, bytes], list[bytes]]] = {
    "drop": lambda _said, _fault, _reply: [],
    "delay": _delay,
    "corrupt": _corrupt,
    "lose": _lose,
    "junk": lambda _said, fault, reply: [_given(fault) + reply],
    "headless": lambda _said, fault, reply: [reply[int(fault.options.get("n", 1)) :]],
    "extra": lambda _said, fault, reply: [reply + _given(fault)],
    "twice": lambda _said, _fault, reply: [reply, reply],
    "stale": lambda said, fault, reply: [said.older(fault), reply],
    "instead": lambda said, fault, _reply: [said.older(fault)],
    "interleave": _interleave,
    "pseudo": lambda _said, _fault, _reply: [PSEUDO],
    "empty": _empty,
    "short": lambda _said, fault, reply: [reply[: int(fault.options.get("bytes", len(reply) // 2))]],
    "sw3": _sw3,
    "summed": _summed,
    "foreign": lambda _said, fault, _reply: [_given(fault)],
}
"""Kind → (answers so far, fault, good answer) → what is sent, piece by piece."""
