# SPDX-License-Identifier: Apache-2.0
"""Reading a decoded map the way the CDDL describes it: exact keys, exact types, exact sizes.

Every function returns the value it was given, typed, or raises :class:`~firmware.core.errors.Malformed` naming the rule. Nothing
converts: what is not of the stated type is refused.
"""

from __future__ import annotations

from typing import Any, Final

from firmware.core.errors import Malformed

DIGEST_LENGTH: Final = 32
ID_LENGTH: Final = 16
TEXT_LIMIT: Final = 1024
"""Most UTF-8 bytes in a text claim: no field of the messages comes near it."""


def fields(value: Any, required: frozenset[int], optional: frozenset[int] = frozenset()) -> dict[int, Any]:
    """Return ``value`` as a map that has all ``required`` keys and none beside the ``optional`` ones."""
    if type(value) is not dict or not required <= value.keys() <= required | optional:
        raise Malformed("claims")
    return value


def text(value: Any) -> str:
    """Return a text of at most :data:`TEXT_LIMIT` UTF-8 bytes."""
    if type(value) is not str or len(value.encode()) > TEXT_LIMIT:
        raise Malformed("text")
    return value


def word(value: Any, *allowed: str) -> str:
    """Return a text that is one of ``allowed``."""
    if type(value) is not str or value not in allowed:
        raise Malformed("word")
    return value


def digits(value: Any, least: int, most: int) -> str:
    """Return a text of ``least`` to ``most`` ASCII digits."""
    if type(value) is not str or not least <= len(value) <= most or not (value.isascii() and value.isdecimal()):
        raise Malformed("digits")
    return value


def uint(value: Any, most: int = 2**63 - 1) -> int:
    """Return an integer from 0 to ``most``."""
    if type(value) is not int or not 0 <= value <= most:
        raise Malformed("uint")
    return value


def flag(value: Any) -> bool:
    """Return a boolean."""
    if type(value) is not bool:
        raise Malformed("flag")
    return value


def octets(value: Any, length: int | None = None) -> bytes:
    """Return a byte string, of exactly ``length`` bytes when told."""
    if type(value) is not bytes or (length is not None and len(value) != length):
        raise Malformed("bytes")
    return value


def digest(value: Any) -> bytes:
    """Return a SHA-256 digest."""
    return octets(value, DIGEST_LENGTH)


def id16(value: Any) -> bytes:
    """Return a 16-byte identifier."""
    return octets(value, ID_LENGTH)


def array(value: Any, length: int | None = None) -> list[Any]:
    """Return an array, of exactly ``length`` elements when told."""
    if type(value) is not list or (length is not None and len(value) != length):
        raise Malformed("array")
    return value


def version(value: Any) -> int:
    """Return the version of a map, which is 1."""
    if type(value) is not int or value != 1:
        raise Malformed("version")
    return value
