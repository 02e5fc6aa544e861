# SPDX-License-Identifier: Apache-2.0
"""SM2 keys in files for the openssl command, which is the other implementation here, and DER written by hand."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware.core.keyring import key_id
from firmware.core.suite import SM2_SM3

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.keystore import sm2

DISTID = "distid:1234567812345678"
PKCS8_HEAD = bytes.fromhex("3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420")
"""PKCS#8 around a 32-byte scalar of the SM2 curve, without the public half (RFC 5208, RFC 5915)."""


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run the command; its output, or ``CalledProcessError``."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=20).stdout


@dataclass(frozen=True)
class Sm2Signer:
    """A gm record key for tests."""

    key: sm2.PrivateKey
    alg: int = SM2_SM3
    protection: str = "software"

    @property
    def spki(self) -> bytes:
        return self.key.spki()

    @property
    def kid(self) -> bytes:
        return key_id(self.spki)

    def sign(self, tbs: bytes) -> bytes:
        return self.key.sign(tbs)


def integer(value: bytes) -> bytes:
    """Return a DER INTEGER of an unsigned big-endian value."""
    shortest = value.lstrip(b"\0") or b"\0"
    return tlv(2, b"\0" * (shortest[0] >> 7) + shortest)


def tlv(tag: int, value: bytes) -> bytes:
    """Return DER tag, length below 256, value."""
    size = bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])
    return bytes([tag]) + size + value


def der_signature(raw: bytes) -> bytes:
    """Return the SEQUENCE of r and s."""
    return tlv(0x30, integer(raw[:32]) + integer(raw[32:]))


def raw_signature(der: bytes) -> bytes:
    """Return r || s of a SEQUENCE written by openssl."""
    numbers, rest = [], der[2:]
    while rest:
        numbers.append(rest[2 : 2 + rest[1]].lstrip(b"\0").rjust(32, b"\0"))
        rest = rest[2 + rest[1] :]
    return b"".join(numbers)
