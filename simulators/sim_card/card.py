# SPDX-License-Identifier: Apache-2.0
"""The behaviour of the simulated UICC, TS 102 221 §10 and §11, at T=0: commands in, response bytes and status word out.

Decides what a card decides: selection, access rules, key counters, lengths. Rules:

1. T=0 (§7.3.1.1): a command with data answers 61xx when a response waits, fetched by GET RESPONSE at once or lost; a wrong Le
   answers 6Cxx and does nothing. A trailing Le on a command with data is not part of a T=0 command and is ignored.
2. Every power-up or reset: MF current, no file selected, nothing verified.
3. A key attempt is counted before the key is compared.

Knows nothing of the wire, faults or personas' meaning. Logical channels other than 0 are refused (6881).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from simulators.sim_card.files import RULES, Access, Directory, File
from simulators.sim_card.templates import directory_template, file_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.sim_card.memory import Memory
    from simulators.sim_card.personas import Persona

MORE_TIME = bytes.fromhex("D009810301020082028182")
"""What a proactive card has waiting after every success: MORE TIME, TS 102 223 §6.6.4."""


class Refused(Exception):
    """The command ends with this status word."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class Card:
    """One card: volatile state here, everything else in ``memory``."""

    def __init__(self, persona: Persona, memory: Memory) -> None:
        self.persona, self.memory = persona, memory
        self.mf = persona.tree()
        self._keys = persona.keys()
        self.counters = {"apdus": 0, "updates": 0, "verifies": 0, "power_ups": 0}
        self.torn = False
        """The next update leaves half of its bytes."""
        self._commands: dict[tuple[int, int], Callable[[int, int, bytes, int], bytes]] = {
            (0x00, 0xA4): self._select, (0x00, 0xB0): self._read_binary, (0x00, 0xD6): self._update_binary,
            (0x00, 0xB2): self._read_record, (0x00, 0xDC): self._update_record, (0x00, 0x20): self._verify,
            (0x00, 0xC0): self._get_response, (0x80, 0xF2): self._status, (0x00, 0x84): self._get_challenge,
            (0x80, 0x10): self._terminal_profile, (0x80, 0x12): self._fetch, (0x80, 0x14): self._terminal_response,
        }  # fmt: skip
        self._reset()

    def power_up(self) -> None:
        """Cold or warm reset."""
        self.counters["power_ups"] += 1
        self._reset()

    def _reset(self) -> None:
        self._directory = self.mf
        self._application: Directory | None = None
        self._file: tuple[str, File] | None = None
        self._record = 0
        self._verified: set[int] = set()
        self._response = b""

    def process(self, apdu: bytes) -> bytes:
        """Carry out one command; returns response data and status word, 2 bytes at least."""
        self.counters["apdus"] += 1
        if len(apdu) < 4:
            return b"\x67\x00"
        cla, ins, p1, p2 = apdu[:4]
        waiting, self._response = self._response, b""
        if ins == 0xC0:
            self._response = waiting
        try:
            data = self._command(cla, ins)(p1, p2, *_body(apdu))
        except Refused as refused:
            return refused.sw.to_bytes(2, "big")
        if self._response:
            return data + bytes([0x61, min(len(self._response), 0xFF)])
        return data + (bytes([0x91, len(MORE_TIME)]) if self.persona.proactive else b"\x90\x00")

    def _command(self, cla: int, ins: int) -> Callable[[int, int, bytes, int], bytes]:
        if (cla, ins) in self._commands:
            return self._commands[cla, ins]
        if 0x01 <= cla <= 0x03 or 0x81 <= cla <= 0x83:
            raise Refused(0x6881)
        if cla not in (0x00, 0x80) or any(known == ins for _, known in self._commands):
            raise Refused(0x6E00)
        raise Refused(0x6D00)

    # ---- selection, §11.1.1

    def _select(self, p1: int, p2: int, data: bytes, _: int) -> bytes:
        if p2 not in (0x04, 0x0C) or p1 not in (0x00, 0x04, 0x08, 0x09):
            raise Refused(0x6A86)
        if p1 == 0x04:
            target = self._by_aid(data)
        elif p1 == 0x00:
            if len(data) != 2:
                raise Refused(0x6700)
            target = self._by_fid(int.from_bytes(data, "big"))
        else:
            target = self._by_path(data, self.mf if p1 == 0x08 else self._directory)
        self._go(target)
        if p2 == 0x04:
            self._response = self._template(target[1])
        return b""

    def _by_aid(self, aid: bytes) -> tuple[Directory, File | Directory]:
        for application in self.mf.directories:
            if 5 <= len(aid) <= 16 and application.aid.startswith(aid):
                return application, application
        raise Refused(0x6A82)

    def _by_fid(self, fid: int) -> tuple[Directory, File | Directory]:
        """§8.4.2: the current directory's children, itself, its parent (the MF, in a tree two levels deep), its siblings."""
        if fid == 0x7FFF:
            if self._application is None:
                raise Refused(0x6A82)
            return self._application, self._application
        for directory in (self.mf, *self.mf.directories):
            if directory.fid == fid and not directory.aid:
                return directory, directory
        for file in self._directory.files:
            if file.fid == fid:
                return self._directory, file
        raise Refused(0x6A82)

    def _by_path(self, path: bytes, start: Directory) -> tuple[Directory, File | Directory]:
        if not path or len(path) % 2:
            raise Refused(0x6700)
        kept = self._directory
        target: tuple[Directory, File | Directory] = (start, start)
        try:
            for i in range(0, len(path), 2):
                if not isinstance(target[1], Directory):
                    raise Refused(0x6A82)
                self._directory = target[1]
                target = self._by_fid(int.from_bytes(path[i : i + 2], "big"))
        finally:
            self._directory = kept
        return target

    def _go(self, target: tuple[Directory, File | Directory]) -> None:
        directory, chosen = target
        self._directory = directory
        if directory.aid:
            self._application = directory
        self._file = (f"{directory.name}/{chosen.name}", chosen) if isinstance(chosen, File) else None
        self._record = 0

    def _template(self, chosen: File | Directory) -> bytes:
        if isinstance(chosen, File):
            return file_template(chosen)
        return directory_template(chosen, pin_enabled=self.persona.pin_enabled)

    # ---- files, §11.1.3 to §11.1.6

    def _current(self, sfi: int, *, records: bool) -> tuple[str, File]:
        if sfi:
            found = next((file for file in self._directory.files if file.sfi == sfi), None)
            if found is None:
                raise Refused(0x6A82)
            self._go((self._directory, found))
        if self._file is None:
            raise Refused(0x6986)
        if bool(self._file[1].records) != records:
            raise Refused(0x6981)
        return self._file

    def _permit(self, access: Access) -> None:
        if access is Access.ALW or access.value in self._verified:
            return
        if access is Access.PIN and not self.persona.pin_enabled:
            return
        raise Refused(0x6982)

    def _binary(self, p1: int, p2: int) -> tuple[str, File, int]:
        if p1 & 0x80:
            if p1 & 0x60 or not p1 & 0x1F:
                raise Refused(0x6A86)
            return *self._current(p1 & 0x1F, records=False), p2
        return *self._current(0, records=False), p1 << 8 | p2

    def _read_binary(self, p1: int, p2: int, _: bytes, expected: int) -> bytes:
        path, file, offset = self._binary(p1, p2)
        self._permit(RULES[file.rule - 1].read)
        if offset >= file.size:
            raise Refused(0x6B00)
        return _exact(self.memory.contents[path][offset : offset + 256], expected, shorter=True)

    def _update_binary(self, p1: int, p2: int, data: bytes, _: int) -> bytes:
        path, file, offset = self._binary(p1, p2)
        self._permit(RULES[file.rule - 1].update)
        if offset >= file.size:
            raise Refused(0x6B00)
        if not data or offset + len(data) > file.size:
            raise Refused(0x6700)
        self._update(path, offset, data)
        return b""

    def _record_at(self, p1: int, p2: int) -> tuple[str, File, int]:
        path, file = self._current(p2 >> 3, records=True)
        number = {2: self._record + 1, 3: self._record - 1, 4: p1 or self._record}.get(p2 & 7)
        if number is None:
            raise Refused(0x6A86)
        if not 1 <= number <= file.records:
            raise Refused(0x6A83)
        return path, file, number

    def _read_record(self, p1: int, p2: int, _: bytes, expected: int) -> bytes:
        path, file, number = self._record_at(p1, p2)
        self._permit(RULES[file.rule - 1].read)
        at = (number - 1) * file.size
        data = _exact(self.memory.contents[path][at : at + file.size], expected)
        self._record = number if p2 & 7 != 4 else self._record
        return data

    def _update_record(self, p1: int, p2: int, data: bytes, _: int) -> bytes:
        path, file, number = self._record_at(p1, p2)
        self._permit(RULES[file.rule - 1].update)
        if len(data) != file.size:
            raise Refused(0x6700)
        self._update(path, (number - 1) * file.size, data)
        return b""

    def _update(self, path: str, offset: int, data: bytes) -> None:
        self.memory.update(path, offset, data, torn=self.torn)
        self.torn = False
        self.counters["updates"] += 1

    # ---- keys, §11.1.9

    def _verify(self, p1: int, p2: int, data: bytes, _: int) -> bytes:
        if p1:
            raise Refused(0x6A86)
        if p2 not in self._keys:
            raise Refused(0x6A88)
        left = self.memory.tries[p2]
        if not data:
            if p2 in self._verified:
                return b""
            raise Refused(0x63C0 | left)
        if len(data) != 8:
            raise Refused(0x6700)
        self.counters["verifies"] += 1
        if not left:
            raise Refused(0x6983)
        self.memory.count(p2, left - 1)
        if data != self._keys[p2]:
            self._verified.discard(p2)
            raise Refused(0x63C0 | left - 1)
        self.memory.count(p2, self.persona.tries()[p2])
        self._verified.add(p2)
        return b""

    # ---- the rest

    def _get_response(self, p1: int, p2: int, _: bytes, expected: int) -> bytes:
        if p1 or p2:
            raise Refused(0x6A86)
        if not self._response:
            raise Refused(0x6985)
        waiting, self._response = self._response, b""
        try:
            data = _exact(waiting, expected, shorter=True)
        except Refused:
            self._response = waiting
            raise
        self._response = waiting[len(data) :]
        return data

    def _status(self, p1: int, p2: int, _: bytes, expected: int) -> bytes:
        if p1 > 2 or p2 not in (0x00, 0x01, 0x0C):
            raise Refused(0x6A86)
        if p2 == 0x0C:
            return b""
        if p2 == 0x00:
            return _exact(directory_template(self._directory, pin_enabled=self.persona.pin_enabled), expected)
        aid = self._application.aid if self._application else b""
        return _exact(bytes([0x84, len(aid)]) + aid, expected)

    def _get_challenge(self, p1: int, p2: int, _: bytes, expected: int) -> bytes:
        if p1 or p2:
            raise Refused(0x6A86)
        return secrets.token_bytes(expected)

    def _terminal_profile(self, _p1: int, _p2: int, data: bytes, _: int) -> bytes:
        if not data:
            raise Refused(0x6700)
        return b""

    def _fetch(self, _p1: int, _p2: int, _: bytes, expected: int) -> bytes:
        if not self.persona.proactive:
            raise Refused(0x6985)
        return _exact(MORE_TIME, expected)

    def _terminal_response(self, _p1: int, _p2: int, data: bytes, _: int) -> bytes:
        if not data:
            raise Refused(0x6700)
        return b""


def _body(apdu: bytes) -> tuple[bytes, int]:
    """Split what follows the header: (data, Le); Le 0 means 256, absent counts as 256 too (the response then tells by 6Cxx)."""
    if len(apdu) <= 5:
        return b"", (apdu[4] if len(apdu) == 5 else 0) or 256
    length = apdu[4]
    if len(apdu) - 5 not in (length, length + 1):
        raise Refused(0x6700)
    return apdu[5 : 5 + length], 256


def _exact(data: bytes, expected: int, *, shorter: bool = False) -> bytes:
    """Return ``data`` when Le fits it (a shorter Le where the command allows it), else refuse with 6Cxx."""
    if expected == len(data) or (shorter and expected < len(data)):
        return data[:expected]
    raise Refused(0x6C00 | len(data) & 0xFF)
