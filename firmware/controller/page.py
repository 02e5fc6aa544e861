# SPDX-License-Identifier: Apache-2.0
"""The secret page: one flash page whose bytes are the state of the controller.

Layout, 256 bytes: magic ``RNTS`` | secret, 32 bytes | CRC-32 of the first 36 bytes, little-endian | FF to the end.

* A page whose magic was never finished means no secret was ever put in (UNPROVISIONED); a well-formed page means READY; anything else
  means TAMPERED.
* The secret is made in two steps: secret and CRC while the magic is still FF, then the magic. Programming only clears bits, so a making
  that is cut leaves a magic that still has all bits of ``RNTS`` and more: the secret was never used, and is made anew after an erase.
* A wipe programs zeros over the page. Cut short, it leaves a page that is neither unfinished nor well formed, for what it clears of the
  magic are bits that a making never clears: it reads as TAMPERED and the next boot finishes it. The zeros are the latch; there is no
  second flag to lose.
* Nothing here can make a wiped page valid. Only the factory erases it.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

UNPROVISIONED = const(0)
READY = const(1)
TAMPERED = const(2)

SIZE = const(256)
SECRET = const(4)
SECRET_LENGTH = const(32)
_SECRET_END = const(36)
_USED = const(40)
_MAGIC = b"RNTS"


def state_of(page: bytearray) -> int:
    """Return the state that ``page`` (256 bytes) stands for."""
    view = memoryview(page)
    if not _only(page, _USED, 0xFF):
        return TAMPERED
    for i in range(len(_MAGIC)):
        if page[i] & _MAGIC[i] != _MAGIC[i]:
            return TAMPERED
    if view[:4] != _MAGIC:
        return UNPROVISIONED
    if crc32(view[:_SECRET_END]) != unpack_from("<I", page, _SECRET_END)[0]:
        return TAMPERED
    return READY


def blank(page: bytearray) -> bool:
    """Return whether nothing was ever programmed into ``page``."""
    return _only(page, 0, 0xFF)


def wiped(page: bytearray) -> bool:
    """Return whether ``page`` holds nothing but zeros."""
    return _only(page, 0, 0)


def lay_out(page: bytearray, secret: bytes) -> None:
    """Make ``page`` what is to be programmed first: all but the magic."""
    for i in range(SIZE):
        page[i] = 0xFF
    page[: len(_MAGIC)] = _MAGIC
    page[SECRET:_SECRET_END] = secret
    pack_into("<I", page, _SECRET_END, crc32(memoryview(page)[:_SECRET_END]))
    for i in range(len(_MAGIC)):
        page[i] = 0xFF


def finish(page: bytearray) -> None:
    """Make ``page`` what is to be programmed last: the magic."""
    for i in range(SIZE):
        page[i] = 0xFF
    page[: len(_MAGIC)] = _MAGIC


def _only(page: bytearray, start: int, value: int) -> bool:
    for i in range(start, SIZE):
        if page[i] != value:
            return False
    return True
