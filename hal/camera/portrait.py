# SPDX-License-Identifier: Apache-2.0
"""Make the live portrait of what the camera worker answered. Runs in the terminal's own process.

The worker is another process, so its answer is read as strictly as if it came from the wire, and it has to carry the mark it was asked
for. Whoever calls this holds an answer of the camera's ``capture``; there is no other way from bytes to a camera portrait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.camera import watermark
from hal.camera.frame import MEDIA_TYPE, parse
from hal.document import Portrait, PortraitProvenance
from hal.errors import ProtocolError
from hal.minting import mint_portrait

if TYPE_CHECKING:
    from hal.camera.watermark import Watermark


def live_portrait(image: bytes, mark: Watermark) -> Portrait:
    """Return the portrait made of ``image``, the bytes the worker answered; raises :class:`~hal.errors.ProtocolError`."""
    frame = parse(image, marked=True)
    if not watermark.carries(frame, mark, across=False):
        raise ProtocolError(reason="unmarked")
    return mint_portrait(image=frame.image, media_type=MEDIA_TYPE, provenance=PortraitProvenance.CAMERA)
