# SPDX-License-Identifier: Apache-2.0
"""A USB bus in user space for one device: umockdev below libusb, a usbredir host behind it. Runs under the system's Python.

Decides how sysfs and the device node look; every transfer is the device model's business, at the other end of the socket. A client sees
the bus when it runs with ``LD_PRELOAD=libumockdev-preload.so.0`` and ``UMOCKDEV_DIR=`` the root told in the ready line.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import threading
from pathlib import Path

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402  # the version is chosen first

from simulators.kit import add_common_arguments, from_arguments  # noqa: E402  # the same
from simulators.usb import redir  # noqa: E402  # the same
from simulators.usb.usbfs import Usbfs  # noqa: E402  # the same

ROOT_HUB = """P: /devices/pci0000:00/0000:00:14.0/usb1
N: bus/usb/001/001
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: DEVNAME=/dev/bus/usb/001/001
E: BUSNUM=001
E: DEVNUM=001
E: MAJOR=189
E: MINOR=0
E: PRODUCT=1d6b/2/100
A: busnum=1\\n
A: devnum=1\\n
A: speed=480\\n
A: bConfigurationValue=1\\n
A: idVendor=1d6b\\n
A: idProduct=0002\\n
H: descriptors=12010002090000406b1d020000010302010109021900010100e0000904000001090000000705810304000c
"""
DEVICE = """P: /devices/pci0000:00/0000:00:14.0/usb1/1-1
N: bus/usb/001/{number:03}
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: DEVNAME=/dev/bus/usb/001/{number:03}
E: BUSNUM=001
E: DEVNUM={number:03}
E: MAJOR=189
E: MINOR={minor}
E: PRODUCT={vendor:x}/{product:x}/100
E: ID_VENDOR_ID={vendor:04x}
E: ID_MODEL_ID={product:04x}
A: busnum=1\\n
A: devnum={number}\\n
A: speed=12\\n
A: bConfigurationValue=1\\n
A: idVendor={vendor:04x}\\n
A: idProduct={product:04x}\\n
H: descriptors={descriptors}
"""
SYSFS = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"
NODE = "/dev/bus/usb/001/{number:03}"


class TestBed:
    """The bus. Everything here runs on the GLib thread."""

    def __init__(self, channel: socket.socket) -> None:
        self.testbed = UMockdev.Testbed.new()
        self.testbed.add_from_string(ROOT_HUB)
        self._channel = channel
        self._number = 1
        self._usbfs: Usbfs | None = None
        self._past: list[Usbfs] = []
        """Nodes of devices that were unplugged: whoever has one open still gets his transfers back."""
        self._described: dict[int, bytes] = {}
        self._connect = b""
        self.plugged = threading.Event()
        channel.sendall(redir.message(redir.HELLO, redir.hello("rnt test bed")))
        GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, channel.fileno(), GLib.IOCondition.IN | GLib.IOCondition.HUP, self._readable)

    def _readable(self, _descriptor: int, _condition: object) -> bool:
        received = None
        with contextlib.suppress(OSError):
            received = redir.receive(self._channel)
        if received is None:
            self._unplug()
            return False
        kind, number, body = received
        if kind == redir.DEVICE_CONNECT:
            self._connect = body
            self._described.clear()
            self._ask_descriptor(1)
        elif kind == redir.DEVICE_DISCONNECT:
            self._unplug()
        elif kind == redir.CONTROL and number in (1, 2):
            self._described[number] = body[redir.CONTROL_HEADER.size :]
            self._ask_descriptor(2) if number == 1 else self._plug()
        elif self._usbfs:
            self._usbfs.answered(kind, number, body)
        return True

    def _ask_descriptor(self, kind: int) -> None:
        """Ask for the device (1) or configuration (2) descriptor; its number is the message's id."""
        body = redir.CONTROL_HEADER.pack(0x80, 6, 0x80, 0, kind << 8, 0, 4096)
        self._channel.sendall(redir.message(redir.CONTROL, body, kind))

    def _plug(self) -> None:
        self._number += 1
        _, _, _, _, vendor, product, _ = redir.CONNECT.unpack(self._connect)
        descriptors = (self._described[1] + self._described[2]).hex()
        ends = {end[2]: end[3] & 3 for end in _descriptors_of(self._described[2], 5)}
        self._usbfs = Usbfs(ends, lambda kind, body, number: self._channel.sendall(redir.message(kind, body, number)))
        # first its ioctls, then the node: adding it tells the clients, and they open it at once
        self.testbed.attach_ioctl(NODE.format(number=self._number), self._usbfs.base)
        self.testbed.add_from_string(
            DEVICE.format(number=self._number, minor=self._number - 1, vendor=vendor, product=product, descriptors=descriptors)
        )
        self.plugged.set()

    def _unplug(self) -> None:
        if self._usbfs is None:
            return
        usbfs, self._usbfs = self._usbfs, None
        usbfs.gone()
        self._past.append(usbfs)
        self.testbed.uevent(SYSFS, "remove")
        self.testbed.remove_device(SYSFS)
        self.plugged.clear()


def _descriptors_of(configuration: bytes, kind: int) -> list[bytes]:
    """Return the descriptors of ``kind`` in a whole configuration descriptor."""
    found, at = [], 0
    while at + 1 < len(configuration) and configuration[at] >= 2:
        one = configuration[at : at + configuration[at]]
        if one[1] == kind:
            found.append(one)
        at += configuration[at]
    return found


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="simulators.usb", description=__doc__)
    add_common_arguments(parser)
    parser.add_argument("--device", type=Path, required=True, help="socket of the device's usbredir host")
    arguments = parser.parse_args()
    process = from_arguments("usb", arguments)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.connect(str(arguments.device))
    beds: list[TestBed] = []
    started = threading.Event()

    def loop() -> None:
        beds.append(TestBed(channel))
        started.set()
        GLib.MainLoop().run()

    threading.Thread(target=loop, daemon=True).start()
    if not started.wait(10) or not beds[0].plugged.wait(10):
        raise SystemExit("the device's host does not answer")
    process.ready(root=beds[0].testbed.get_root_dir(), preload="libumockdev-preload.so.0")
    process.run()


if __name__ == "__main__":
    main()
