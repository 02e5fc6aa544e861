# SPDX-License-Identifier: Apache-2.0
"""Make the live portrait of what the camera worker answered. Runs in the terminal's own process.

The worker is another process, so its answer is read as strictly as if it came from the wire. Whoever calls this holds an answer of
the camera's ``capture``; there is no other way from bytes to a camera portrait.
"""

from __future__ import annotations

from hal.camera.frame import MEDIA_TYPE, parse
from hal.document import Portrait, PortraitProvenance
from hal.minting import mint_portrait


def live_portrait(image: bytes) -> Portrait:
    """Return the portrait made of ``image``, the bytes the worker answered; raises :class:`~hal.errors.ProtocolError`."""
    return mint_portrait(image=parse(image).image, media_type=MEDIA_TYPE, provenance=PortraitProvenance.CAMERA)
