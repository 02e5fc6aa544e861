# SPDX-License-Identifier: Apache-2.0
"""The descriptors of a simulated device, as bytes. Clause: USB 2.0 §9.6, HID 1.11 §6.2.1."""

from __future__ import annotations

import struct
from dataclasses import dataclass

BULK, INTERRUPT = 2, 3
LANGUAGE = 0x0409
HID_REPORT = bytes.fromhex("0600ff 0901 a101 1500 26ff00 7508 9540 0901 8102 0901 9102 c0")
"""Vendor-defined page, one input and one output report of 64 bytes, no report id (HID 1.11 §6.2.2)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: address with direction, :data:`BULK` or :data:`INTERRUPT`, bytes of a packet."""

    address: int
    kind: int
    packet: int = 64


@dataclass(frozen=True, slots=True)
class Descriptors:
    """A full-speed device with one configuration of one interface."""

    vendor: int
    product: int
    endpoints: tuple[Endpoint, ...]
    usb_class: int = 0xFF
    serial: str = ""
    manufacturer: str = "rnt simulators"
    name: str = "ID-card reader"

    @property
    def device(self) -> bytes:
        """The device descriptor, 18 bytes."""
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, self.vendor, self.product, 0x0100, 1, 2, 3 if self.serial else 0, 1
        )

    @property
    def configuration(self) -> bytes:
        """The configuration descriptor with all that belongs to it."""
        interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, len(self.endpoints), self.usb_class, 0, 0, 0)
        hid = struct.pack("<BBHBBBH", 9, 0x21, 0x0111, 0, 1, 0x22, len(HID_REPORT)) if self.usb_class == 3 else b""
        ends = b"".join(struct.pack("<BBBBHB", 7, 5, end.address, end.kind, end.packet, end.kind == INTERRUPT) for end in self.endpoints)
        whole = interface + hid + ends
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(whole), 1, 1, 0, 0xC0, 50) + whole  # self-powered, 100 mA

    def string(self, index: int) -> bytes | None:
        """Return string descriptor ``index``, ``None`` where there is none."""
        if index == 0:
            return struct.pack("<BBH", 4, 3, LANGUAGE)
        texts = {1: self.manufacturer, 2: self.name, 3: self.serial}
        text = texts.get(index, "").encode("utf-16-le")
        return bytes([len(text) + 2, 3]) + text if text else None
