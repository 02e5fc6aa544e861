# SPDX-License-Identifier: Apache-2.0
"""Make a page of a document of what the camera worker answered. Runs in the terminal's own process.

A page is evidence and nothing else: nobody reads an identity from it here. It is taken only with its mark across it and under it, as the
worker was asked to mark it (DS-05); a picture without is a :class:`~hal.errors.ProtocolError`, whoever sent it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.camera import watermark
from hal.camera.frame import MEDIA_TYPE, parse
from hal.document import Page, PageProvenance
from hal.errors import ProtocolError
from hal.minting import mint_page

if TYPE_CHECKING:
    from hal.camera.watermark import Watermark


def document_page(image: bytes, mark: Watermark) -> Page:
    """Return the page made of ``image``, the bytes the worker answered to ``page``; raises :class:`~hal.errors.ProtocolError`."""
    frame = parse(image, marked=True)
    if not watermark.carries(frame, mark, across=True):
        raise ProtocolError(reason="unmarked")
    return mint_page(image=frame.image, media_type=MEDIA_TYPE, provenance=PageProvenance.DOCUMENT_CAMERA)
