# SPDX-License-Identifier: Apache-2.0
"""The 2G side of a card: class A0, 3GPP TS 51.011 §8 and §9.

Decides how 2G says what the UICC does: the answers to SELECT and STATUS, 9Fxx, and its own status words. Rules: applications (ADFs) and
short identifiers do not exist here; a wrong P3 is 67xx; keys are CHV1, CHV2 and, for ADM1 to ADM5, 04 to 08.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulators.sim_card import contents, milenage, pins, selection, toolkit
from simulators.sim_card.apdu import Command, Refused, parse
from simulators.sim_card.files import ADM1, CURRENT_APPLICATION, MF, PIN1, PIN2, Access, Directory, File, Structure

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.sim_card.card import Card

    Handler = Callable[[Card, Command], bytes]

STATUS_WORDS = {
    0x6A82: 0x9404, 0x6A83: 0x9402, 0x6986: 0x9400, 0x6981: 0x9408, 0x6984: 0x9810, 0x6982: 0x9804, 0x6983: 0x9840, 0x6A88: 0x9802,
    0x6985: 0x9808, 0x6A86: 0x6B00, 0x6A80: 0x6F00, 0x6282: 0x9404, 0x6283: 0x9000,
}  # fmt: skip
"""UICC status word → that of 2G, TS 51.011 §9.4."""
CHARACTERISTICS = 0x31
"""Of the file system, TS 51.011 §9.2.1: the clock may stop; 1.8 V and 3 V do as well as 5 V: terminals refuse a card of 5 V alone."""
PIN_COMMANDS = frozenset({0x20, 0x24, 0x26, 0x28, 0x2C})
GET_RESPONSE, RUN_GSM_ALGORITHM = 0xC0, 0x88
STRUCTURES = {Structure.TRANSPARENT: 0x00, Structure.LINEAR: 0x01, Structure.CYCLIC: 0x03}


def process(card: Card, apdu: bytes) -> bytes:
    """Carry out one command of class A0; returns data and status word."""
    try:
        command = parse(apdu)
        data = COMMANDS.get(command.ins, _unknown)(card, command)
    except Refused as refused:
        return _word(apdu[1] if len(apdu) > 1 else 0, refused.sw).to_bytes(2, "big")
    return data + card.success(0x9F).to_bytes(2, "big")


def _word(ins: int, sw: int) -> int:
    if sw & 0xFFF0 == 0x63C0:
        return 0x9804 if sw & 0x0F else 0x9840
    if ins in PIN_COMMANDS and sw in (0x6984, 0x6985):
        return 0x9808
    if sw >> 8 == 0x6C:
        return 0x6700 | sw & 0xFF
    return STATUS_WORDS.get(sw, sw)


# ---- selection


def _select(card: Card, command: Command) -> bytes:
    """SELECT, §9.2.1."""
    _plain(command)
    if len(command.data) != 2:
        raise Refused(0x6C02)
    fid = int.from_bytes(command.data, "big")
    if fid == CURRENT_APPLICATION:
        raise Refused(0x6A82)
    directory, file = selection.by_fid(card, fid)
    if directory.aid and directory is not card.session.application:
        raise Refused(0x6A82)
    card.session.go(directory, file)
    return card.session.later(_file_form(card, file) if file else directory_form(card, directory))


def _status(card: Card, command: Command) -> bytes:
    """STATUS, §9.2.2."""
    _plain(command)
    form = directory_form(card, card.session.directory)
    if command.expected > len(form):
        raise Refused(0x6C00 | len(form))
    return form[: command.expected]


def directory_form(card: Card, directory: Directory) -> bytes:
    """Return the 23 bytes told of the MF or a DF, §9.2.1."""
    kind = 0x01 if directory.fid == MF else 0x02
    enabled = 0x00 if card.pins.enabled(PIN1) else 0x80
    keys = b"".join(bytes([0x80 | card.pins.tries(key), 0x80 | card.pins.tries(key, puk=True)]) for key in (PIN1, PIN2))
    counts = bytes([len([below for below in directory.directories if not below.aid]), len(directory.files), 4])
    return (
        b"\0\0\x40\0"
        + directory.fid.to_bytes(2, "big")
        + bytes([kind])
        + bytes(5)
        + bytes([10, CHARACTERISTICS | enabled])
        + counts
        + b"\0"
        + keys
        + b"\0"
    )


def _file_form(card: Card, file: File) -> bytes:
    """Return the 15 bytes told of an EF, §9.2.1."""
    rule = card.persona.model.rules[file.rule - 1]
    conditions = bytes(
        [
            _condition(rule.read) << 4 | _condition(rule.update),
            _condition(rule.increase) << 4 | 0x0F,
            _condition(rule.manage) << 4 | _condition(rule.manage),
        ]
    )
    can_increase = 0x40 if file.structure is Structure.CYCLIC and rule.increase is not Access.NEV else 0x00
    size = min(file.length, 0xFFFF).to_bytes(2, "big")
    state = 0x01 if card.active(file) else 0x00
    record = file.size if file.records else 0
    head = b"\0\0" + size + file.fid.to_bytes(2, "big") + bytes([0x04, can_increase])
    return head + conditions + bytes([state, 2, STRUCTURES[file.structure], record & 0xFF])


def _condition(access: Access) -> int:
    """Return the nibble of an access condition, §9.3."""
    if access is Access.ALW or access.value is None:
        return 0x0
    fixed = {Access.PIN: 0x1, Access.PIN2: 0x2, Access.NEV: 0xF}
    return fixed[access] if access in fixed else access.value - ADM1 + 4


# ---- the rest, as the UICC does it


def _plain(command: Command) -> None:
    if command.p1 or command.p2:
        raise Refused(0x6B00)


def _binary(handler: Handler) -> Handler:
    def run(card: Card, command: Command) -> bytes:
        if command.p1 & 0x80:
            raise Refused(0x6B00)
        return handler(card, command)

    return run


def _records(handler: Handler) -> Handler:
    def run(card: Card, command: Command) -> bytes:
        if command.p2 not in (2, 3, 4):
            raise Refused(0x6B00)
        return handler(card, command)

    return run


def _seek(card: Card, command: Command) -> bytes:
    """SEEK, §9.2.7: type 1 gives nothing, type 2 the number of the record found."""
    kind, mode = command.p2 >> 4, command.p2 & 0x0F
    record = card.session.record
    if command.p1 or kind > 1 or mode > 3:
        raise Refused(0x6B00)
    if not 1 <= len(command.data) <= 16:
        raise Refused(0x6700)
    start = {0: 1, 1: 0, 2: record + 1, 3: record - 1 if record else 0}[mode]
    if mode == 3 and record == 1:
        raise Refused(0x6282)
    file, _ = contents.current(card, 0, (Structure.LINEAR,))
    if start > file.records:
        raise Refused(0x6282)
    direction = contents.FORWARD if mode in (0, 2) else contents.BACKWARD
    card.session.record = 0
    try:
        contents.search_record(card, replace(command, p1=start, p2=direction))
    except Refused:
        card.session.record = record
        raise
    return card.session.later(bytes([card.session.record]) if kind else b"")


def _increase(card: Card, command: Command) -> bytes:
    _plain(command)
    if len(command.data) != 3:
        raise Refused(0x6C03)
    return contents.increase(card, command)


def _managed(handler: Handler) -> Handler:
    def run(card: Card, command: Command) -> bytes:
        _plain(command)
        if command.data:
            raise Refused(0x6700)
        return handler(card, command)

    return run


def _keyed(handler: Handler, size: int) -> Handler:
    """Carry out a CHV command: P2 is 01 or 02 (00 is CHV1 in UNBLOCK CHV), 04 to 08 an administrative key."""

    def run(card: Card, command: Command) -> bytes:
        first = 0x00 if command.ins == 0x2C else 0x01
        references = {first: PIN1, 0x02: PIN2} | {0x04 + i: ADM1 + i for i in range(5)}
        if command.p1 or command.p2 not in references:
            raise Refused(0x6B00)
        if len(command.data) != size:
            raise Refused(0x6C00 | size)
        return handler(card, replace(command, p2=references[command.p2]))

    return run


def _get_response(card: Card, command: Command) -> bytes:
    """GET RESPONSE, §9.2.18: as much as is asked of what waits."""
    _plain(command)
    waiting = card.session.response
    if not waiting:
        raise Refused(0x6F00)
    if command.expected > len(waiting):
        raise Refused(0x6C00 | len(waiting) & 0xFF)
    card.session.response = b""
    return waiting[: command.expected]


def _run_gsm_algorithm(card: Card, command: Command) -> bytes:
    """RUN GSM ALGORITHM, §9.2.16, under CHV1."""
    _plain(command)
    pins.permit(card, Access.PIN)
    return toolkit.outcome(card, *milenage.run_gsm_algorithm(card, command.data))


def _unknown(_: Card, __: Command) -> bytes:
    raise Refused(0x6D00)


def _sleep(_: Card, command: Command) -> bytes:
    """SLEEP, §9.2.17."""
    _plain(command)
    return b""


COMMANDS: dict[int, Handler] = {
    0xA4: _select, 0xF2: _status, 0xB0: _binary(contents.read_binary), 0xD6: _binary(contents.update_binary),
    0xB2: _records(contents.read_record), 0xDC: _records(contents.update_record), 0xA2: _seek, 0x32: _increase,
    0x20: _keyed(pins.verify, 8), 0x24: _keyed(pins.change, 16), 0x26: _keyed(pins.disable, 8), 0x28: _keyed(pins.enable, 8),
    0x2C: _keyed(pins.unblock, 16), 0x04: _managed(contents.deactivate), 0x44: _managed(contents.activate),
    RUN_GSM_ALGORITHM: _run_gsm_algorithm, 0xFA: _sleep, GET_RESPONSE: _get_response, 0x10: toolkit.terminal_profile,
    0xC2: toolkit.envelope, 0x12: toolkit.fetch, 0x14: toolkit.terminal_response,
}  # fmt: skip
"""Instruction → what carries it out, TS 51.011 table 9."""
