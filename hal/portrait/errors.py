# SPDX-License-Identifier: Apache-2.0
"""How decoding a photograph can fail. None of it ends a session: the clerk then compares the face with the printed picture."""

from __future__ import annotations

from typing import ClassVar

from hal.errors import DeviceError


class DecoderUnusable(DeviceError):
    """The library cannot be loaded, or does not offer the function of ``rnt_portrait.h``."""

    kind: ClassVar[str] = "decoder_unusable"


class NotDecoded(DeviceError):
    """The library did not decode the photograph; ``data["code"]`` is what it returned."""

    kind: ClassVar[str] = "not_decoded"
