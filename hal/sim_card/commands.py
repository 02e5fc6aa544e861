# SPDX-License-Identifier: Apache-2.0
"""The commands of a personalisation as bytes, ETSI TS 102 221 §11.1. Pure; caller's mistakes are ``ValueError``.

A short identifier of 0 stands for "the current file", as in the coding itself.
"""

from __future__ import annotations

MAX_UPDATE = 255
MAX_READ = 256


def select_fid(fid: int, *, describe: bool = False) -> bytes:
    """SELECT by file identifier (§11.1.1); with ``describe`` the card returns the FCP, else nothing."""
    return bytes([0x00, 0xA4, 0x00, 0x04 if describe else 0x0C, 2]) + fid.to_bytes(2, "big")


def select_aid(aid: bytes) -> bytes:
    """SELECT an application by the first bytes of its AID, nothing returned."""
    return bytes([0x00, 0xA4, 0x04, 0x0C, len(aid)]) + aid


def read_binary(sfi: int, length: int, offset: int = 0) -> bytes:
    """READ BINARY (§11.1.3) of ``length`` bytes, 1 to 256; 256 is coded 00 and answered 6Cxx by a shorter file."""
    return bytes([0x00, 0xB0, *_address(sfi, offset), length % MAX_READ])


def update_binary(sfi: int, data: bytes, offset: int = 0) -> bytes:
    """UPDATE BINARY (§11.1.4), 1 to 255 bytes."""
    return bytes([0x00, 0xD6, *_address(sfi, offset), len(data)]) + data


def read_record(sfi: int, number: int, length: int) -> bytes:
    """READ RECORD (§11.1.5), absolute."""
    return bytes([0x00, 0xB2, number, sfi << 3 | 0x04, length % MAX_READ])


def update_record(sfi: int, number: int, data: bytes) -> bytes:
    """UPDATE RECORD (§11.1.6), absolute."""
    return bytes([0x00, 0xDC, number, sfi << 3 | 0x04, len(data)]) + data


def ask_tries(key: int) -> bytes:
    """VERIFY without data (§11.1.9): answered 63Cx, x tries left; none is used up."""
    return bytes([0x00, 0x20, 0x00, key, 0x00])


def verify(key: int, value: bytes) -> bytes:
    """VERIFY of an 8-byte key."""
    if len(value) != 8:  # noqa: PLR2004  # §9.5: keys have 8 bytes
        raise ValueError("a key has 8 bytes")
    return bytes([0x00, 0x20, 0x00, key, 8]) + value


def get_response(cla: int, length: int) -> bytes:
    """GET RESPONSE (§11.1.19) in the class of the command it belongs to."""
    return bytes([cla, 0xC0, 0x00, 0x00, length % MAX_READ])


def _address(sfi: int, offset: int) -> tuple[int, int]:
    if sfi:
        if not 0 <= offset <= 0xFF:  # noqa: PLR2004  # P2 is all there is beside a short identifier
            raise ValueError("offset beyond one byte")
        return 0x80 | sfi, offset
    if not 0 <= offset <= 0x7FFF:  # noqa: PLR2004  # the top bit would announce a short identifier
        raise ValueError("offset beyond 15 bits")
    return offset >> 8, offset & 0xFF
