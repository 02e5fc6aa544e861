# SPDX-License-Identifier: Apache-2.0
"""What the controller gives of its secret: HMAC-SHA256 (RFC 2104) of a label and a context the host chose, never the secret itself.

One context, one share: the host keeps the context where it keeps what the share helps to open. The chip has SHA-256 and no HMAC.
"""

from hashlib import sha256

from micropython import const

import page

CONTEXT = const(32)
LENGTH = const(32)
_LABEL = b"rnt/share/1"
_BLOCK = const(64)


def of(secret_page: bytearray, context: bytearray) -> bytes:
    """Return the share, 32 bytes, of ``context`` under the secret on a READY page."""
    pad = bytearray(_BLOCK)
    _mask(pad, secret_page, 0x36)
    inner = sha256(pad)
    inner.update(_LABEL)
    inner.update(context)
    _mask(pad, secret_page, 0x5C)
    outer = sha256(pad)
    outer.update(inner.digest())
    for i in range(_BLOCK):
        pad[i] = 0
    return bytes(outer.digest())


def _mask(pad: bytearray, secret_page: bytearray, value: int) -> None:
    for i in range(_BLOCK):
        pad[i] = value
    for i in range(page.SECRET_LENGTH):
        pad[i] ^= secret_page[page.SECRET + i]
