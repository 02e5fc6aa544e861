# SPDX-License-Identifier: Apache-2.0
"""Where the reader is: what ``[id_reader]`` says, and the line that comes of it.

``port = "/dev/…"``       a serial port, ``baud`` the rate wanted there (default 115200); the reader is looked for at the others too
``usb = "0400:c35a"``     the one USB reader of this vendor and product, as ``lsusb`` shows them
``usb = "0400:c35a:SN1"`` the one with this serial number, where there are several
``usb = "1-1.4"``         whatever is plugged in there: bus and ports as in ``/sys/bus/usb/devices`` and the kernel's log

A USB reader's kind (four pipes, two, reports) is told by its descriptors, never by vendor and product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hal.id_reader.rates import Rates
from hal.id_reader.sam import SamReader
from hal.link.serial import SerialLink

if TYPE_CHECKING:
    from hal.id_reader.line import Line

DEFAULT_BAUD = 115200


@dataclass(frozen=True, slots=True)
class Opening:
    """A reader's place; exactly one of ``port`` and ``usb`` is set, else ``ValueError``."""

    port: str = ""
    usb: str = ""
    baud: int = DEFAULT_BAUD

    def __post_init__(self) -> None:
        if bool(self.port) == bool(self.usb):
            raise ValueError("[id_reader] needs either port or usb")

    @classmethod
    def of(cls, config: dict[str, Any]) -> Opening:
        """Return the opening the configuration table describes."""
        return cls(str(config.get("port") or ""), str(config.get("usb") or ""), int(config.get("baud") or DEFAULT_BAUD))

    def line(self) -> Line:
        """Open the line; ``LinkClosed`` when the reader is not there or somebody else has it."""
        if self.usb:
            from hal.id_reader.usb_lines import open_usb  # noqa: PLC0415  # a serial reader needs no pyusb

            return open_usb(self.usb)
        return SerialLink(self.port, self.baud)

    def reader(self, line: Line, known: int | None = None) -> SamReader:
        """Return the driver for ``line``, which :meth:`line` returned; ``known`` is the rate the reader was last heard at."""
        return SamReader(line, Rates(line, self.baud, known) if isinstance(line, SerialLink) else None)
