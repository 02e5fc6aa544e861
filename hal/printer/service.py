# SPDX-License-Identifier: Apache-2.0
"""The printer as the worker process offers it: one operation, ``print``.

Configuration: ``port``, the serial port; ``baud`` when it is not 115200. The port is opened at the first print and again after any
error, so a printer that was unplugged comes back by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hal.errors import HalError
from hal.link.serial import SerialLink
from hal.printer.printer import print_papers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline
    from hal.worker import Operation

DEFAULT_BAUD = 115200


class PrinterService:
    """``print {papers: [[str]], cut: bool}`` → ``{bytes: n}``, answered when all papers, lines each, are out."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._port = str(config["port"])
        self._baud = int(config.get("baud", DEFAULT_BAUD))
        self._link: SerialLink | None = None
        self.operations: Mapping[str, Operation] = {"print": self._print}
        self.link_us = 0

    def close(self) -> None:
        """Let go of the port."""
        if self._link:
            self._link.close()
            self._link = None

    def _print(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        if self._link is None:
            self._link = SerialLink(self._port, self._baud)
        link = self._link
        link.reset_waited()
        try:
            return {"bytes": print_papers(link, arguments["papers"], deadline, cut=bool(arguments["cut"]))}
        except HalError:
            self.close()
            raise
        finally:
            self.link_us += link.waited_us
