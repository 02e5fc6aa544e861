# SPDX-License-Identifier: Apache-2.0
"""What a camera can do wrong beyond what every link can."""

from __future__ import annotations

from typing import ClassVar

from hal.errors import DeviceError


class NoFrame(DeviceError):
    """The source is there and says that it has no picture: lens covered, sensor off. Look at the camera, then try again."""

    kind: ClassVar[str] = "no_frame"
