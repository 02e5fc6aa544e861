# SPDX-License-Identifier: Apache-2.0
"""A card opened by its own challenge: GET CHALLENGE and EXTERNAL AUTHENTICATE, ISO/IEC 7816-4 §11.5.

Decides whether a code answers the last challenge. Rules:

1. The code is the first 8 bytes of AES-128-CMAC(key, challenge 8 || EF_ICCID 10, as stored): good for this card and this challenge alone.
2. A challenge is valid once, whether the code is right or wrong, and until the reset; without one it is 6985, and no try is taken.
3. A try is counted, in non-volatile memory, before the code is compared; the last one gone, the key is blocked for ever.
4. Empty, the command tells the tries left and takes none, as VERIFY does.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from simulators.sim_card.apdu import Command, Refused

if TYPE_CHECKING:
    from simulators.sim_card.card import Card

COUNTER = 0x200
"""Added to the key's reference: its counter in the memory."""
CODE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Unlock:
    """The key (16 bytes), its reference, its tries, and the reference of the key whose access condition it satisfies."""

    reference: int
    key: bytes
    tries: int
    opens: int

    @property
    def counter(self) -> int:
        """Where the memory counts its tries."""
        return COUNTER + self.reference


def get_challenge(card: Card, command: Command) -> bytes:
    """GET CHALLENGE, ISO/IEC 7816-4 §11.5.3: any number of bytes; 8 of them can be answered."""
    if command.p1 or command.p2:
        raise Refused(0x6A86)
    challenge = secrets.token_bytes(command.expected)
    card.basic.challenge = challenge
    return challenge


def external_authenticate(card: Card, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE, ISO/IEC 7816-4 §11.5.4."""
    unlock = card.persona.model.unlock
    if unlock is None:
        raise Refused(0x6D00)
    if command.p1:
        raise Refused(0x6A86)
    if command.p2 != unlock.reference:
        raise Refused(0x6A88)
    left = card.memory.tries[unlock.counter]
    if not command.data:
        if unlock.opens in card.session.verified:
            return b""
        raise Refused(0x63C0 | left if left else 0x6983)
    if not left:
        raise Refused(0x6983)
    challenge, card.basic.challenge = card.basic.challenge, b""
    if len(challenge) != CODE_BYTES:
        raise Refused(0x6985)
    if len(command.data) != CODE_BYTES:
        raise Refused(0x6700)
    card.memory.count(unlock.counter, left - 1)
    if not hmac.compare_digest(code(unlock.key, challenge, card.content("MF/ICCID")), command.data):
        card.session.verified.discard(unlock.opens)
        raise Refused(0x63C0 | left - 1)
    card.memory.count(unlock.counter, unlock.tries)
    card.session.verified.add(unlock.opens)
    return b""


def code(key: bytes, challenge: bytes, iccid: bytes) -> bytes:
    """Return the code for ``challenge`` (8 bytes) of the card whose EF_ICCID holds ``iccid`` (10 bytes)."""
    mac = CMAC(algorithms.AES(key))
    mac.update(challenge + iccid)
    return mac.finalize()[:CODE_BYTES]
