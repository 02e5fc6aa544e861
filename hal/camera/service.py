# SPDX-License-Identifier: Apache-2.0
"""The camera as the worker process offers it: one operation, ``capture``.

Configuration: ``source``, the path of the frame source's Unix socket. There is no default device.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hal.camera.frame import MEDIA_TYPE
from hal.camera.source import capture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation


class CameraService:
    """``capture {}`` → ``{image: hex, media_type}``: one frame taken after the call. The picture itself is personal data."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._source = str(config["source"])
        self.operations: Mapping[str, Operation] = {"capture": self._capture}
        self.link_us = 0

    def close(self) -> None:
        """Do nothing: a connection lives only as long as its picture."""

    def _capture(self, _arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        begin = time.perf_counter_ns()
        try:
            frame = capture(self._source, deadline)
        finally:
            self.link_us += (time.perf_counter_ns() - begin) // 1000
        return {"image": frame.image.hex(), "media_type": MEDIA_TYPE}
