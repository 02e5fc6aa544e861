# SPDX-License-Identifier: Apache-2.0
"""The operator's end of SCP03 (GlobalPlatform Amendment D v1.2, S8): session keys here, APDUs to the terminal, responses back.

Decides whether the card at the far end is the right one, and whether each answer is its own. Rules:

1. The card's cryptogram is checked before anything secret-dependent goes out.
2. With a level of 10 and more every good answer must carry a right R-MAC; one that does not ends the channel: :class:`ChannelFailed`.
3. A status word that is an error comes without a MAC (§6.2.5): it is told, never trusted as a success.

:class:`Relay` walks a list of commands: give its APDU to the terminal, hand it the answer, until there is none.
"""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0x33
"""C-MAC, C-DEC, R-MAC, R-ENC."""


class ChannelFailed(Exception):
    """The channel ended; ``reason`` is one word, ``sw`` the card's status word when it gave one."""

    def __init__(self, reason: str, sw: int = 0) -> None:
        super().__init__(f"{reason} {sw:04X}")
        self.reason, self.sw = reason, sw


@dataclass(frozen=True, slots=True)
class Scp03Keys:
    """The card's static keys, 16, 24 or 32 bytes each, and their version."""

    enc: bytes
    mac: bytes
    version: int = 0x30


class Scp03Host:
    """One session. ``challenge`` is 8 fresh random bytes."""

    def __init__(self, keys: Scp03Keys, challenge: bytes, level: int = LEVEL) -> None:
        if len(challenge) != 8:
            raise ValueError("8 bytes of challenge")
        self._keys, self._challenge, self._level = keys, challenge, level
        self._enc = self._mac = self._rmac = b""
        self._chain = bytes(16)
        self._commands = 0
        self._sent: deque[tuple[bytes, int]] = deque()
        self._answered = (self._chain, 0)

    def initialize_update(self) -> bytes:
        """Return INITIALIZE UPDATE."""
        return b"\x80\x50" + bytes([self._keys.version, 0, 8]) + self._challenge + b"\x00"

    def external_authenticate(self, response: bytes) -> bytes:
        """Check the card by its ``response`` to INITIALIZE UPDATE (29 or 32 bytes and 9000); returns EXTERNAL AUTHENTICATE."""
        data, sw = _split(response)
        if sw >> 8 not in (0x90, 0x91):
            raise ChannelFailed("refused", sw)
        if len(data) not in (29, 32) or data[11] != 0x03 or data[12] & 0x01:
            raise ChannelFailed("not_scp03_s8")
        context, size = self._challenge + data[13:21], 8 * len(self._keys.enc)
        self._enc = _derive(self._keys.enc, 4, size, context)
        self._mac = _derive(self._keys.mac, 6, size, context)
        self._rmac = _derive(self._keys.mac, 7, size, context)
        if not hmac.compare_digest(_derive(self._mac, 0, 64, context), data[21:29]):
            raise ChannelFailed("card_cryptogram")
        command = b"\x84\x82" + bytes([self._level, 0, 16]) + _derive(self._mac, 1, 64, context)
        return command + self._sign(command)

    def authenticated(self, response: bytes) -> None:
        """Take the answer to EXTERNAL AUTHENTICATE, a status word alone (GlobalPlatform Amendment D §7.1.2)."""
        data, sw = _split(response)
        if sw >> 8 not in (0x90, 0x91):
            raise ChannelFailed("refused", sw)
        if data:
            raise ChannelFailed("answer")

    def wrap(self, apdu: bytes) -> bytes:
        """Return ``apdu`` (ISO 7816-4 cases 1 to 4, short) secured: its class gains 04, its data a MAC and, by the level, ciphering."""
        data, le = _body(apdu)
        self._commands += 1
        if data and self._level & 0x02:
            data = self._cbc(0x00, data + b"\x80" + bytes(-(len(data) + 1) % 16), self._commands)
        if len(data) > 247:
            raise ValueError("too long for a secured command")
        command = bytes([apdu[0] | 0x04]) + apdu[1:4] + bytes([len(data) + 8]) + data
        command += self._sign(command)
        self._sent.append((self._chain, self._commands))
        return command + le

    def unwrap(self, response: bytes) -> tuple[bytes, int]:
        """Return (plain data, status word) of the answer to the oldest command not answered; raises :class:`ChannelFailed`.

        Several commands may be wrapped before the first answer comes; answers come in the commands' order.
        """
        self._answered = chain, number = self._sent.popleft() if self._sent else self._answered
        data, sw = _split(response)
        if not self._level & 0x10 or sw >> 8 not in (0x90, 0x91, 0x62, 0x63):
            return data, sw
        signed = 0x9000 if sw >> 8 == 0x91 else sw  # 91xx is the card telling the terminal of a proactive command, behind the channel
        mac = _cmac(self._rmac, chain + data[:-8] + signed.to_bytes(2, "big"))[:8]
        if len(data) < 8 or not hmac.compare_digest(mac, data[-8:]):
            raise ChannelFailed("response_mac", sw)
        data = data[:-8]
        if not self._level & 0x20 or not data:
            return data, sw
        plain = self._cbc(0x80, data, number, backwards=True).rstrip(b"\0") if len(data) % 16 == 0 else b""
        if plain[-1:] != b"\x80":
            raise ChannelFailed("response_padding", sw)
        return plain[:-1], sw

    def _sign(self, command: bytes) -> bytes:
        self._chain = _cmac(self._mac, self._chain + command)
        return self._chain[:8]

    def _cbc(self, direction: int, data: bytes, number: int, *, backwards: bool = False) -> bytes:
        """CBC from the enciphered counter of command ``number``; ``direction`` 80 for responses."""
        counter = direction << 120 | number
        block = Cipher(algorithms.AES(self._enc), modes.ECB()).encryptor()  # noqa: S305  # one block, Amendment D §6.2.6
        cipher = Cipher(algorithms.AES(self._enc), modes.CBC(block.update(counter.to_bytes(16, "big"))))
        return (cipher.decryptor() if backwards else cipher.encryptor()).update(data)


class Relay:
    """Walks ``commands`` through one session. ``results`` are (plain data, status word) of those carried out so far."""

    def __init__(self, host: Scp03Host, commands: Sequence[bytes]) -> None:
        self._host, self._left = host, list(commands)
        self._step = 0
        self._pending = b""
        self.results: list[tuple[bytes, int]] = []

    def start(self) -> bytes:
        """Return the first APDU."""
        return self._host.initialize_update()

    def then(self, response: bytes) -> bytes | None:
        """Take the card's answer (data and status word); returns the next APDU, or None at the end.

        61xx is answered by GET RESPONSE for terminals that leave it to us. Ends at the first command that fails; raises
        :class:`ChannelFailed`.
        """
        data, sw = _split(response)
        if sw >> 8 == 0x61:
            self._pending += data
            return bytes([0x00, 0xC0, 0x00, 0x00, sw & 0xFF])
        response, self._pending = self._pending + response, b""
        self._step += 1
        if self._step == 1:
            return self._host.external_authenticate(response)
        if self._step == 2:
            self._host.authenticated(response)
        else:
            self.results.append(self._host.unwrap(response))
            if self.results[-1][1] >> 8 not in (0x90, 0x91, 0x62, 0x63):
                self._left.clear()
        return self._host.wrap(self._left.pop(0)) if self._left else None


def _split(response: bytes) -> tuple[bytes, int]:
    if len(response) < 2:
        raise ChannelFailed("malformed")
    return response[:-2], int.from_bytes(response[-2:], "big")


def _body(apdu: bytes) -> tuple[bytes, bytes]:
    """Return (data, Le as it stood) of a short APDU."""
    if len(apdu) <= 5:
        return b"", apdu[4:5]
    if len(apdu) - 5 not in (apdu[4], apdu[4] + 1):
        raise ValueError("not an APDU")
    return apdu[5 : 5 + apdu[4]], apdu[5 + apdu[4] :]


def _cmac(key: bytes, data: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def _derive(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    """Return ``bits`` derived bits, Amendment D §4.1.5."""
    derived = b""
    while len(derived) * 8 < bits:
        counter = len(derived) // 16 + 1
        derived += _cmac(key, constant.to_bytes(12, "big") + b"\0" + bits.to_bytes(2, "big") + bytes([counter]) + context)
    return derived[: bits // 8]
