# SPDX-License-Identifier: Apache-2.0
"""MILENAGE (3GPP TS 35.206) in the card, and the commands that use it: AUTHENTICATE and RUN GSM ALGORITHM.

Decides whether a challenge is authentic and fresh. Rules:

1. The MAC is compared before the sequence number is looked at (TS 33.102 §6.3.3): a wrong MAC tells nothing of SQN.
2. SQN = SEQ (43 bits) ‖ IND (5 bits). Each IND has an entry of its own; a challenge is fresh when its SEQ is above that entry and not
   more than Δ above the highest one (TS 33.102 annex C.2.1, C.2.2). Only an accepted challenge moves the entry, before it is answered.
3. A stale challenge is answered with AUTS over the highest SQN ever accepted, AMF* = 0000 (TS 33.102 §6.3.3).

Does not know files, PINs or which application is selected: the card asks before it calls.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from collections.abc import MutableMapping

GSM_CONTEXT, USIM_CONTEXT = 0x80, 0x81
"""P2 of AUTHENTICATE with "specific reference data", TS 31.102 §7.1.2.1; the low three bits are the context."""
IND_BITS = 5
DELTA = 1 << 28
"""How far SEQ may run ahead, TS 33.102 annex C.2.1 and C.3."""


def _aes(key: bytes, block: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  # one block: TS 35.206 is built on the bare cipher
    return cipher.update(block) + cipher.finalize()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def derive_opc(k: bytes, op: bytes) -> bytes:
    """Return OPc = E_K(OP) ⊕ OP, 16 bytes, TS 35.206 §4.1."""
    return _xor(_aes(k, op), op)


@dataclass(frozen=True, slots=True)
class Milenage:
    """The functions f1 to f5* with one subscriber's ``k`` and ``opc``, 16 bytes each (TS 35.206 §4.1)."""

    k: bytes
    opc: bytes

    def _out(self, rand: bytes, rotate: int, constant: int) -> bytes:
        """Return OUT2 … OUT5: ``rotate`` in bytes (r/8), ``constant`` the last byte of c."""
        turned = _xor(_aes(self.k, _xor(rand, self.opc)), self.opc)
        turned = turned[rotate:] + turned[:rotate]
        return _xor(_aes(self.k, _xor(turned, bytes(15) + bytes([constant]))), self.opc)

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes]:
        """Return (MAC-A, MAC-S), 8 bytes each: f1 and f1*; r1 = 64, c1 = 0."""
        temp = _aes(self.k, _xor(rand, self.opc))
        mixed = _xor((sqn + amf) * 2, self.opc)
        out = _xor(_aes(self.k, _xor(temp, mixed[8:] + mixed[:8])), self.opc)
        return out[:8], out[8:]

    def f2_f5(self, rand: bytes) -> tuple[bytes, bytes]:
        """Return (RES 8 bytes, AK 6 bytes); r2 = 0, c2 = 1."""
        out = self._out(rand, 0, 1)
        return out[8:], out[:6]

    def f3(self, rand: bytes) -> bytes:
        """Return CK, 16 bytes; r3 = 32, c3 = 2."""
        return self._out(rand, 4, 2)

    def f4(self, rand: bytes) -> bytes:
        """Return IK, 16 bytes; r4 = 64, c4 = 4."""
        return self._out(rand, 8, 4)

    def f5_star(self, rand: bytes) -> bytes:
        """Return the resynchronisation AK, 6 bytes; r5 = 96, c5 = 8."""
        return self._out(rand, 12, 8)[:6]

    def gsm(self, rand: bytes) -> tuple[bytes, bytes]:
        """Return (SRES 4 bytes, Kc 8 bytes) by the conversions c2 and c3, TS 33.102 §6.8.1.2."""
        res, ck, ik = self.f2_f5(rand)[0], self.f3(rand), self.f4(rand)
        return _xor(res[:4], res[4:]), _xor(_xor(ck[:8], ck[8:]), _xor(ik[:8], ik[8:]))


@dataclass(frozen=True, slots=True)
class SequenceNumbers:
    """The array SEQ_MS of TS 33.102 annex C.2.2 in ``numbers``, under ``sqn.0`` … ``sqn.31``; written through at each change."""

    numbers: MutableMapping[str, int]
    delta: int = DELTA

    def highest(self) -> int:
        """Return SQN_MS, the highest SQN accepted so far, or 0."""
        size = 1 << IND_BITS
        found = ((self.numbers.get(f"sqn.{ind}", 0) << IND_BITS | ind, self.numbers.get(f"sqn.{ind}", 0)) for ind in range(size))
        return max((sqn for sqn, seq in found if seq), default=0)

    def accept(self, sqn: int) -> bool:
        """Take ``sqn`` (48 bits) if it is fresh; tells whether it was."""
        seq, entry = sqn >> IND_BITS, f"sqn.{sqn & (1 << IND_BITS) - 1}"
        if not self.numbers.get(entry, 0) < seq <= (self.highest() >> IND_BITS) + self.delta:
            return False
        self.numbers[entry] = seq
        return True


class Memory(Protocol):
    """What survives a power cut: assigning to ``numbers`` writes through."""

    @property
    def numbers(self) -> MutableMapping[str, int]: ...  # noqa: D102  # a port: told above


class Subscriber(Protocol):
    """What the commands need of the card: the keys (K, OPc), or None before they are in, and persistent numbers."""

    @property
    def subscriber_keys(self) -> tuple[bytes, bytes] | None: ...  # noqa: D102  # a port: told above
    @property
    def memory(self) -> Memory: ...  # noqa: D102  # a port: told above


def authenticate(card: Subscriber, p2: int, data: bytes) -> tuple[bytes, int]:
    """Carry out AUTHENTICATE (00 88 00 ``p2``), TS 31.102 §7.1.2; returns (response data, status word), nothing raised.

    9000 with DB … (or DC … on a stale SQN) or with the GSM context's answer; 9862 wrong MAC; 9864 a context that is not supported;
    6700 wrong lengths; 6A86 wrong P2; 6985 no keys in the card.
    """
    if p2 & 0x78 or not p2 & 0x80:
        return b"", 0x6A86
    if p2 not in (GSM_CONTEXT, USIM_CONTEXT):
        return b"", 0x9864
    if card.subscriber_keys is None:
        return b"", 0x6985
    fields = _fields(data, 1 if p2 == GSM_CONTEXT else 2)
    if fields is None:
        return b"", 0x6700
    algorithm = Milenage(*card.subscriber_keys)
    if p2 == GSM_CONTEXT:
        sres, kc = algorithm.gsm(fields[0])
        return b"\x04" + sres + b"\x08" + kc, 0x9000
    return usim_context(algorithm, SequenceNumbers(card.memory.numbers), *fields)


def _fields(data: bytes, count: int) -> list[bytes] | None:
    """Split ``count`` fields of 16 bytes, each behind its length byte 10; None when ``data`` is anything else."""
    if len(data) != 17 * count or any(data[17 * i] != 0x10 for i in range(count)):
        return None
    return [data[17 * i + 1 : 17 * i + 17] for i in range(count)]


def usim_context(algorithm: Milenage, sequence: SequenceNumbers, rand: bytes, autn: bytes) -> tuple[bytes, int]:
    """Check ``autn`` = SQN ⊕ AK ‖ AMF ‖ MAC (6, 2, 8 bytes) and answer; returns (response data, status word)."""
    res, ak = algorithm.f2_f5(rand)
    sqn, amf = _xor(autn[:6], ak), autn[6:8]
    if not hmac.compare_digest(algorithm.f1(rand, sqn, amf)[0], autn[8:]):
        return b"", 0x9862
    if not sequence.accept(int.from_bytes(sqn, "big")):
        own = sequence.highest().to_bytes(6, "big")
        auts = _xor(own, algorithm.f5_star(rand)) + algorithm.f1(rand, own, bytes(2))[1]
        return b"\xdc\x0e" + auts, 0x9000
    fields = (res, algorithm.f3(rand), algorithm.f4(rand), algorithm.gsm(rand)[1])
    return b"\xdb" + b"".join(bytes([len(field)]) + field for field in fields), 0x9000


def run_gsm_algorithm(card: Subscriber, data: bytes) -> tuple[bytes, int]:
    """Carry out RUN GSM ALGORITHM (A0 88 00 00 10 RAND), TS 51.011 §9.2.16; returns (SRES ‖ Kc 12 bytes, 9000 or an error)."""
    if len(data) != 16:
        return b"", 0x6700
    if card.subscriber_keys is None:
        return b"", 0x6985
    sres, kc = Milenage(*card.subscriber_keys).gsm(data)
    return sres + kc, 0x9000
