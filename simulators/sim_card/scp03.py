# SPDX-License-Identifier: Apache-2.0
"""SCP03 in the card: GlobalPlatform Card Specification, Amendment D v1.2, with AES, S8 mode and pseudo-random challenges (i = 70).

Decides who speaks through the channel, and carries their commands out with the domain's rights. Rules:

1. The sequence is strict: INITIALIZE UPDATE (80 50), EXTERNAL AUTHENTICATE (84 82), then commands with CLA 04 or 84. Any other command ends
   the channel, but GET RESPONSE and what a terminal does beside it (FETCH, TERMINAL RESPONSE, STATUS); so does anything wrong with a MAC,
   the ciphering or the order. What a secured command then gets is 6982.
2. A wrong host cryptogram is 6300, and the next attempt needs a new INITIALIZE UPDATE.
3. The sequence counter, and with it the card's challenge, moves when a host has authenticated (§6.2.2.1), and is stored before it counts.
4. The level is the one of EXTERNAL AUTHENTICATE: 01 C-MAC, 03 with C-DEC, 11 and 13 with R-MAC, 33 with R-ENC. An error is answered bare
   (§6.2.5).

Does not know files: commands go to ``run_apdu``. What reads SELECT in the channel selects there, apart from the terminal's own.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

if TYPE_CHECKING:
    from simulators.sim_card.milenage import Memory

LEVELS = frozenset({0x01, 0x03, 0x11, 0x13, 0x33})
CARD_CRYPTOGRAM, HOST_CRYPTOGRAM, CARD_CHALLENGE, S_ENC, S_MAC, S_RMAC = 0x00, 0x01, 0x02, 0x04, 0x06, 0x07
"""Derivation constants, §4.1.5 table 4-1."""
BESIDE = (b"\x80\x12", b"\x80\x14", b"\x80\xf2")
"""FETCH, TERMINAL RESPONSE and STATUS: they select nothing and come when the card asks for them, by 91xx."""
OPTIONS = 0x70
"""The parameter i: pseudo-random challenge, R-MAC and R-ENC offered, §5.1."""
ISSUER_DOMAIN = bytes.fromhex("A000000151000000")


@dataclass(frozen=True, slots=True)
class Keys:
    """The domain's static keys (16, 24 or 32 bytes each), their version, and what its INITIALIZE UPDATE names."""

    enc: bytes
    mac: bytes
    version: int = 0x30
    diversification: bytes = bytes(10)
    aid: bytes = ISSUER_DOMAIN


class ChannelCard(Protocol):
    """What the channel needs of the card."""

    @property
    def memory(self) -> Memory:
        """Persistent numbers; the sequence counter is ``scp03.VERSION``."""

    def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:
        """Carry out ``apdu`` (CLA 00 or 80) with the domain's rights; (response data, status word). 61xx may stand for data waiting."""


class _State(Enum):
    CLOSED = 0
    CHALLENGED = 1
    OPEN = 2


class _Broken(Exception):
    """The channel ends with this status word."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class Channel:
    """One card's secure channel: volatile, closed at every reset. ``keys`` None: the card has none."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys
        self.close()

    @property
    def open(self) -> bool:
        """Whether a host has authenticated."""
        return self._state is _State.OPEN

    def close(self) -> None:
        """End the channel: nothing of a session outlives it."""
        self._state = _State.CLOSED
        self._context = self._enc = self._mac = self._rmac = b""
        self._chain, self._counter, self._level = bytes(16), 0, 0

    def process(self, card: ChannelCard, apdu: bytes) -> tuple[bytes, int] | None:
        """Take every command the card gets; returns (response data, status word), or None when it is a plain one.

        Raises nothing. GET RESPONSE is the card's own, in every class, and does not touch the channel.
        """
        if self._keys is None or len(apdu) < 4 or apdu[1] == 0xC0 or apdu[:2] in BESIDE:
            return None
        try:
            if apdu[:2] == b"\x80\x50":
                return self._initialize(self._keys, card, apdu), 0x9000
            if apdu[:2] == b"\x84\x82":
                self._authenticate(self._keys, card, apdu)
                return b"", 0x9000
            if apdu[0] in (0x04, 0x84):
                return self._secured(card, apdu)
        except _Broken as broken:
            self.close()
            return b"", broken.sw
        self.close()
        return None

    def _initialize(self, keys: Keys, card: ChannelCard, apdu: bytes) -> bytes:
        """INITIALIZE UPDATE, §7.1.1: host challenge 8.

        Response: diversification 10, key information 3, challenge 8, cryptogram 8, counter 3.
        """
        self.close()
        if apdu[2] not in (0, keys.version) or apdu[3]:
            raise _Broken(0x6A88)
        if len(apdu) not in (13, 14) or apdu[4] != 8:
            raise _Broken(0x6700)
        counter = (card.memory.numbers.get(f"scp03.{keys.version}", 0) + 1).to_bytes(3, "big")
        challenge = derive(keys.enc, CARD_CHALLENGE, 64, counter + keys.aid)
        self._context = apdu[5:13] + challenge
        size = 8 * len(keys.enc)
        self._enc, self._mac = derive(keys.enc, S_ENC, size, self._context), derive(keys.mac, S_MAC, size, self._context)
        self._rmac = derive(keys.mac, S_RMAC, size, self._context)
        self._state = _State.CHALLENGED
        information = bytes([keys.version, 0x03, OPTIONS])
        return keys.diversification + information + challenge + derive(self._mac, CARD_CRYPTOGRAM, 64, self._context) + counter

    def _authenticate(self, keys: Keys, card: ChannelCard, apdu: bytes) -> None:
        """EXTERNAL AUTHENTICATE, §7.1.2: host cryptogram 8, C-MAC 8."""
        if self._state is not _State.CHALLENGED:
            raise _Broken(0x6985)
        if apdu[2] not in LEVELS or apdu[3]:
            raise _Broken(0x6A86)
        if len(apdu) != 21 or apdu[4] != 16:
            raise _Broken(0x6700)
        if not hmac.compare_digest(derive(self._mac, HOST_CRYPTOGRAM, 64, self._context), apdu[5:13]):
            raise _Broken(0x6300)
        self._verified(apdu)
        entry = f"scp03.{keys.version}"
        card.memory.numbers[entry] = card.memory.numbers.get(entry, 0) + 1
        self._level, self._state = apdu[2], _State.OPEN

    def _verified(self, apdu: bytes) -> bytes:
        """Check the C-MAC of a command without Le, §6.2.4, and return its data without it."""
        length = apdu[4]
        mac = _cmac(self._mac, self._chain + apdu[: 5 + length - 8])
        if not hmac.compare_digest(mac[:8], apdu[5 + length - 8 : 5 + length]):
            raise _Broken(0x6982)
        self._chain = mac
        return apdu[5 : 5 + length - 8]

    def _secured(self, card: ChannelCard, apdu: bytes) -> tuple[bytes, int]:
        if self._state is not _State.OPEN or len(apdu) < 13 or apdu[4] < 8 or len(apdu) - 5 not in (apdu[4], apdu[4] + 1):
            raise _Broken(0x6982)
        data = self._verified(apdu)
        self._counter += 1
        if self._level & 0x02 and data:
            data = self._deciphered(data)
        plain = bytes([apdu[0] & 0xFB]) + apdu[1:4]
        reply, sw = _complete(card, plain, data, apdu[5 + apdu[4] :])
        return self._protected(reply, sw), sw

    def _deciphered(self, data: bytes) -> bytes:
        """Decipher a command's data, §6.2.6: CBC from the enciphered counter; padding is 80 and zeros."""
        if len(data) % 16:
            raise _Broken(0x6982)
        cipher = Cipher(algorithms.AES(self._enc), modes.CBC(self._vector(0))).decryptor()
        plain = (cipher.update(data) + cipher.finalize()).rstrip(b"\0")
        if plain[-1:] != b"\x80" or len(plain) <= len(data) - 16:
            raise _Broken(0x6982)
        return plain[:-1]

    def _vector(self, first: int) -> bytes:
        """Return the initial vector: the counter, behind 80 for a response (§6.2.7), enciphered as one block."""
        cipher = Cipher(algorithms.AES(self._enc), modes.ECB()).encryptor()  # noqa: S305  # one block, as §6.2.6 asks
        return cipher.update(bytes([first]) + self._counter.to_bytes(15, "big"))

    def _protected(self, reply: bytes, sw: int) -> bytes:
        """R-ENC and R-MAC, §6.2.5 and §6.2.7; an error's response has neither."""
        if not self._level & 0x10 or sw >> 8 not in (0x90, 0x91, 0x62, 0x63):
            return reply
        if self._level & 0x20 and reply:
            padded = reply + b"\x80" + bytes(-(len(reply) + 1) % 16)
            cipher = Cipher(algorithms.AES(self._enc), modes.CBC(self._vector(0x80))).encryptor()
            reply = cipher.update(padded) + cipher.finalize()
        return reply + _cmac(self._rmac, self._chain + reply + sw.to_bytes(2, "big"))[:8]


def _complete(card: ChannelCard, header: bytes, data: bytes, le: bytes) -> tuple[bytes, int]:
    """Carry out a command and fetch what waits: inside the channel a command has all its response at once."""
    reply, sw = card.run_apdu(header + bytes([len(data)]) + data if data else header + (le or b"\0"))
    if sw >> 8 == 0x6C and not data:
        reply, sw = card.run_apdu(header + bytes([sw & 0xFF]))
    if sw >> 8 == 0x61:
        reply, sw = card.run_apdu(bytes([header[0], 0xC0, 0, 0, sw & 0xFF]))
    return reply, sw


def _cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def derive(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    """Return ``bits`` of the key derivation of §4.1.5 (SP 800-108, counter mode, CMAC)."""
    label = bytes(11) + bytes([constant, 0]) + bits.to_bytes(2, "big")
    blocks = (_cmac(key, label + bytes([i]) + context) for i in range(1, (bits + 127) // 128 + 1))
    return b"".join(blocks)[: bits // 8]
