# SPDX-License-Identifier: Apache-2.0
"""DF.5GS beside locations and contexts: access identities, SUCI calculation, routing indicator, OPL5G. TS 31.102 §4.4.11.

Decides codings only, as :mod:`hal.sim_card.codecs.basic` does. A key of the home network is public, so it may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.sim_card import tlv
from hal.sim_card.codecs.basic import decimal, swap, unswap
from hal.sim_card.errors import MalformedCardData

SCHEMES, KEYS, KEY_ID, KEY = 0xA0, 0xA1, 0x80, 0x81
UAC_BYTES, ROUTING_BYTES, ROUTING_DIGITS = 4, 4, 4
BYTE = 0xFF


def encode_access_identities(bits: frozenset[int], length: int) -> bytes:
    """EF_UAC_AIC, §4.4.11.7: bit n-1 of the first byte = access identity n configured (1 = MPS, 2 = MCS); 3 bytes reserved."""
    if length < UAC_BYTES or any(not 1 <= bit <= 8 for bit in bits):  # noqa: PLR2004  # bits of one byte
        raise ValueError("an access identity without a place")
    return bytes([sum(1 << bit - 1 for bit in bits), 0, 0, 0])


def decode_access_identities(data: bytes) -> frozenset[int]:
    """Return the access identities that are configured."""
    if len(data) != UAC_BYTES:
        raise MalformedCardData("EF_UAC_AIC has 4 bytes", length=len(data))
    return frozenset(bit + 1 for bit in range(8) if data[0] >> bit & 1)


@dataclass(frozen=True, slots=True)
class SuciCalculation:
    """Protection schemes in order of preference as (identifier, key index), and the home network's public keys as (identifier, key).

    A key index counts the keys from 1; 0 belongs to the null scheme.
    """

    schemes: tuple[tuple[int, int], ...] = ()
    keys: tuple[tuple[int, bytes], ...] = ()


def encode_suci(value: SuciCalculation, length: int) -> bytes:
    """EF_SUCI_Calc_Info, §4.4.11.8: A0 with pairs of bytes, A1 with a list of 80 key identifier, 81 key; FF behind."""
    if any(not 0 <= number <= BYTE for pair in value.schemes for number in pair) or any(not 0 <= name <= BYTE for name, _ in value.keys):
        raise ValueError("an identifier beyond one byte")
    if any(index > len(value.keys) for _, index in value.schemes):
        raise ValueError("a scheme without its key")
    if not value.schemes and not value.keys:
        return b"\xff" * length
    pairs = b"".join(bytes(pair) for pair in value.schemes)
    keys = b"".join(tlv.encode(KEY_ID, bytes([name])) + tlv.encode(KEY, key) for name, key in value.keys)
    encoded = tlv.encode(SCHEMES, pairs) + tlv.encode(KEYS, keys)
    if len(encoded) > length:
        raise ValueError("the calculation information does not fit the file")
    return encoded.ljust(length, b"\xff")


def decode_suci(data: bytes) -> SuciCalculation:
    """Inverse of :func:`encode_suci`; the key list may be absent, a key index beyond it is malformed."""
    found = dict(tlv.objects(data))
    if not found:
        return SuciCalculation()
    pairs, keys = found.get(SCHEMES), _key_list(found.get(KEYS, b""))
    if pairs is None or len(pairs) % 2 or set(found) - {SCHEMES, KEYS}:
        raise MalformedCardData("no list of protection schemes")
    schemes = tuple((pairs[at], pairs[at + 1]) for at in range(0, len(pairs), 2))
    if any(index > len(keys) for _, index in schemes):
        raise MalformedCardData("a protection scheme without its key")
    return SuciCalculation(schemes, keys)


def _key_list(data: bytes) -> tuple[tuple[int, bytes], ...]:
    found = list(tlv.objects(data))
    if [tag for tag, _ in found] != [KEY_ID, KEY] * (len(found) // 2) or any(len(name) != 1 for _, name in found[::2]):
        raise MalformedCardData("a key list of another form")
    return tuple((name[0], key) for (_, name), (_, key) in zip(found[::2], found[1::2], strict=True))


def encode_routing(digits: str, length: int) -> bytes:
    """EF_Routing_Indicator, §4.4.11.11: 1 to 4 digits swapped, F behind; 2 bytes reserved (FF). Empty = not set."""
    if length < ROUTING_BYTES or len(digits) > ROUTING_DIGITS:
        raise ValueError("a routing indicator has at most 4 digits in 4 bytes")
    return swap(digits, ROUTING_BYTES)


def decode_routing(data: bytes) -> str:
    """Return the digits."""
    if len(data) != ROUTING_BYTES:
        raise MalformedCardData("EF_Routing_Indicator has 4 bytes", length=len(data))
    return decimal(unswap(data[:2]))
