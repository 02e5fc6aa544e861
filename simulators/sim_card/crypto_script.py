# SPDX-License-Identifier: Apache-2.0
"""Remote file management: the script in a secured packet, ETSI TS 102 226 §5.1 (compact) and §5.2 (expanded), §7.

Decides which commands a script may hold and what its answer tells. Rules:

1. Only the commands of §7.1 reach the card; anything else is 6D00 or 6E00 without asking it. No SELECT by name (P1 04): 6A86.
2. A script ends at the first command that fails (not 90, 91, 9F, 61, 62, 63): what stood before it stays done.
3. Compact: commands one behind the other, P3 is the length of data, or the one expected for commands that only give; the answer has the
   number of commands, the last status word and the last command's data. Data of a command that takes and gives are fetched by a GET
   RESPONSE in the script, or by one Le byte at its very end.
4. Expanded: a template AA (length known) or AE 80 … 0000 of C-APDU objects 22; one R-APDU object 23 for each. A C-APDU with Le gets
   its data.
5. What does not fit the answer is cut and told by 62F1 (§5.2.1.1); a script ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card.crypto_sms import NotAPacket, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    RunApdu = Callable[[bytes], tuple[bytes, int]]
    """Command → (response data, status word). 61xx may stand for data waiting."""

GIVING = frozenset({0xB0, 0xB2, 0xC0})
"""READ BINARY, READ RECORD, GET RESPONSE: P3 is Le."""
TAKING = frozenset({0xA4, 0xD6, 0xDC, 0xA2, 0x32, 0x20, 0x24, 0x26, 0x28, 0x2C, 0x04, 0x44, 0xE0, 0xE4, 0xD4, 0xCB, 0xDB})
CLASSES = frozenset({0x00, 0x80, 0xA0})
DEFINITE, INDEFINITE = 0xAA, 0xAE
C_APDU, R_APDU, COUNT, BAD_FORMAT = 0x22, 0x23, 0x80, 0x90
UNKNOWN_TAG, WRONG_LENGTH = 0x01, 0x02
ANSWER_MAX = 208
"""Bytes of an answer's data: with headers, checksum and padding it still is one GET RESPONSE."""
COMMANDS_MAX = 255


def run(script: bytes, run_apdu: RunApdu) -> bytes:
    """Carry out ``script``; returns the answer's data in the script's own format."""
    if script[:1] in (bytes([DEFINITE]), bytes([INDEFINITE])):
        return _expanded(script, run_apdu)
    return _compact(script, run_apdu)


def _failed(sw: int) -> bool:
    return sw >> 8 not in (0x90, 0x91, 0x9F, 0x61, 0x62, 0x63)


def _permitted(apdu: bytes) -> int:
    if apdu[0] not in CLASSES:
        return 0x6E00
    if apdu[1:3] == b"\xa4\x04":
        return 0x6A86
    return 0x9000 if apdu[1] in GIVING | TAKING else 0x6D00


class _Card:
    """The card behind a script: keeps what waits for GET RESPONSE when ``run_apdu`` gave it at once."""

    def __init__(self, run_apdu: RunApdu) -> None:
        self._run, self._waiting = run_apdu, b""

    def send(self, apdu: bytes) -> tuple[bytes, int]:
        """Carry out one command as T=0 has it: data of a command that takes are told by 61xx."""
        sw = _permitted(apdu)
        if sw != 0x9000:
            return b"", sw
        waiting, self._waiting = self._waiting, b""
        if apdu[1] == 0xC0 and waiting:
            return waiting[: apdu[4] or 256], 0x9000
        data, sw = self._run(apdu)
        if sw >> 8 == 0x6C and apdu[1] in GIVING and not apdu[4]:
            data, sw = self._run(apdu[:4] + bytes([sw & 0xFF]))  # Le 00: as many as there are
        if data and apdu[1] in TAKING and not _failed(sw):
            self._waiting = data
            return b"", 0x6100 | min(len(data), 0xFF)
        return data, sw

    def fetch(self, cla: int, sw: int) -> tuple[bytes, int]:
        """Return what 61xx or 9Fxx promised, and the status word behind it."""
        return self.send(bytes([cla, 0xC0, 0, 0, sw & 0xFF]))


def _compact(script: bytes, run_apdu: RunApdu) -> bytes:
    card, count, data, sw, at = _Card(run_apdu), 0, b"", 0x9000, 0
    while at < len(script) and count < COMMANDS_MAX:
        if len(script) - at == 1 and sw >> 8 in (0x61, 0x9F):
            data, sw = card.fetch(0xA0 if sw >> 8 == 0x9F else 0x00, sw)
            break
        apdu = _next(script[at:])
        at, count = at + len(apdu), count + 1
        data, sw = card.send(apdu) if apdu else (b"", 0x6700)
        if not apdu or _failed(sw):
            break
    if len(data) > ANSWER_MAX:
        data, sw = data[:ANSWER_MAX], 0x62F1
    return bytes([count]) + sw.to_bytes(2, "big") + data


def _next(script: bytes) -> bytes:
    """Return the command at the head of ``script``, or nothing when it is cut."""
    if len(script) < 5:
        return b""
    length = 5 if script[1] in GIVING else 5 + script[4]
    return script[:length] if length <= len(script) else b""


def _expanded(script: bytes, run_apdu: RunApdu) -> bytes:
    indefinite = script[0] == INDEFINITE
    commands, bad = _template(script)
    card, answers, room = _Card(run_apdu), b"", ANSWER_MAX - 12
    count = 0
    for tag, apdu in commands[:COMMANDS_MAX]:
        if tag != C_APDU:
            bad = UNKNOWN_TAG
            break
        count += 1
        data, sw = _one(card, apdu)
        if len(data) + 6 > room - len(answers):
            data, sw = data[: max(0, room - len(answers) - 6)], 0x62F1
        answers += _object(R_APDU, data + sw.to_bytes(2, "big"))
        if _failed(sw) or sw == 0x62F1 or room - len(answers) < 6:
            bad = None
            break
    answers += _object(BAD_FORMAT, bytes([bad])) if bad else b""
    if indefinite:
        return b"\xaf\x80" + answers + b"\0\0"
    return _object(0xAB, _object(COUNT, bytes([count])) + answers)


def _template(script: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return the objects of a script and, when it is not one, why."""
    try:
        if script[0] == INDEFINITE:
            if len(script) < 4 or script[1] != 0x80 or script[-2:] != b"\0\0":
                return [], WRONG_LENGTH
            return objects(script[2:-2]), None
        outer = objects(script)
        return (objects(outer[0][1]), None) if len(outer) == 1 else ([], WRONG_LENGTH)
    except NotAPacket:
        return [], WRONG_LENGTH


def _one(card: _Card, apdu: bytes) -> tuple[bytes, int]:
    """Carry out one C-APDU of ISO/IEC 7816-4, cases 1 to 4; Le asks for the data."""
    if len(apdu) < 4 or (len(apdu) > 5 and len(apdu) - 5 not in (apdu[4], apdu[4] + 1)):
        return b"", 0x6700
    gives = len(apdu) > 5 and len(apdu) == 6 + apdu[4]
    data, sw = card.send((apdu[:-1] if gives else apdu).ljust(5, b"\0"))
    if gives and sw >> 8 in (0x61, 0x9F):
        return card.fetch(apdu[0], sw)
    return data, sw


def _object(tag: int, value: bytes) -> bytes:
    length = bytes([len(value)]) if len(value) < 0x80 else bytes([0x81, len(value)])
    return bytes([tag]) + length + value
