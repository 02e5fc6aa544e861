# SPDX-License-Identifier: Apache-2.0
"""The reader itself: which answer a command gets in which state. No I/O, no time.

Clause: SAM_V protocol text of 2014 as published with openiDR200 (facts: id_reader §1.1, §2). Frame = preamble, Len (16-bit big-endian,
counts everything behind itself), body, XOR over Len and body.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulators.personas import appended_block, photo_block, text_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.personas import Persona

PREAMBLE = bytes.fromhex("aaaaaa9669")
BAUDS = (115200, 57600, 38400, 19200, 9600)
COMMANDS = {
    0x10FF: "reset",
    0x11FF: "status",
    0x12FF: "samid",
    0x2001: "find",
    0x2002: "select",
    0x3001: "read",
    0x3003: "append",
    0x3005: "manage",
    0x3010: "fingerprint",
}
"""CMD Para → event name of the fault plan. ``baud`` (60 pp) and ``rf`` (61 FF nn) carry a parameter; anything else is ``unknown``."""

FindPolicy = Literal["once", "always", "alternate"]


def xor(data: bytes) -> int:
    """Return the XOR of all bytes."""
    value = 0
    for byte in data:
        value ^= byte
    return value


def answer(sw3: int, data: bytes = b"") -> bytes:
    """Return an answer frame with SW1 SW2 = 00 00."""
    body = struct.pack(">HBBB", len(data) + 4, 0, 0, sw3) + data
    return PREAMBLE + body + bytes([xor(body)])


def event_of(command: bytes) -> str:
    """Name the command in ``CMD Para [Data]``."""
    if len(command) == 2 and command[0] == 0x60:
        return "baud"
    if len(command) == 3 and command[:2] == b"\x61\xff":
        return "rf"
    return COMMANDS.get(int.from_bytes(command, "big"), "unknown") if len(command) == 2 else "unknown"


@dataclass(slots=True)
class Sam:
    """One reader with its field. ``persona`` is the card lying there, if any."""

    sam_id: bytes
    find_policy: FindPolicy = "once"
    baud: int = 115200
    iin: bytes = bytes(4)
    serial_number: bytes = bytes(8)
    persona: Persona | None = None
    fingers: int | None = None
    """Bytes of fingerprints added, with their length, to text and photo though nobody asked: 0, 512, 1024; ``None`` = as the text says."""
    address_slots: int = 0
    """Slots of an appended address that are always sent, empty ones as spaces: some SAMs return all 4. 0 = as many as the card has."""
    fixed_baud: bool = False
    """Whether the command that changes the rate is refused."""
    failure: int = 0
    """SW3 the SAM answers to everything but its id: 0x60 self-test failed, 0x66 not authorised; 0 = healthy."""
    any_order: bool = False
    """Whether a card answers without having been selected: some SAMs tolerate it, and programs that leave it out ship (facts: §2.2)."""
    management_bytes: int = 28
    """Length of the management number: 28 by the text, 24 by one program's buffer (facts: §2)."""
    _found: bool = False
    _selected: bool = False
    _handled: bool = False
    _turn: int = 0

    def insert(self, persona: Persona) -> None:
        """Lay a card on the reader."""
        self.remove()
        self.persona = persona

    def remove(self) -> None:
        """Lift the card."""
        self.persona = None
        self.power_on()

    def power_on(self) -> None:
        """Forget what was found: power was lost, or the SAM was reset. The card may still lie there."""
        self._found = self._selected = self._handled = False

    def handle(self, command: bytes) -> bytes:
        """Return the answer to ``CMD Para [Data]``."""
        event = event_of(command)
        if self.failure and event != "samid":
            return answer(self.failure)
        simple: dict[str, Callable[[], bytes]] = {
            "reset": self._reset,
            "status": lambda: answer(0x90),
            "samid": lambda: answer(0x90, self.sam_id),
            "find": self._find,
            "select": self._select,
            "read": self._read,
            "append": self._append,
            "manage": lambda: self._on_card((self.iin + self.serial_number + bytes(16))[: self.management_bytes]),
        }
        if event in simple:
            return simple[event]()
        if event == "baud" and command[1] < len(BAUDS) and not self.fixed_baud:
            return self._set_baud(BAUDS[command[1]])
        if event == "rf" and command[2] >= 24:
            return answer(0x90)
        return answer(0x21)

    def _reset(self) -> bytes:
        self.power_on()
        return answer(0x90)

    def _set_baud(self, baud: int) -> bytes:
        self.baud = baud
        return answer(0x90)

    def _find(self) -> bytes:
        self._selected = False
        self._turn += 1
        hidden = self._handled and (self.find_policy == "once" or (self.find_policy == "alternate" and self._turn % 2 == 1))
        self._found = self.persona is not None and not hidden
        return answer(0x9F, self.iin) if self._found else answer(0x80)

    def _select(self) -> bytes:
        self._selected = self._found
        return answer(0x90, self.serial_number) if self._selected else answer(0x81)

    def _on_card(self, data: bytes, sw3: int = 0x90) -> bytes:
        """Answer with what the card says; 41 without a card, 21 when it was not selected."""
        if self.persona is None:
            return answer(0x41)
        return answer(sw3, data) if self._selected or self.any_order else answer(0x21)

    def _read(self) -> bytes:
        if self.persona is None or not (self._selected or self.any_order):
            return self._on_card(b"")
        self._handled, self._turn = True, 0
        text, photo = text_block(self.persona), photo_block(self.persona)
        sizes = struct.pack(">HH", len(text), len(photo))
        if self.fingers is None:
            return answer(0x90, sizes + text + photo)
        template = b"C".ljust(512, b"\x5a") * (self.fingers // 512)
        return answer(0x90, sizes + struct.pack(">H", self.fingers) + text + photo + template)

    def _append(self) -> bytes:
        block = appended_block(self.persona) if self.persona else b""
        if block:
            block += b" \0" * (max(0, self.address_slots * 70 - len(block)) // 2)
        return self._on_card(block, 0x90 if block else 0x91)
