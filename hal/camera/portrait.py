# SPDX-License-Identifier: Apache-2.0
"""Make the live portrait of what the camera worker answered. Runs in the terminal's own process.

The worker is another process, so its answer is read as strictly as if it came from the wire. Whoever calls this holds an answer of
the camera's ``capture``; there is no other way from bytes to a camera portrait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hal.camera.frame import MEDIA_TYPE, parse
from hal.document import Portrait, PortraitProvenance
from hal.errors import ProtocolError
from hal.minting import mint_portrait

if TYPE_CHECKING:
    from collections.abc import Mapping


def portrait_of(answer: Mapping[str, Any]) -> Portrait:
    """Return the portrait in ``answer`` = ``{"image": hex, "media_type": …}``; raises :class:`~hal.errors.ProtocolError`."""
    if answer.get("media_type") != MEDIA_TYPE:
        raise ProtocolError(reason="media_type")
    image = answer.get("image")
    try:
        frame = parse(bytes.fromhex(image if isinstance(image, str) else ""))
    except ValueError as error:
        raise ProtocolError(reason="hex") from error
    return mint_portrait(image=frame.image, media_type=MEDIA_TYPE, provenance=PortraitProvenance.CAMERA)
