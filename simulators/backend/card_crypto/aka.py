# SPDX-License-Identifier: Apache-2.0
"""The authentication centre: challenges for one subscriber and what an answer proves (3GPP TS 33.102 §6.3, TS 35.206).

Decides whether a card holds the right key, from its answer alone. The 128-bit blocks are integers here, as TS 35.206 §4.1 writes them:
OUT_n = E(rot(E(RAND ⊕ OPc) ⊕ OPc, r) ⊕ c) ⊕ OPc.

Does not keep sequence numbers: the caller does, and asks :func:`resynchronise` when the card was ahead.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ROTATIONS = {2: 0, 3: 32, 4: 64, 5: 96}
"""r2 to r5 in bits; c2 to c5 are 1, 2, 4, 8."""
FULL = (1 << 128) - 1


class Verdict(Enum):
    """What an answer to AUTHENTICATE says of the key in the card."""

    RIGHT = "right"
    RIGHT_BUT_STALE = "right, sequence number behind the card's"
    WRONG = "wrong"
    UNKNOWN = "no answer that says"


@dataclass(frozen=True, slots=True)
class Challenge:
    """``rand`` and ``autn`` (16 bytes each) go out; ``xres`` (8), ``ck``, ``ik`` (16 each) and ``kc`` (8) stay."""

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes
    kc: bytes

    def data(self) -> bytes:
        """Return the data of AUTHENTICATE (00 88 00 81 22 …), TS 31.102 §7.1.2.1."""
        return b"\x10" + self.rand + b"\x10" + self.autn


class _Kernel:
    """E with one subscriber's keys."""

    def __init__(self, k: bytes, opc_: bytes) -> None:
        self._cipher = Cipher(algorithms.AES(k), modes.ECB())  # noqa: S305  # TS 35.206 is built on the bare cipher
        self._opc = int.from_bytes(opc_, "big")

    def _encrypt(self, block: int) -> int:
        return int.from_bytes(self._cipher.encryptor().update(block.to_bytes(16, "big")), "big")

    def out(self, number: int, rand: bytes) -> bytes:
        """Return OUT2 … OUT5."""
        turned = self._encrypt(int.from_bytes(rand, "big") ^ self._opc) ^ self._opc
        bits = ROTATIONS[number]
        turned = (turned << bits | turned >> 128 - bits) & FULL
        return (self._encrypt(turned ^ 1 << number - 2) ^ self._opc).to_bytes(16, "big")

    def out1(self, rand: bytes, sqn: int, amf: bytes) -> bytes:
        """Return OUT1: MAC-A and MAC-S."""
        half = sqn << 16 | int.from_bytes(amf, "big")
        mixed = (half << 64 | half) ^ self._opc
        mixed = (mixed << 64 | mixed >> 64) & FULL
        first = self._encrypt(int.from_bytes(rand, "big") ^ self._opc)
        return (self._encrypt(first ^ mixed) ^ self._opc).to_bytes(16, "big")


def opc(k: bytes, op: bytes) -> bytes:
    """Return OPc, 16 bytes, from the operator's ``op``."""
    cipher = Cipher(algorithms.AES(k), modes.ECB()).encryptor()  # noqa: S305  # one block
    return (int.from_bytes(cipher.update(op), "big") ^ int.from_bytes(op, "big")).to_bytes(16, "big")


def challenge(k: bytes, opc_: bytes, sqn: int, rand: bytes, amf: bytes = b"\x80\x00") -> Challenge:
    """Return the authentication vector for sequence number ``sqn`` (48 bits, its low 5 are IND)."""
    kernel = _Kernel(k, opc_)
    second, ck, ik = kernel.out(2, rand), kernel.out(3, rand), kernel.out(4, rand)
    concealed = sqn ^ int.from_bytes(second[:6], "big")
    autn = concealed.to_bytes(6, "big") + amf + kernel.out1(rand, sqn, amf)[:8]
    kc = 0
    for part in (ck[:8], ck[8:], ik[:8], ik[8:]):
        kc ^= int.from_bytes(part, "big")
    return Challenge(rand, autn, second[8:], ck, ik, kc.to_bytes(8, "big"))


def judge(sent: Challenge, data: bytes, sw: int) -> Verdict:
    """Say what the card's answer to ``sent`` proves. DC is only taken at its word: :func:`resynchronise` proves it."""
    if sw == 0x9862:
        return Verdict.WRONG
    if sw >> 8 not in (0x90, 0x91):
        return Verdict.UNKNOWN
    if data[:2] == b"\xdb\x08" and len(data) >= 10:
        return Verdict.RIGHT if hmac.compare_digest(data[2:10], sent.xres) else Verdict.WRONG
    if data[:2] == b"\xdc\x0e" and len(data) == 16:
        return Verdict.RIGHT_BUT_STALE
    return Verdict.UNKNOWN


def resynchronise(k: bytes, opc_: bytes, rand: bytes, auts: bytes) -> int | None:
    """Return the card's sequence number from ``auts`` (14 bytes), or None when its MAC-S is wrong (TS 33.102 §6.3.5)."""
    if len(auts) != 14:
        return None
    kernel = _Kernel(k, opc_)
    sqn = int.from_bytes(auts[:6], "big") ^ int.from_bytes(kernel.out(5, rand)[:6], "big")
    return sqn if hmac.compare_digest(kernel.out1(rand, sqn, bytes(2))[8:], auts[6:]) else None
