# SPDX-License-Identifier: Apache-2.0
"""The card's own commands and what concerns the terminal, ETSI TS 102 221 §11.2, TS 102 223; AUTHENTICATE, §11.1.16.

TERMINAL PROFILE, FETCH, TERMINAL RESPONSE, ENVELOPE, TERMINAL CAPABILITY, the key command of some models. What ENVELOPE and
AUTHENTICATE mean is decided by :mod:`simulators.sim_card.secured` and :mod:`simulators.sim_card.milenage`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card import milenage, secured
from simulators.sim_card.apdu import Command, Refused, exact
from simulators.sim_card.files import Access
from simulators.sim_card.pins import permit
from simulators.sim_card.templates import tlv

if TYPE_CHECKING:
    from simulators.sim_card.card import Card

MORE_TIME = bytes.fromhex("D009810301020082028182")
"""TS 102 223 §6.6.4: what a card of the kind ``always`` has waiting after every success, but for that of FETCH and its answer."""
_DETAILS, _DEVICES = 0x81, 0x82
SET_UP_MENU = tlv(
    0xD0,
    tlv(_DETAILS, b"\x01\x25\x00")
    + tlv(_DEVICES, b"\x81\x82")
    + tlv(0x85, b"Services")
    + tlv(0x8F, b"\x01Number")
    + tlv(0x8F, b"\x02Help"),
)
"""TS 102 223 §6.6.7."""
DISPLAY_TEXT = tlv(0xD0, tlv(_DETAILS, b"\x02\x21\x80") + tlv(_DEVICES, b"\x81\x02") + tlv(0x8D, b"\x04Welcome"))
"""TS 102 223 §6.6.1."""
MENU_SELECTION = 0xD3
SEND_SHORT_MESSAGE, NETWORK = 0x13, 0x83
ENVELOPES = range(0xD1, 0xDF)
"""Tags of what a terminal downloads, TS 102 223 §9.1 and TS 101 220 §7.2."""


def pending(card: Card) -> bytes:
    """Return the proactive command that waits to be fetched, or nothing."""
    basic = card.basic
    if basic.outstanding:
        return b""
    if basic.proactive:
        return basic.proactive[0]
    return MORE_TIME if card.persona.model.behaviour.proactive == "always" and not basic.answered else b""


def send_short_message(tpdu: bytes) -> bytes:
    """Return the command that has ``tpdu`` sent as it is, TS 102 223 §6.6.9."""
    details = tlv(_DETAILS, bytes([1, SEND_SHORT_MESSAGE, 0]))
    return tlv(0xD0, details + tlv(_DEVICES, bytes([0x81, NETWORK])) + tlv(0x8B, tpdu))


def terminal_profile(card: Card, command: Command) -> bytes:
    """TERMINAL PROFILE, §11.2.1: from the first one on, a card with a menu asks for it. A terminal that sends none is asked nothing."""
    if not command.data:
        raise Refused(0x6700)
    if card.persona.model.behaviour.proactive == "menu" and not card.basic.profiled:
        card.basic.proactive += [SET_UP_MENU, DISPLAY_TEXT]
    card.basic.profiled = True
    return b""


def fetch(card: Card, command: Command) -> bytes:
    """FETCH, §11.2.3."""
    waiting = pending(card)
    if not waiting:
        raise Refused(0x6985)
    data = exact(waiting, command.expected)
    if card.basic.proactive:
        card.basic.proactive.pop(0)
    card.basic.outstanding = True
    return data


def terminal_response(card: Card, command: Command) -> bytes:
    """TERMINAL RESPONSE, §11.2.4."""
    if not command.data:
        raise Refused(0x6700)
    card.basic.outstanding, card.basic.answered = False, True
    return b""


def envelope(card: Card, command: Command) -> bytes:
    """ENVELOPE, §11.2.2."""
    if not command.data:
        raise Refused(0x6700)
    answer = secured.envelope(card, command.data)
    if answer is not None:
        return outcome(card, *answer)
    if command.data[0] not in ENVELOPES:
        raise Refused(0x6A80)
    if command.data[0] == MENU_SELECTION and card.persona.model.behaviour.proactive == "menu":
        card.basic.proactive.append(DISPLAY_TEXT)
    return b""


def authenticate(card: Card, command: Command) -> bytes:
    """AUTHENTICATE, §11.1.16 and 3GPP TS 31.102 §7.1: in an application, under PIN1."""
    if command.p1:
        raise Refused(0x6A86)
    application = card.session.application
    if application is None or not application.label:
        raise Refused(0x6985)
    permit(card, Access.PIN)
    return outcome(card, *milenage.authenticate(card, command.p2, command.data))


def outcome(card: Card, data: bytes, sw: int) -> bytes:
    """End a case-4 command with ``data`` for GET RESPONSE, or with its status word."""
    if data:
        return card.session.later(data, sw)
    if sw != 0x9000:
        raise Refused(sw)
    return b""


def terminal_capability(_: Card, command: Command) -> bytes:
    """TERMINAL CAPABILITY, §11.1.19."""
    if command.p1 or command.p2:
        raise Refused(0x6A86)
    if command.data[:1] != b"\xa9":
        raise Refused(0x6A80)
    return b""


def get_data(_: Card, __: Command) -> bytes:
    """GET DATA: there are no data objects here."""
    raise Refused(0x6A88)


def store_key(card: Card, command: Command) -> bytes:
    """Take K or OPc by the model's own command."""
    told = card.persona.model.behaviour.key_command
    if told is None:
        raise Refused(0x6D00)
    names = {told.k_p1: "k", told.opc_p1: "opc"}
    if command.p1 not in names or command.p2:
        raise Refused(0x6A86)
    permit(card, told.access)
    if len(command.data) != 16:
        raise Refused(0x6700)
    card.memory.keep(**{names[command.p1]: command.data.hex()})
    card.counters["updates"] += 1
    return b""
