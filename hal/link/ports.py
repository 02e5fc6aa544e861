# SPDX-License-Identifier: Apache-2.0
"""Which serial ports this machine has, as its kernel tells in ``/sys/class/tty``. Opens none.

Decides what counts as a port: a tty with hardware behind it. Consoles, pseudo-terminals and the UARTs a board has no wires to are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSFS: Final = Path("/sys/class/tty")
_USB_PLACE: Final = re.compile(r"[1-9][0-9]*-[1-9][0-9]*(\.[1-9][0-9]*)*")
_NO_UART: Final = "0"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One port: its device file, the kernel driver's name, and for a USB adapter where it is plugged in and what it is."""

    path: str
    driver: str
    place: str = ""
    usb_id: str = ""
    """``1a86:7523``; empty for a port that is no USB adapter."""


def serial_ports(sysfs: Path = SYSFS) -> Iterator[SerialPort]:
    """Yield the machine's serial ports by name."""
    for folder in sorted(sysfs.glob("*")):
        device = folder / "device"
        if not (device / "driver").exists() or _text(folder / "type") == _NO_UART:
            continue
        parents = device.resolve().parents
        adapter = next((parent for parent in (device.resolve(), *parents) if _USB_PLACE.fullmatch(parent.name)), None)
        usb_id = f"{_text(adapter / 'idVendor')}:{_text(adapter / 'idProduct')}" if adapter else ""
        yield SerialPort(f"/dev/{folder.name}", (device / "driver").resolve().name, adapter.name if adapter else "", usb_id)


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""
