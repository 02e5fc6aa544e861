# SPDX-License-Identifier: Apache-2.0
"""Command and Response Packets of ETSI TS 102 225 §5 on the card's side: headers, ciphering, cryptographic checksums.

Decides what the bytes mean and whether they are authentic. Rules:

1. Algorithms (§5.1.2, §5.1.3): AES (KIc CBC, KID CMAC) and triple DES with 2 or 3 keys (CBC, and CBC's last block as the checksum).
   Single DES, ECB and proprietary ones are refused. A key works with the one algorithm it was made for.
2. The checksum covers CPL, CHL and all that follows but itself, padding included; in an answer also the user data header
   (TS 31.115 §4.2, §4.3). Its length is what CHL leaves: 8 bytes, with AES also 4.
3. The ciphertext starts at CNTR; the initial vector is zero; padding is zero and counted in PCNTR.

Does not know counters' history, keys' owners or scripts.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from simulators.sim_card.crypto_sms import RESPONSE_HEADER

AES, TRIPLE_DES_2, TRIPLE_DES_3 = 0x2, 0x5, 0x9
"""Low nibble of KIc and KID."""
HEADER = 13
"""Bytes from SPI to PCNTR."""


class Status(IntEnum):
    """Response status codes, TS 102 225 §5.2 table 5."""

    OK = 0x00
    CHECK_FAILED = 0x01
    COUNTER_LOW = 0x02
    COUNTER_HIGH = 0x03
    COUNTER_BLOCKED = 0x04
    CIPHERING_ERROR = 0x05
    SECURITY_ERROR = 0x06
    TAR_UNKNOWN = 0x09
    TOO_LITTLE_SECURITY = 0x0A


class Malformed(Exception):
    """Not a Command Packet at all: there is nothing to answer to."""


class Refusal(Exception):
    """The packet is not carried out, for this reason."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys of one version: ``algorithm`` as in KIc and KID; 16 bytes each, 24 for triple DES with 3 keys."""

    kic: bytes
    kid: bytes
    algorithm: int = AES

    @property
    def block(self) -> int:
        """Bytes of a cipher block."""
        return 16 if self.algorithm == AES else 8

    def _cipher(self, key: bytes) -> Cipher[modes.CBC]:
        if self.algorithm == AES:
            return Cipher(algorithms.AES(key), modes.CBC(bytes(16)))
        return Cipher(TripleDES(key if len(key) == 24 else key + key[:8]), modes.CBC(bytes(8)))

    def encrypt(self, data: bytes) -> bytes:
        """Encipher whole blocks with KIc."""
        cipher = self._cipher(self.kic).encryptor()
        return cipher.update(data) + cipher.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """Decipher whole blocks with KIc."""
        cipher = self._cipher(self.kic).decryptor()
        return cipher.update(data) + cipher.finalize()

    def checksum(self, data: bytes, length: int) -> bytes:
        """Return the first ``length`` bytes of the checksum with KID."""
        if self.algorithm == AES:
            mac = CMAC(algorithms.AES(self.kid))
            mac.update(data)
            return mac.finalize()[:length]
        cipher = self._cipher(self.kid).encryptor()
        return (cipher.update(data + bytes(-len(data) % 8)) + cipher.finalize())[-8:][:length]


@dataclass(frozen=True, slots=True)
class Command:
    """A Command Packet as it came: ``front``, the clear header (CPL to TAR) with its fields, and ``rest`` from CNTR on."""

    front: bytes
    spi: bytes
    kic: int
    kid: int
    tar: bytes
    rest: bytes

    @property
    def ciphered(self) -> bool:
        """SPI1 b3."""
        return bool(self.spi[0] & 0x04)

    @property
    def checked(self) -> int:
        """SPI1 b2b1: 0 nothing, 1 RC, 2 CC, 3 DS."""
        return self.spi[0] & 0x03

    @property
    def counting(self) -> int:
        """SPI1 b5b4: 0 none, 1 no check, 2 higher, 3 exactly one higher."""
        return self.spi[0] >> 3 & 0x03

    @property
    def version(self) -> int:
        """Version of the keys: the high nibble of KID, or of KIc when nothing is checked."""
        return (self.kid if self.checked else self.kic) >> 4

    @property
    def checksum_length(self) -> int:
        """Bytes of RC/CC/DS, as CHL has it."""
        return self.front[2] - HEADER


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside: the counter and the secured data without padding."""

    counter: int
    data: bytes


def parse(packet: bytes) -> Command:
    """Read CPL (2), CHL (1), SPI (2), KIc, KID, TAR (3) and what follows; raises :class:`Malformed`."""
    if len(packet) < 3 + HEADER or int.from_bytes(packet[:2], "big") != len(packet) - 2:
        raise Malformed("length")
    if not HEADER <= packet[2] <= len(packet) - 3:
        raise Malformed("header length")
    return Command(packet[:10], packet[3:5], packet[5], packet[6], packet[7:10], packet[10:])


def open_command(command: Command, keys: KeySet) -> Opened:
    """Decipher ``command`` and prove it; raises :class:`Refusal`."""
    if (command.ciphered and command.kic & 0x0F != keys.algorithm) or (command.checked and command.kid & 0x0F != keys.algorithm):
        raise Refusal(Status.SECURITY_ERROR)
    if command.checked not in (0, 2) or command.checksum_length not in _lengths(command, keys):
        raise Refusal(Status.SECURITY_ERROR)
    plain = command.rest
    if command.ciphered:
        if len(plain) % keys.block:
            raise Refusal(Status.CIPHERING_ERROR)
        plain = keys.decrypt(plain)
    head, mac, data = plain[:6], plain[6 : 6 + command.checksum_length], plain[6 + command.checksum_length :]
    if command.checked:
        covered = command.front + head + data
        if not hmac.compare_digest(keys.checksum(covered, command.checksum_length), mac):
            raise Refusal(Status.CHECK_FAILED)
    padding = head[5]
    if padding > len(data) or (padding and not command.ciphered) or padding >= keys.block:
        raise Refusal(Status.CIPHERING_ERROR)
    return Opened(int.from_bytes(head[:5], "big"), data[: len(data) - padding])


def _lengths(command: Command, keys: KeySet) -> tuple[int, ...]:
    if not command.checked:
        return (0,)
    return (8, 4) if keys.algorithm == AES else (8,)


def response(command: Command, keys: KeySet, counter: int, status: Status, data: bytes) -> bytes:
    """Return the Response Packet behind its user data header, protected as SPI2 asks: b5 ciphering, b4b3 the checksum."""
    length = command.checksum_length or 8
    length = length if command.spi[1] & 0x0C else 0
    ciphered = bool(command.spi[1] & 0x10)
    padding = -(7 + length + len(data)) % keys.block if ciphered else 0
    inner = data + bytes(padding)
    front = (10 + length).to_bytes(1, "big") + command.tar
    front = (len(front) + 7 + length + len(inner)).to_bytes(2, "big") + front
    head = counter.to_bytes(5, "big") + bytes([padding, status])
    mac = keys.checksum(RESPONSE_HEADER + front + head + inner, length) if length else b""
    rest = head + mac + inner
    return RESPONSE_HEADER + front + (keys.encrypt(rest) if ciphered else rest)


def bare_response(command: Command, status: Status) -> bytes:
    """Return an unprotected Response Packet: why a packet that proved nothing was refused. It signs nothing for a stranger."""
    front = bytes.fromhex("000B0A") + command.tar
    return RESPONSE_HEADER + front + bytes(6) + bytes([status])
