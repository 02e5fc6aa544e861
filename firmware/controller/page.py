# SPDX-License-Identifier: Apache-2.0
"""The secret page: one flash page whose bytes are the state of the controller.

Layout, 256 bytes: magic ``RNTS`` | secret, 32 bytes | CRC-32 of the first 36 bytes, little-endian | FF to the end.

* All FF means no secret was ever put in (UNPROVISIONED); a well-formed page means READY; anything else means TAMPERED.
* A wipe programs zeros over the page. Programming only clears bits, so a wipe cut short leaves a page that is neither blank nor well
  formed: it reads as TAMPERED and the next boot finishes it. The zeros are the latch; there is no second flag to lose.
* Nothing here can make a blank or wiped page valid. Only the factory erases and provisions.
"""

from binascii import crc32
from struct import unpack_from

from micropython import const

UNPROVISIONED = const(0)
READY = const(1)
TAMPERED = const(2)

SIZE = const(256)
_SECRET_END = const(36)
_USED = const(40)
_MAGIC = b"RNTS"


def state_of(page: bytearray) -> int:
    """Return the state that ``page`` (256 bytes) stands for."""
    view = memoryview(page)
    if _only(page, 0, 0xFF):
        return UNPROVISIONED
    if view[:4] != _MAGIC or not _only(page, _USED, 0xFF):
        return TAMPERED
    if crc32(view[:_SECRET_END]) != unpack_from("<I", page, _SECRET_END)[0]:
        return TAMPERED
    return READY


def wiped(page: bytearray) -> bool:
    """Return whether ``page`` holds nothing but zeros."""
    return _only(page, 0, 0)


def _only(page: bytearray, start: int, value: int) -> bool:
    for i in range(start, SIZE):
        if page[i] != value:
            return False
    return True
