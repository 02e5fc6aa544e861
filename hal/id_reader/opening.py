# SPDX-License-Identifier: Apache-2.0
"""Where a SAM reader is: what ``[id_reader]`` says, and the driver on its open line.

``port = "/dev/…"``       a serial port, ``baud`` the rate wanted there (default 115200); the reader is looked for at the others too
``usb = "0400:c35a"``     the one USB reader of this vendor and product, as ``lsusb`` shows them
``usb = "0400:c35a:SN1"`` the one with this serial number, where there are several
``usb = "1-1.4"``         whatever is plugged in there: bus and ports as in ``/sys/bus/usb/devices`` and the kernel's log

A USB reader's kind (four pipes, two, reports) is told by its descriptors, never by vendor and product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hal.id_reader.rates import Rates
from hal.id_reader.sam import SamReader
from hal.link.serial import SerialLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.id_reader.ladder import Ladder
    from hal.id_reader.watching import Watcher

DEFAULT_BAUD = 115200


def connect(table: Mapping[str, Any], known: int | None = None, watcher: Watcher | None = None, ladder: Ladder | None = None) -> SamReader:
    """Open the line ``table`` names and return the driver on it; ``LinkClosed`` when the reader is not there or somebody else has it.

    ``known`` is the rate the reader was last heard at, ``ladder`` what was tried already to bring it back. ``patience`` in ``table``, which
    no terminal's configuration has, is a bench's word that its reader is quick: a factor on what a command may take
    (:class:`~hal.id_reader.exchange.Exchange`).
    """
    patience = float(table.get("patience") or 1)
    if table.get("usb"):
        from hal.id_reader.usb_lines import open_usb  # noqa: PLC0415  # a serial reader needs no pyusb

        usb = open_usb(str(table["usb"]))
        return SamReader(usb, kind=usb.name, watcher=watcher, patience=patience, ladder=ladder)
    baud = int(table.get("baud") or DEFAULT_BAUD)
    line = SerialLink(str(table["port"]), baud)
    try:
        return SamReader(line, Rates(line, baud, known), watcher=watcher, patience=patience, ladder=ladder)
    except BaseException:
        line.close()
        raise
