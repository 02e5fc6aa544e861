# SPDX-License-Identifier: Apache-2.0
"""Small settings: service tables, languages, the search period. Decides codings only, as :mod:`hal.sim_card.codecs.basic` does."""

from __future__ import annotations

from hal.sim_card.errors import MalformedCardData

LANGUAGE_BYTES = 2


def encode_services(services: frozenset[int], length: int) -> bytes:
    """EF_UST and EF_EST, TS 31.102 §4.2.8 and §4.2.47: service n is bit (n-1) mod 8 of byte (n-1) div 8."""
    table = bytearray(length)
    for service in services:
        if not 1 <= service <= 8 * length:
            raise ValueError("a service the card's table has no place for")
        table[(service - 1) // 8] |= 1 << (service - 1) % 8
    return bytes(table)


def decode_services(data: bytes) -> frozenset[int]:
    """Return the numbers of the services whose bit is set. An unwritten table (all FF) names every one, as it does to a phone."""
    if not data:
        raise MalformedCardData("a service table without a byte")
    return frozenset(8 * place + bit + 1 for place, byte in enumerate(data) for bit in range(8) if byte >> bit & 1)


def encode_languages(codes: tuple[str, ...], length: int) -> bytes:
    """EF_LI and EF_PL, TS 31.102 §4.2.1 and TS 102 221 §13.3: two letters of ISO 639 each, in order of preference."""
    if any(len(code) != LANGUAGE_BYTES or not code.isascii() or not code.isalpha() for code in codes):
        raise ValueError("a language has two letters")
    data = "".join(codes).encode("ascii")
    if len(data) > length:
        raise ValueError("more languages than the file holds")
    return data.ljust(length, b"\xff")


def decode_languages(data: bytes) -> tuple[str, ...]:
    """Return the codes, empty places left out. Codes in the default alphabet's places of ASCII letters are all there are."""
    pairs = [data[at : at + LANGUAGE_BYTES] for at in range(0, len(data) - len(data) % LANGUAGE_BYTES, LANGUAGE_BYTES)]
    codes = [pair for pair in pairs if pair != b"\xff\xff"]
    if any(not pair.isalpha() for pair in codes):
        raise MalformedCardData("a language that is not two letters")
    return tuple(pair.decode("ascii") for pair in codes)


def encode_search_period(value: int, length: int) -> bytes:
    """EF_HPPLMN, TS 31.102 §4.2.6: n intervals (TS 22.011 §3.2.2.5: of 6 minutes); 0 = no periodic search."""
    if not 0 <= value <= 0xFF:  # noqa: PLR2004  # one byte
        raise ValueError("a search period is one byte")
    if length < 1:
        raise ValueError("no room for the search period")
    return bytes([value])


def decode_search_period(data: bytes) -> int:
    """Return the number of intervals."""
    if len(data) != 1:
        raise MalformedCardData("EF_HPPLMN has 1 byte", length=len(data))
    return data[0]
