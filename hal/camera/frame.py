# SPDX-License-Identifier: Apache-2.0
"""The picture format of the frame source: a narrow profile of PGM (netpbm, pgm(5), "raw" form).

Decides whether bytes are one grey picture of the allowed size. The rules, stricter than pgm(5) where evidence asks for it:

* magic ``P5``, one picture, nothing after it;
* header fields are plain decimal numbers of at most five digits, apart by white space, one white space before the pixels;
* no comments: they would carry text into a signed picture that nobody looks at;
* maxval is 255, so one pixel is one byte;
* each side is 64 to 1,024 pixels and the whole fits 256 KiB; a marked one may be longer by its band (:mod:`hal.camera.watermark`).

It does not look at the pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hal.errors import ProtocolError

MEDIA_TYPE = "image/x-portable-graymap"
MAX_IMAGE = 256 * 1024
MIN_SIDE, MAX_SIDE = 64, 1024
MAX_BAND_ROWS, MAX_BAND = 512, 64 * 1024
"""What the band of a mark may add to the height and to the whole."""

_HEADER = re.compile(rb"P5[ \t\r\n]+([0-9]{1,5})[ \t\r\n]+([0-9]{1,5})[ \t\r\n]+([0-9]{1,5})[ \t\r\n]")
_MAX_HEADER = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One grey picture. ``image`` is the whole file; once it is marked, those bytes are what gets digested and signed."""

    width: int
    height: int
    image: bytes


def parse(image: bytes, *, marked: bool = False) -> Frame:
    """Read one PGM file of at most :data:`MAX_IMAGE` bytes, and a band if it is ``marked``.

    Raises :class:`~hal.errors.ProtocolError` with ``reason``.
    """
    rows, size = (MAX_BAND_ROWS, MAX_BAND) if marked else (0, 0)
    if len(image) > MAX_IMAGE + size:
        raise ProtocolError(reason="oversize", length=len(image))
    header = _HEADER.match(image[:_MAX_HEADER])
    if header is None:
        raise ProtocolError(reason="header", length=len(image))
    width, height, maxval = (int(number) for number in header.groups())
    if maxval != 255:  # noqa: PLR2004  # pgm(5): 255 = one byte for each pixel
        raise ProtocolError(reason="depth", maxval=maxval)
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE + rows):
        raise ProtocolError(reason="size", width=width, height=height)
    if len(image) - header.end() != width * height:
        raise ProtocolError(reason="length", length=len(image))
    return Frame(width, height, image)


def build(width: int, height: int, pixels: bytes) -> bytes:
    """Return the PGM file of ``width`` × ``height`` one-byte ``pixels``, in the one form without choices."""
    if len(pixels) != width * height:
        raise ValueError("pixels do not fill the picture")
    return b"P5\n%d %d\n255\n" % (width, height) + pixels
