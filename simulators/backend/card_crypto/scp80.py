# SPDX-License-Identifier: Apache-2.0
"""The operator's end of SCP80: secured packets for one card, and what its proof of receipt proves.

ETSI TS 102 225 §5 in a short message (3GPP TS 31.115 §4, TS 23.040), as ENVELOPE (SMS-PP download) data. Rules:

1. A packet is checksummed and ciphered, its counter is one above the last; a counter is never used twice, also when nothing came back.
2. A proof counts when its checksum is right, and TAR and counter are those of the packet asked about. Anything else is
   :class:`ProofRefused`, with the reason as a word; so is the bare status of a card that could not prove the packet.
3. A script longer than one short message is split over several, joined by the card (TS 23.040 §9.2.3.24.1).

Does not know files or profiles: commands are APDUs.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

if TYPE_CHECKING:
    from collections.abc import Sequence

AES, TRIPLE_DES = 0x2, 0x5
SPI = bytes.fromhex("1619")
"""Checksum, ciphering, counter higher; proof always wanted, with checksum, ciphered, in the answer to the ENVELOPE."""
USIM_FILES = bytes.fromhex("B00011")
SINGLE_MAX, PART_MAX = 140 - 3, 140 - 8
"""Bytes of a Command Packet in a short message: alone, and as a part."""
STATUS = {1: "check_failed", 2: "counter_low", 3: "counter_high", 4: "counter_blocked", 5: "ciphering_error", 6: "security_error",
          7: "memory", 8: "more_time", 9: "tar_unknown", 10: "too_little_security"}  # fmt: skip


class ProofRefused(Exception):
    """The answer proves nothing; ``reason`` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proof:
    """An authentic answer: how many commands ran, the last one's status word and data. ``status`` is "ok" or a word of :data:`STATUS`."""

    counter: int
    status: str
    commands: int = 0
    sw: int = 0
    data: bytes = b""

    @property
    def done(self) -> bool:
        """Whether the script ran to its end."""
        return self.status == "ok" and self.sw >> 8 in (0x90, 0x91, 0x61)


class Scp80Sender:
    """Builds packets for one card. ``kic`` and ``kid``: 16 bytes (triple DES: 16 or 24); ``counter``: the last one used."""

    def __init__(
        self, kic: bytes, kid: bytes, counter: int = 0, *, version: int = 1, algorithm: int = AES, spi: bytes = SPI, checksum: int = 8
    ) -> None:
        self._kic, self._kid, self.counter = kic, kid, counter
        self._spi, self._length = spi, checksum
        self._algorithm = 0x9 if algorithm == TRIPLE_DES and len(kic) == 24 else algorithm
        self._indicators = bytes([version << 4 | self._algorithm]) * 2
        self._block = 16 if algorithm == AES else 8
        self._tar = USIM_FILES

    def packet(self, commands: Sequence[bytes], *, tar: bytes = USIM_FILES, expanded: bool = False) -> bytes:
        """Return the ENVELOPE data of one packet with ``commands``; raises ``ValueError`` when it needs more than one message."""
        [data] = self.packets(commands, tar=tar, expanded=expanded)
        return data

    def packets(self, commands: Sequence[bytes], *, tar: bytes = USIM_FILES, expanded: bool = False) -> list[bytes]:
        """Return the ENVELOPE data of one packet, in as many short messages as it takes; the last one's answer is the proof."""
        self.counter += 1
        self._tar = tar
        secured = self.secure(_template(commands) if expanded else b"".join(commands))
        if len(secured) <= SINGLE_MAX:
            return [envelope(bytes.fromhex("027000") + secured)]
        parts = [secured[at : at + PART_MAX] for at in range(0, len(secured), PART_MAX)]
        reference = self.counter & 0xFF
        heads = [bytes([7, 0x00, 3, reference, len(parts), i + 1, 0x70, 0x00]) for i in range(len(parts))]
        return [envelope(head + part) for head, part in zip(heads, parts, strict=True)]

    def secure(self, script: bytes) -> bytes:
        """Return the Command Packet from CPL on, with the present counter."""
        checked, ciphered = bool(self._spi[0] & 0x02), bool(self._spi[0] & 0x04)
        size = self._length if checked else 0
        padding = -(6 + size + len(script)) % self._block if ciphered else 0
        script += bytes(padding)
        header = bytes([13 + size]) + self._spi + self._indicators + self._tar
        header = (len(header) + 6 + size + len(script)).to_bytes(2, "big") + header
        front = self._counted().to_bytes(5, "big") + bytes([padding])
        body = front + (self._checksum(header + front + script) if checked else b"") + script
        return header + (self._cbc(self._kic, body) if ciphered else body)

    def command(self, data: bytes) -> bytes:
        """Return the ENVELOPE command around ``data``."""
        return bytes.fromhex("80C20000") + bytes([len(data)]) + data

    def check(self, por: bytes) -> Proof:
        """Return what the Response Packet ``por`` (user data header first) proves of the last packet; raises :class:`ProofRefused`."""
        if len(por) < 3 + 2 + 11 or por[:3] != bytes.fromhex("027100") or int.from_bytes(por[3:5], "big") != len(por) - 5:
            raise ProofRefused("malformed")
        if por[6:9] != self._tar:
            raise ProofRefused("other_application")
        if por[5] == 10 and not any(por[9:15]) and por[15] in STATUS:
            raise ProofRefused(STATUS[por[15]])  # the bare status of a card that could not prove the packet
        return self._opened(por)

    def _opened(self, por: bytes) -> Proof:
        size = self._length if self._spi[1] & 0x0C else 0
        rest = por[9:]
        if self._spi[1] & 0x10:
            if len(rest) % self._block:
                raise ProofRefused("malformed")
            rest = self._cbc(self._kic, rest, backwards=True)
        if por[5] != 10 + size or len(rest) < 7 + size:
            raise ProofRefused("unprotected")
        head, checksum, data = rest[:7], rest[7 : 7 + size], rest[7 + size :]
        if size and not hmac.compare_digest(self._checksum(por[:9] + head + data), checksum):
            raise ProofRefused("checksum")
        counter, padding, status = int.from_bytes(head[:5], "big"), head[5], head[6]
        if counter != self._counted():
            raise ProofRefused("other_packet")
        if padding > len(data):
            raise ProofRefused("malformed")
        return _proof(counter, STATUS.get(status, "unknown") if status else "ok", data[: len(data) - padding])

    def _counted(self) -> int:
        """Return what stands in CNTR: zero when SPI1 b5b4 ask for no counter."""
        return self.counter if self._spi[0] & 0x18 else 0

    def _cbc(self, key: bytes, data: bytes, *, backwards: bool = False) -> bytes:
        if self._algorithm == AES:
            cipher = Cipher[modes.CBC](algorithms.AES(key), modes.CBC(bytes(16)))
        else:
            cipher = Cipher[modes.CBC](TripleDES(key + key[: 24 - len(key)]), modes.CBC(bytes(8)))
        return (cipher.decryptor() if backwards else cipher.encryptor()).update(data)

    def _checksum(self, covered: bytes) -> bytes:
        if self._algorithm != AES:
            return self._cbc(self._kid, covered + bytes(-len(covered) % 8))[-8:]
        mac = CMAC(algorithms.AES(self._kid))
        mac.update(covered)
        return mac.finalize()[: self._length]


def envelope(user_data: bytes) -> bytes:
    """Return SMS-PP download data around ``user_data`` (TS 31.111 §7.1.1.2): from the network, one SMS-DELIVER of class 2, 8 bit."""
    tpdu = bytes.fromhex("40 04810160 7F F6 00000000000000") + bytes([len(user_data)]) + user_data
    inner = bytes.fromhex("82028381 8603810160")
    return _tlv(0xD1, inner + _tlv(0x8B, tpdu))


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + (bytes([len(value)]) if len(value) < 0x80 else bytes([0x81, len(value)])) + value


def _template(commands: Sequence[bytes]) -> bytes:
    """Return the command scripting template with definite length, TS 102 226 §5.2.1.1; the whole stays below 256 bytes or takes 82 xxxx."""
    inner = b"".join(_tlv(0x22, command) for command in commands)
    return _tlv(0xAA, inner) if len(inner) < 256 else b"\xaa\x82" + len(inner).to_bytes(2, "big") + inner


def _proof(counter: int, status: str, data: bytes) -> Proof:
    """Read the result of a script: compact (TS 102 226 §5.1.2) or, from its first byte AB, expanded (§5.2.2)."""
    if status != "ok" or not data:
        return Proof(counter, status)
    if data[0] == 0xAB:
        return _expanded(counter, data)
    if len(data) < 3:
        raise ProofRefused("malformed")
    return Proof(counter, status, data[0], int.from_bytes(data[1:3], "big"), data[3:])


def _expanded(counter: int, data: bytes) -> Proof:
    """Read AB {80 count, 23 R-APDU …}: the last answer's status word, and the data of all answers joined."""
    outer = _objects(data)
    inner = _objects(outer[0][1])
    answers = [value for tag, value in inner if tag == 0x23]
    if len(outer) != 1 or any(tag == 0x90 for tag, _ in inner) or not answers or any(len(answer) < 2 for answer in answers):
        raise ProofRefused("malformed")
    return Proof(counter, "ok", len(answers), int.from_bytes(answers[-1][-2:], "big"), b"".join(answer[:-2] for answer in answers))


def _objects(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        long = data[at + 1 : at + 2] == b"\x81"
        start = at + (3 if long else 2)
        if start > len(data) or start + data[start - 1] > len(data):
            raise ProofRefused("malformed")
        found.append((data[at], data[start : start + data[start - 1]]))
        at = start + data[start - 1]
    return found
