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


def select_path(path: tuple[int, ...], *, describe: bool = False) -> bytes:
    """SELECT by path from the MF (whose own identifier is left out)."""
    data = b"".join(fid.to_bytes(2, "big") for fid in path)
    return bytes([0x00, 0xA4, 0x08, 0x04 if describe else 0x0C, len(data)]) + data


def as_2g(command: bytes) -> bytes:
    """Return ``command`` as a 2G card takes it (TS 51.011 §9.2): class A0, and SELECT by identifier with no parameters."""
    if command[1] == 0xA4:  # noqa: PLR2004  # SELECT
        if command[2]:
            raise ValueError("a 2G card knows no path and no application")
        return bytes([0xA0, 0xA4, 0x00, 0x00]) + command[4:]
    return b"\xa0" + command[1:]


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
    return _key_command(0x20, key, value)


def change(key: int, old: bytes, new: bytes) -> bytes:
    """CHANGE PIN (§11.1.10)."""
    return _key_command(0x24, key, old, new)


def disable(key: int, value: bytes) -> bytes:
    """DISABLE PIN (§11.1.11)."""
    return _key_command(0x26, key, value)


def enable(key: int, value: bytes) -> bytes:
    """ENABLE PIN (§11.1.12)."""
    return _key_command(0x28, key, value)


def ask_unblock_tries(key: int) -> bytes:
    """UNBLOCK PIN without data (§11.1.13): answered 63Cx as VERIFY is."""
    return bytes([0x00, 0x2C, 0x00, key, 0x00])


def unblock(key: int, puk: bytes, new: bytes) -> bytes:
    """UNBLOCK PIN."""
    return _key_command(0x2C, key, puk, new)


def authenticate(rand: bytes, autn: bytes) -> bytes:
    """AUTHENTICATE in the 3G context (TS 31.102 §7.1.2)."""
    if len(rand) != 16 or len(autn) != 16:  # noqa: PLR2004  # TS 33.102 §6.3
        raise ValueError("RAND and AUTN have 16 bytes")
    return bytes([0x00, 0x88, 0x00, 0x81, 34, 16]) + rand + b"\x10" + autn


def get_challenge(length: int) -> bytes:
    """GET CHALLENGE (§11.1.18, ISO/IEC 7816-4 §11.5.3): random bytes of the card's."""
    return bytes([0x00, 0x84, 0x00, 0x00, length])


def ask_authentication_tries(key: int) -> bytes:
    """EXTERNAL AUTHENTICATE without data (ISO/IEC 7816-4 §11.5.4): answered 63Cx, x tries left; none is used up."""
    return bytes([0x00, 0x82, 0x00, key, 0x00])


def external_authenticate(key: int, code: bytes) -> bytes:
    """EXTERNAL AUTHENTICATE with the answer to the card's challenge, 8 to 16 bytes."""
    if not 8 <= len(code) <= 16:  # noqa: PLR2004  # one block, or half of one
        raise ValueError("a code has 8 to 16 bytes")
    return bytes([0x00, 0x82, 0x00, key, len(code)]) + code


def terminal_profile(profile: bytes, cla: int = 0x80) -> bytes:
    """TERMINAL PROFILE (TS 102 221 §11.2.1)."""
    return bytes([cla, 0x10, 0x00, 0x00, len(profile)]) + profile


def envelope(data: bytes) -> bytes:
    """ENVELOPE (§11.2.2) with one BER-TLV, 1 to 255 bytes."""
    if not 1 <= len(data) <= MAX_UPDATE:
        raise ValueError("an envelope holds 1 to 255 bytes")
    return bytes([0x80, 0xC2, 0x00, 0x00, len(data)]) + data


def fetch(length: int, cla: int = 0x80) -> bytes:
    """FETCH (§11.2.3) of a proactive command."""
    return bytes([cla, 0x12, 0x00, 0x00, length % MAX_READ])


def terminal_response(data: bytes, cla: int = 0x80) -> bytes:
    """TERMINAL RESPONSE (§11.2.4)."""
    return bytes([cla, 0x14, 0x00, 0x00, len(data)]) + data


def _key_command(ins: int, key: int, *values: bytes) -> bytes:
    if any(len(value) != 8 for value in values):  # noqa: PLR2004  # §9.5: keys have 8 bytes
        raise ValueError("a key has 8 bytes")
    data = b"".join(values)
    return bytes([0x00, ins, 0x00, key, len(data)]) + data


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
