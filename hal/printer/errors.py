# SPDX-License-Identifier: Apache-2.0
"""What a printer can do wrong beyond what every link can."""

from __future__ import annotations

from typing import ClassVar

from hal.errors import DeviceError


class NoPaper(DeviceError):
    """The roll is at its end or not in its place. Put paper in, then print again; ``data["begun"]`` tells if part of it is out."""

    kind: ClassVar[str] = "no_paper"
