# SPDX-License-Identifier: Apache-2.0
"""SCP80 in the card: a secured packet in an ENVELOPE is proven, carried out once, and answered with a proof of receipt.

Decides whether a packet counts. ETSI TS 102 225 §5, TS 102 226 §5, TS 31.115 §4. Rules, in this order:

1. What proves nothing (no keys of that version, too little security, wrong checksum, unknown TAR) changes nothing. If an answer was asked
   for it is the bare status code, unsigned and unciphered: the card signs nothing for a stranger.
2. A proven counter that is not higher than the last one of its key version is a replay: 6200, no data, nothing written (what a real card
   was seen to do). A counter at its end, or more than one ahead where exactly one is asked (SPI b5b4 = 11), gets a protected answer.
3. The counter is stored before the script runs: a power cut can lose an answer, never repeat a script.
4. The answer (SPI2) carries the TAR and counter of the command, and the script's result.

The script runs on the card through ``run_apdu`` with the domain's own rights; no ADM is asked of the terminal. Where it begins is decided
by the application it is for (TS 102 226 §7.2, §7.3): the MF, or the ADF of the USIM. An answer by short message (SPI2 b6) is handed to the
card as SMS-SUBMITs, and the ENVELOPE itself answers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simulators.sim_card import crypto_script
from simulators.sim_card.crypto_packet import (
    Command,
    KeySet,
    Malformed,
    Opened,
    Refusal,
    Status,
    bare_response,
    open_command,
    parse,
    response,
)
from simulators.sim_card.crypto_sms import NotAPacket, Part, short_message, submits

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from simulators.sim_card.milenage import Memory

UICC_FILES, GSM_FILES, USIM_FILES = bytes.fromhex("B00000"), bytes.fromhex("B00010"), bytes.fromhex("B00011")
"""Toolkit application references of remote file management, TS 101 220 annex D."""
BEGINS_IN = {USIM_FILES: "USIM"}
"""Reference → label of the application that is selected when a script begins; the others begin in the MF."""
BY_MESSAGE = 0x20
"""SPI2 b6: the proof of receipt is a short message of the card's own."""
COUNTER_MAX = (1 << 40) - 1
PARTS_MAX = 8


@dataclass(frozen=True, slots=True)
class Domain:
    """What the card's security domain holds: keys by version (high nibble of KIc and KID), and the least SPI1 it accepts.

    ``minimum`` 16 = cryptographic checksum, ciphering, counter higher; 12 = checksum and counter; 06 = no counter.
    """

    keys: Mapping[int, KeySet]
    minimum: int = 0x16
    tars: frozenset[bytes] = frozenset({UICC_FILES, GSM_FILES, USIM_FILES})


class SecuredCard(Protocol):
    """What this module needs of the card."""

    @property
    def domain(self) -> Domain | None:
        """The security domain, or None on a card without keys for it."""

    @property
    def memory(self) -> Memory:
        """Persistent numbers; counters are ``scp80.VERSION``."""

    @property
    def message_parts(self) -> MutableMapping[int, Part]:
        """Volatile: the parts of the concatenated message that came so far. The card empties it at every reset."""

    def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:
        """Carry out ``apdu`` with the domain's rights; (response data, status word).

        The selection is the domain's own and leaves the terminal's as it was.
        """

    def open_domain(self, application: str = "") -> None:
        """Let the domain's selection begin anew: in the application of that label, or in the MF."""

    def send_message(self, tpdu: bytes) -> None:
        """Ask the terminal to send ``tpdu`` (SMS-SUBMIT)."""


def envelope(card: SecuredCard, data: bytes) -> tuple[bytes, int] | None:
    """Carry out the data of ENVELOPE (80 C2 00 00); returns (response data, status word), or None when it is not SMS-PP download.

    9000 with a Response Packet behind its user data header, or without when none was asked; 6200 for a replay and for a refused packet
    that asked for no answer; 6A80 for bytes that are no packet. Nothing raised.
    """
    try:
        part = short_message(data)
        if part is None:
            return None
        if not part.secured or card.domain is None:
            return b"", 0x9000  # a plain short message for the card: nobody takes it
        packet = _joined(card.message_parts, part)
        return _process(card, card.domain, parse(packet), part.sender) if packet is not None else (b"", 0x9000)
    except (NotAPacket, Malformed):
        return b"", 0x6A80


def _joined(parts: MutableMapping[int, Part], part: Part) -> bytes | None:
    """Return the packet when ``part`` was its last missing piece; one message at a time, :data:`PARTS_MAX` parts at most."""
    if part.total == 1:
        return part.data
    if part.total > PARTS_MAX:
        raise NotAPacket("too many parts")
    if any((old.reference, old.total) != (part.reference, part.total) for old in parts.values()):
        parts.clear()
    parts[part.number] = part
    if len(parts) < part.total:
        return None
    joined = b"".join(parts[number].data for number in range(1, part.total + 1))
    parts.clear()
    return joined


def _process(card: SecuredCard, domain: Domain, command: Command, sender: bytes) -> tuple[bytes, int]:
    answer, sw = _answer(card, domain, command)
    if not answer or not command.spi[1] & BY_MESSAGE:
        return answer, sw
    for tpdu in submits(answer, sender):
        card.send_message(tpdu)
    return b"", sw


def _answer(card: SecuredCard, domain: Domain, command: Command) -> tuple[bytes, int]:
    wanted = command.spi[1] & 0x03
    try:
        keys = _keys(domain, command)
        opened = open_command(command, keys)
    except Refusal as refusal:
        return (bare_response(command, refusal.status), 0x9000) if wanted in (1, 2) else (b"", 0x6200)
    status = _count(card.memory.numbers, command, opened)
    if status is Status.COUNTER_LOW:
        return b"", 0x6200
    card.open_domain(BEGINS_IN.get(command.tar, ""))
    data = crypto_script.run(opened.data, card.run_apdu) if status is Status.OK else b""
    if wanted == 1 or (wanted == 2 and status is not Status.OK):
        return response(command, keys, opened.counter, status, data), 0x9000
    return b"", 0x9000 if status is Status.OK else 0x6200


def _keys(domain: Domain, command: Command) -> KeySet:
    """Return the keys the command names, if it is worth looking at; raises :class:`Refusal`."""
    if command.tar not in domain.tars:
        raise Refusal(Status.TAR_UNKNOWN)
    least = domain.minimum
    if (least & 0x04 and not command.ciphered) or (least & 0x03 and command.checked < 2) or command.counting < least >> 3 & 0x03:
        raise Refusal(Status.TOO_LITTLE_SECURITY)
    keys = domain.keys.get(command.version)
    two_versions = command.ciphered and command.checked and command.kic >> 4 != command.kid >> 4
    if keys is None or two_versions or command.spi[1] & 0x0C in (0x04, 0x0C) or command.spi[1] & 0x03 == 3:
        raise Refusal(Status.SECURITY_ERROR)
    return keys


def _count(numbers: MutableMapping[str, int], command: Command, opened: Opened) -> Status:
    """Judge the counter, TS 102 225 §5.1.4, and store it when the packet counts."""
    if command.counting < 2:
        return Status.OK
    entry = f"scp80.{command.version}"
    last = numbers.get(entry, 0)
    if opened.counter <= last:
        return Status.COUNTER_LOW
    if opened.counter == COUNTER_MAX:
        return Status.COUNTER_BLOCKED
    if command.counting == 3 and opened.counter != last + 1:
        return Status.COUNTER_HIGH
    numbers[entry] = opened.counter
    return Status.OK
