# SPDX-License-Identifier: Apache-2.0
"""Commands on an elementary file's content, ETSI TS 102 221 §11.1.3 to §11.1.8, §11.1.14 and §11.1.15.

READ and UPDATE BINARY and RECORD, SEARCH RECORD, INCREASE, DEACTIVATE and ACTIVATE FILE. Rules: a short identifier makes its file current;
a deactivated file gives nothing (6984); a cyclic file is updated at its oldest record, which becomes record 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card.apdu import Command, Refused, exact
from simulators.sim_card.files import File, Rule, Structure
from simulators.sim_card.pins import permit
from simulators.sim_card.selection import locate

if TYPE_CHECKING:
    from simulators.sim_card.card import Card

RECORDS = (Structure.LINEAR, Structure.CYCLIC)
NEXT, PREVIOUS, ABSOLUTE = 2, 3, 4
ENHANCED, FORWARD, BACKWARD = 6, 4, 5


def current(card: Card, sfi: int, structures: tuple[Structure, ...]) -> tuple[File, Rule]:
    """Return the file a command means, and its rule; raises :class:`Refused`: 6A82, 6986, 6981, 6984."""
    session = card.session
    if sfi:
        found = next((file for file in session.directory.files if file.sfi == sfi), None)
        if found is None:
            raise Refused(0x6A82)
        session.go(session.directory, found)
    file = session.file
    if file is None:
        raise Refused(0x6986)
    if file.structure not in structures:
        raise Refused(0x6981)
    if not card.active(file):
        raise Refused(0x6984)
    return file, card.persona.model.rules[file.rule - 1]


def _binary(card: Card, command: Command) -> tuple[File, Rule, int]:
    if not command.p1 & 0x80:
        return *current(card, 0, (Structure.TRANSPARENT,)), command.p1 << 8 | command.p2
    if command.p1 & 0x60 or not command.p1 & 0x1F:
        raise Refused(0x6A86)
    return *current(card, command.p1 & 0x1F, (Structure.TRANSPARENT,)), command.p2


def _given(card: Card, file: File, data: bytes) -> bytes:
    """Return ``data`` as read: with 6281 from a file that a power cut left marked as half written."""
    if file.place in card.memory.fact("half", []):
        raise Refused(0x6281, data)
    return data


def read_binary(card: Card, command: Command) -> bytes:
    """READ BINARY, §11.1.3."""
    file, rule, offset = _binary(card, command)
    permit(card, rule.read)
    if offset >= file.size:
        raise Refused(0x6B00)
    rest = card.memory.contents[file.place][offset : offset + 256]
    if command.expected > len(rest) and card.persona.model.behaviour.short_read == "6282" and command.expected != 256:
        raise Refused(0x6282, rest)
    return _given(card, file, exact(rest, command.expected, shorter=True))


def update_binary(card: Card, command: Command) -> bytes:
    """UPDATE BINARY, §11.1.4."""
    file, rule, offset = _binary(card, command)
    permit(card, rule.update)
    if offset >= file.size:
        raise Refused(0x6B00)
    if not command.data or offset + len(command.data) > file.size:
        raise Refused(0x6700)
    card.update(file.place, offset, command.data)
    return b""


def _record(card: Card, command: Command, file: File) -> int:
    """Return the number of the record a command means, §11.1.5: absolute, current, next or previous."""
    mode, at, last = command.p2 & 7, card.session.record, file.records
    if mode not in (NEXT, PREVIOUS, ABSOLUTE) or (mode != ABSOLUTE and command.p1):
        raise Refused(0x6A86)
    number = {NEXT: at + 1, PREVIOUS: at - 1 if at else last, ABSOLUTE: command.p1 or at}[mode]
    if mode != ABSOLUTE and file.structure is Structure.CYCLIC:
        number = (number - 1) % last + 1
    if not 1 <= number <= last:
        raise Refused(0x6A83)
    return number


def read_record(card: Card, command: Command) -> bytes:
    """READ RECORD, §11.1.5."""
    file, rule = current(card, command.p2 >> 3, RECORDS)
    number = _record(card, command, file)
    permit(card, rule.read)
    data = exact(_one(card, file, number), command.expected)
    if command.p2 & 7 != ABSOLUTE:
        card.session.record = number
    return _given(card, file, data)


def _one(card: Card, file: File, number: int) -> bytes:
    return card.memory.contents[file.place][(number - 1) * file.size : number * file.size]


def update_record(card: Card, command: Command) -> bytes:
    """UPDATE RECORD, §11.1.6; on a cyclic file in the mode PREVIOUS only."""
    file, rule = current(card, command.p2 >> 3, RECORDS)
    if file.structure is Structure.CYCLIC:
        if command.p2 & 7 != PREVIOUS or command.p1:
            raise Refused(0x6A86 if command.p2 & 7 == PREVIOUS else 0x6981)
        permit(card, rule.update)
        if len(command.data) != file.size:
            raise Refused(0x6700)
        _turn(card, file, command.data)
        return b""
    number = _record(card, command, file)
    permit(card, rule.update)
    if len(command.data) != file.size:
        raise Refused(0x6700)
    card.update(file.place, (number - 1) * file.size, command.data)
    if command.p2 & 7 != ABSOLUTE:
        card.session.record = number
    return b""


def _turn(card: Card, file: File, record: bytes) -> None:
    """Write ``record`` over the oldest one, which becomes record 1 and the current one."""
    old = card.memory.contents[file.place]
    card.update(file.place, 0, record + old[: -file.size])
    card.session.record = 1


def increase(card: Card, command: Command) -> bytes:
    """INCREASE, §11.1.8: the newest record plus the value becomes record 1; 9850 when it does not fit."""
    if command.p2 or (command.p1 and (command.p1 & 0xE0 != 0x80 or not command.p1 & 0x1F)):
        raise Refused(0x6A86)
    file, rule = current(card, command.p1 & 0x1F, (Structure.CYCLIC,))
    permit(card, rule.increase)
    if not 1 <= len(command.data) <= min(127, file.size):
        raise Refused(0x6700)
    total = int.from_bytes(_one(card, file, 1), "big") + int.from_bytes(command.data, "big")
    if total >= 1 << 8 * file.size:
        raise Refused(0x9850)
    record = total.to_bytes(file.size, "big")
    _turn(card, file, record)
    return card.session.later(record + command.data)


def search_record(card: Card, command: Command) -> bytes:
    """SEARCH RECORD, §11.1.7: the numbers of the records that hold a pattern, in the order searched; 6282 when none does."""
    file, rule = current(card, command.p2 >> 3, RECORDS)
    mode, pattern, indication = command.p2 & 7, command.data, b"\0\0"
    start = command.p1 or card.session.record
    if mode == ENHANCED:
        indication, pattern = pattern[:2], pattern[2:]
        mode, start = _enhanced(indication, start)
    if mode not in (FORWARD, BACKWARD):
        raise Refused(0x6A86)
    if not 1 <= len(pattern) <= file.size:
        raise Refused(0x6700)
    start = start or (1 if mode == FORWARD else file.records)
    if start > file.records:
        raise Refused(0x6A83)
    permit(card, rule.read)
    numbers = range(start, file.records + 1) if mode == FORWARD else range(start, 0, -1)
    found = bytes(number for number in numbers if pattern in _searched(_one(card, file, number), indication))
    if not found:
        raise Refused(0x6282)
    card.session.record = found[0]
    return card.session.later(found)


def _enhanced(indication: bytes, start: int) -> tuple[int, int]:
    """Return (direction, first record) of an enhanced search: from a record, or from the one behind or before the current."""
    if len(indication) != 2:
        raise Refused(0x6700)
    kinds = {4: (FORWARD, start), 5: (BACKWARD, start), 6: (FORWARD, start + 1), 7: (BACKWARD, max(0, start - 1))}
    if indication[0] & 7 not in kinds:
        raise Refused(0x6A80)
    return kinds[indication[0] & 7]


def _searched(record: bytes, indication: bytes) -> bytes:
    """Return the part of a record that is searched: from an offset, or behind the first occurrence of a byte (bit 4)."""
    if not indication[0] & 0x08:
        return record[indication[1] :]
    _, _, behind = record.partition(indication[1:2])
    return behind


def deactivate(card: Card, command: Command) -> bytes:
    """DEACTIVATE FILE, §11.1.14: the current elementary file, or the one named."""
    return _manage(card, command, active=False)


def activate(card: Card, command: Command) -> bytes:
    """ACTIVATE FILE, §11.1.15."""
    return _manage(card, command, active=True)


def _manage(card: Card, command: Command, *, active: bool) -> bytes:
    if command.p2 or command.p1 not in (0x00, 0x08, 0x09):
        raise Refused(0x6A86)
    session = card.session
    directory, file = locate(card, command.p1, command.data) if command.data else (session.directory, session.file)
    if file is None:
        raise Refused(0x6986)
    permit(card, card.persona.model.rules[file.rule - 1].manage)
    session.go(directory, file)
    card.set_active(file, active=active)
    return b""
