# SPDX-License-Identifier: Apache-2.0
"""What a person may see of an APDU: the command's name, the file it means, and its bytes unless they are secret.

Decides what is blanked. Rules

1. Data are shown only of files on the list (:mod:`host_tools.rnt.card.known_files`); a file without a name may hold a key.
2. Personal files are shown when the engineer asks for it.
3. Keys presented to a card, whatever goes with an instruction that means no file, and the answers to it are blanked.
4. Values named as secret beforehand are blanked wherever they occur, should all of the above be wrong.

It follows SELECT and short identifiers as a card does, so that a command without an address still tells its file; after a refused one
it names none. It sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.sim_card.status import Action, Sw
from host_tools.rnt.card.known_files import BY_FID, BY_SFI, DIRECTORIES, MF, USIM, Content, KnownFile

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = 5
SELECT, VERIFY, GET_RESPONSE, STATUS = 0xA4, 0x20, 0xC0, 0xF2
READ_BINARY, READ_RECORD, UPDATE_BINARY, UPDATE_RECORD = 0xB0, 0xB2, 0xD6, 0xDC
SELECT_BY_FID, SELECT_BY_AID, FROM_MF = 0x00, 0x04, 0x08
DIRECTORY_FIDS = (0x3F, 0x5F, 0x7F)
"""First bytes of directories' identifiers, TS 102 221 §8.6."""
DF_OF_APPLICATION = 0x5F
BINARY, RECORD = frozenset({READ_BINARY, UPDATE_BINARY}), frozenset({READ_RECORD, UPDATE_RECORD})
PLAIN, ETSI = (0x00, 0xA0), 0x80
"""Classes: ISO and 2G, where the instructions below mean what they are called; TS 102 221's own, where few do."""
HARMLESS = frozenset({SELECT, GET_RESPONSE, READ_BINARY, READ_RECORD, STATUS})
"""Instructions that leave a card as it was."""
ETSI_ONLY = frozenset({STATUS, GET_RESPONSE, 0x10, 0xC2, 0x12, 0x14})
NAMES = {
    SELECT: "SELECT", READ_BINARY: "READ BINARY", READ_RECORD: "READ RECORD", UPDATE_BINARY: "UPDATE BINARY",
    UPDATE_RECORD: "UPDATE RECORD", VERIFY: "VERIFY", GET_RESPONSE: "GET RESPONSE", STATUS: "STATUS", 0xA2: "SEARCH RECORD",
    0x32: "INCREASE", 0x24: "CHANGE PIN", 0x26: "DISABLE PIN", 0x28: "ENABLE PIN", 0x2C: "UNBLOCK PIN", 0x04: "DEACTIVATE FILE",
    0x44: "ACTIVATE FILE", 0x88: "AUTHENTICATE", 0x84: "GET CHALLENGE", 0x82: "EXTERNAL AUTHENTICATE", 0x70: "MANAGE CHANNEL",
    0x10: "TERMINAL PROFILE", 0xC2: "ENVELOPE", 0x12: "FETCH", 0x14: "TERMINAL RESPONSE", 0xE0: "CREATE FILE", 0xE4: "DELETE FILE",
}  # fmt: skip
"""ETSI TS 102 221 table 10.5."""
GONE_THROUGH = frozenset({Action.DONE, Action.FETCH_RESPONSE, Action.CORRECT_LENGTH, Action.COUNTED})


def harmless(command: bytes) -> bool:
    """Tell whether ``command`` leaves the card and its counters as they were; VERIFY does when it presents nothing."""
    if command[0] not in PLAIN:
        return command[0] == ETSI and command[1] in (STATUS, GET_RESPONSE)
    return command[1] in HARMLESS or (command[1] == VERIFY and not any(command[4:]))


@dataclass(frozen=True, slots=True)
class Shown:
    """One command for people: its name, what it means ("" = nothing with a name), its bytes as hex with secrets blanked."""

    name: str
    target: str
    apdu: str


class Viewer:
    """Follows one card's commands from a reset on. ``secrets`` are values that must appear nowhere; ``personal`` shows such files."""

    def __init__(self, secrets: Iterable[bytes] = (), *, personal: bool = False) -> None:
        self._secrets = [secret.hex().upper() for secret in secrets if secret]
        self._personal = personal
        self.reset()

    def reset(self) -> None:
        """Forget what was selected, as the card does."""
        self._directory = MF
        self._file: KnownFile | None = None
        self._named = MF
        self._before = MF
        self._last_open = False
        self._described = False

    def command(self, apdu: bytes) -> Shown:
        """Return what may be seen of ``apdu``, and remember what it selects."""
        instruction = apdu[1]
        self._before = self._directory
        self._follow(apdu)
        self._last_open = self._may_show(apdu[0], instruction)
        shown = apdu if self._last_open and instruction != VERIFY else apdu[:HEADER]
        hidden = len(apdu) - len(shown)
        text = self._scrub(shown.hex().upper()) + _blank(hidden)
        standard = apdu[0] in PLAIN or (apdu[0] == ETSI and instruction in ETSI_ONLY)
        name = NAMES.get(instruction) if standard else None
        return Shown(name or f"{apdu[0]:02X} {instruction:02X}", self._target(apdu) if standard else "", text)

    def answer(self, data: bytes, sw: int) -> str:
        """Return what may be seen of the answer to the last command: data as hex, then the status word."""
        told = self._scrub(data.hex().upper()) if self._last_open else _blank(len(data))
        if Sw(sw).action not in GONE_THROUGH:
            self._directory, self._file, self._named = self._before, None, self._before
        return f"{told} {sw:04X}".strip()

    def _follow(self, apdu: bytes) -> None:
        instruction, p1, p2 = apdu[1], apdu[2], apdu[3]
        if apdu[0] not in PLAIN:
            self._described = False
        elif instruction == SELECT:
            self._select(p1, apdu[HEADER:])
            self._described = True
        elif instruction in BINARY and p1 & 0x80:
            self._address(p1 & 0x1F)
        elif instruction in RECORD and p2 >> 3:
            self._address(p2 >> 3)
        elif instruction != GET_RESPONSE:
            self._described = False

    def _select(self, how: int, data: bytes) -> None:
        if how == SELECT_BY_AID:
            self._directory, self._file, self._named = USIM, None, USIM
            return
        if how == FROM_MF:
            self._directory = MF
        for i in range(0, len(data) - 1, 2):
            self._step(int.from_bytes(data[i : i + 2], "big"))

    def _step(self, fid: int) -> None:
        if fid >> 8 in DIRECTORY_FIDS:
            known = DIRECTORIES.get(fid) if fid >> 8 != DF_OF_APPLICATION or self._directory == USIM else None
            self._directory, self._file = known or f"{self._directory}/{fid:04X}", None
            self._named = self._directory
        else:
            self._file = BY_FID.get((self._directory, fid))
            self._named = self._file.path if self._file else f"{self._directory}/{fid:04X}"

    def _address(self, sfi: int) -> None:
        self._described = False
        self._file = BY_SFI.get((self._directory, sfi))
        self._named = self._file.path if self._file else f"{self._directory}/file {sfi:02X}"

    def _may_show(self, cla: int, instruction: int) -> bool:
        if cla not in PLAIN:
            return cla == ETSI and instruction == STATUS
        if instruction in (SELECT, STATUS) or (instruction == GET_RESPONSE and self._described):
            return True  # a description, not a content
        if instruction in BINARY | RECORD and self._file:
            return self._file.content is Content.OPEN or (self._file.content is Content.PERSONAL and self._personal)
        return False

    def _target(self, apdu: bytes) -> str:
        if apdu[1] == VERIFY:
            return f"key {apdu[3]:02X}" + ("" if any(apdu[4:]) else ", tries left")
        return self._named if apdu[1] in HARMLESS | BINARY | RECORD else ""

    def _scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _blank(len(secret) // 2))
        return text


def _blank(count: int) -> str:
    return f"[{count} blanked]" if count else ""
