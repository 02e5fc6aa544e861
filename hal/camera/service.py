# SPDX-License-Identifier: Apache-2.0
"""The cameras as the worker process offers them: ``capture`` of the person, ``page`` of what lies under the document camera.

Configuration: ``source``, the path of the frame source's Unix socket, and ``documents``, that of the document camera's, where there is one.
There is no default device.

Every picture is marked in here, before it is answered (:mod:`hal.camera.watermark`): what the source sent is never kept, never written, and
never leaves this process, which overwrites what it frees (``firmware.runtime.memory``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hal.camera.frame import MEDIA_TYPE
from hal.camera.source import capture
from hal.camera.watermark import Watermark, stamp
from hal.errors import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation


class CameraService:
    """``capture {mark}`` and ``page {mark}`` → ``{image: bytes, media_type}``: one frame taken after the call. It is personal data."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._source = str(config["source"])
        self._documents = str(config.get("documents") or "")
        self.operations: Mapping[str, Operation] = {
            "capture": lambda arguments, deadline: self._taken(self._source, arguments, deadline, across=False),
            "page": lambda arguments, deadline: self._taken(self._documents, arguments, deadline, across=True),
        }
        self.link_us = 0

    def close(self) -> None:
        """Do nothing: a connection lives only as long as its picture."""

    def _taken(self, source: str, arguments: dict[str, Any], deadline: Deadline, *, across: bool) -> dict[str, Any]:
        mark = Watermark.from_json(arguments["mark"])
        if not source:
            raise LinkClosed(reason="no_document_camera")
        begin = time.perf_counter_ns()
        try:
            frame = capture(source, deadline)
        finally:
            self.link_us += (time.perf_counter_ns() - begin) // 1000
        return {"image": stamp(frame, mark, across=across).image, "media_type": MEDIA_TYPE}
