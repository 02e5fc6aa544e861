# SPDX-License-Identifier: Apache-2.0
"""The reader on a USB cable, in the variants the sheet lists (facts: id_reader §1.3): ``four``, ``two``, ``hid``, ``hid_control``.

Decides which bytes of an answer go over which pipe. How the device gets to the host is for :mod:`simulators.usb`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from simulators.id_reader.ear import Ear
from simulators.usb.descriptors import BULK, INTERRUPT, Descriptors, Endpoint
from simulators.usb.model import UsbModel

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = 7
REPORT = 64
VARIANTS: dict[str, Descriptors] = {
    "four": Descriptors(0x0400, 0xC35A, tuple(Endpoint(address, BULK) for address in (0x02, 0x06, 0x81, 0x85)), serial="RNT0001"),
    "two": Descriptors(0x0400, 0xC35A, (Endpoint(0x81, BULK), Endpoint(0x02, BULK))),
    "hid": Descriptors(0x0425, 0x8159, (Endpoint(0x81, INTERRUPT), Endpoint(0x01, INTERRUPT)), usb_class=3),
    "hid_control": Descriptors(0x2B8B, 0x2721, (Endpoint(0x82, INTERRUPT),), usb_class=3),
    "disk": Descriptors(0x0400, 0xC35A, (Endpoint(0x81, BULK), Endpoint(0x02, BULK)), usb_class=8),
    "ccid": Descriptors(0x0425, 0x8160, (Endpoint(0x81, BULK), Endpoint(0x02, BULK)), usb_class=0x0B),
    "keyboard": Descriptors(0x0425, 0x8161, (Endpoint(0x81, INTERRUPT, packet=8),), usb_class=3),
}
"""Variant → its descriptors."""
NO_READERS = frozenset({"disk", "ccid", "keyboard"})
"""Devices the protocol does not run on: a disk that shares vendor and product with a reader, as unrelated devices do; a reader switched to
its maker's CCID mode; and one that types what it reads."""


class UsbCable:
    """The reader's end of the cable. ``split`` cuts every answer into transfers of so many bytes, 0 = as the variant does."""

    rated = False

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.split = 0
        self.empty_end = False
        """Whether an answer that fills its last packet is followed by an empty one: the sheet does not tell."""
        self._ear = Ear()
        self._news = threading.Condition()
        self._arrived: list[bytes] = []
        self.model = UsbModel(VARIANTS[variant], self._take)
        self._inputs = [end.address for end in VARIANTS[variant].endpoints if end.address & 0x80]

    def plug(self) -> None:
        """Put the cable in."""
        self._ear.deafen()
        self.model.plug(plugged=True)

    def unplug(self) -> None:
        """Pull the cable."""
        self.model.plug(plugged=False)

    def speed_is(self, _baud: int) -> bool:
        """Return true: USB has no rate to be wrong."""
        return True

    def hear(self, timeout: float) -> None:
        """Take in what the host sends within ``timeout`` seconds."""
        with self._news:
            self._news.wait_for(lambda: self._arrived, timeout)
            for data in self._arrived:
                self._ear.add(data)
            self._arrived.clear()

    def request(self) -> bytes | int | None:
        """Take the next request."""
        return self._ear.request()

    def deafen(self) -> None:
        """Forget what was heard."""
        self._ear.deafen()

    def stall(self) -> None:
        """Halt the pipe an answer begins on."""
        self.model.halt(self._inputs[0])

    def say(self, answers: Sequence[bytes], _bytes_per_s: float | None) -> None:
        """Send each answer the way this variant does."""
        for answer in answers:
            if self.variant == "four":
                self._send(self._inputs[0], answer[:HEADER])
                self._send(self._inputs[1], answer[HEADER:])
            elif self.variant.startswith("hid"):
                for at in range(0, len(answer), REPORT):
                    self.model.send(self._inputs[0], answer[at : at + REPORT].ljust(REPORT, b"\0"))
            else:
                self._send(self._inputs[0], answer)

    def _send(self, endpoint: int, data: bytes) -> None:
        size = self.split or max(1, len(data))
        for at in range(0, len(data), size):
            self.model.send(endpoint, data[at : at + size], whole_packets_end_empty=self.empty_end)

    def _take(self, data: bytes) -> None:
        with self._news:
            self._arrived.append(data)
            self._news.notify_all()
