# SPDX-License-Identifier: Apache-2.0
"""What a reader may be at on this machine: serial ports and USB devices, without opening any.

Decides which of them may be readers. A serial port or a PC/SC reader tells nothing of what it is; a USB device is told by its descriptors.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from hal.errors import LinkError
from hal.link.ports import serial_ports
from host_tools.rnt.doctor.processes import Process, holders

if TYPE_CHECKING:
    from collections.abc import Iterator

NEARBY = Path("/dev/rnt/id-reader")
"""The name board/udev/60-rnt.rules gives to the reader of a terminal."""
UNTOLD = {"", "serial", "pcsc"}
"""Kinds that may be something else than an ID reader."""
BOOTLOADERS = {"0483:df11": "a reader waiting for new firmware (DFU)"}


@dataclass(frozen=True, slots=True)
class Found:
    """One place. ``kind`` is empty for a USB device that is no reader; those are listed only when they look like one gone astray."""

    option: str
    """How the other commands are told of it."""
    kind: str
    what: str
    held_by: tuple[Process, ...]
    allowed: bool

    @property
    def line(self) -> str:
        """One line for people."""
        who = ", ".join(f"{holder.name} (process {holder.pid})" for holder in self.held_by)
        notes = "" if self.allowed else "; this user may not use it"
        return f"{self.option:<28} {self.kind or 'no reader':<12} {self.what}{f'; in use by {who}' if who else ''}{notes}"

    def to_json(self) -> dict[str, Any]:
        """Return the place for ``--json``."""
        held = [{"pid": holder.pid, "name": holder.name} for holder in self.held_by]
        return {"option": self.option, "kind": self.kind or None, "what": self.what, "held_by": held, "allowed": self.allowed}


def look_around(pcscd_socket: str | None = None) -> list[Found]:
    """Return what is there, readers told by their descriptors first."""
    return sorted([*_serial(), *_usb(), *_pcsc(pcscd_socket)], key=lambda one: (one.kind in UNTOLD, one.option))


def _serial() -> Iterator[Found]:
    named = {str(NEARBY.resolve())} if NEARBY.exists() else set()
    for port in serial_ports():
        node = Path(port.path)
        adapter = f", USB {port.usb_id} at {port.place}" if port.place else ""
        what = f"{port.driver}{adapter}{f', {NEARBY}' if port.path in named else ''}"
        yield Found(f"--port {port.path}", "serial", what, tuple(holders(node)), _may_use(node))


def _usb() -> Iterator[Found]:
    from hal.id_reader.usb_lines import kind_of  # noqa: PLC0415  # --help needs no libusb
    from hal.link.usb import attached  # noqa: PLC0415  # as above

    try:
        devices = attached()
    except LinkError:
        return
    for device in devices:
        kind = kind_of(device.interfaces)
        astray = BOOTLOADERS.get(device.usb_id, "")
        if not (kind or astray):
            continue
        node = Path(device.node)
        option = f"--usb {device.place}" if device.place else f"--usb {device.usb_id}"
        yield Found(option, kind, f"USB {device.usb_id}{f', {astray}' if astray else ''}", tuple(holders(node)), _may_use(node))


def _pcsc(socket: str | None) -> Iterator[Found]:
    from hal.link.pcsc import reader_names  # noqa: PLC0415  # as above

    for name in reader_names(socket):
        yield Found(f"--pcsc {quote(name)}", "pcsc", "PC/SC reader, perhaps of SIM cards", (), allowed=True)


def _may_use(node: Path) -> bool:

    return os.access(node, os.R_OK | os.W_OK)
