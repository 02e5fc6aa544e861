# SPDX-License-Identifier: Apache-2.0
"""A pyusb backend over a simulated device: everything above libusb is real. No process, no kernel, and so no timing either."""

import errno
import struct
import threading
import time
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

from simulators.usb.model import Ending, UsbModel


class ModelBackend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb has no types
    """The devices given, on bus 1, at ports 1, 2, 3 …; ``kernel`` holds the numbers of interfaces a driver has."""

    def __init__(self, *models: UsbModel) -> None:
        self._models = models
        self._changed = threading.Condition()
        self.kernel: set[int] = set()
        self.claimed: list[int] = []
        for model in models:
            model.listen(self._wake)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # ---- what pyusb asks of a backend

    def enumerate_devices(self) -> Any:
        return (model for model in self._models if model.plugged)

    def get_device_descriptor(self, dev: UsbModel) -> Any:
        names = [
            "bLength",
            "bDescriptorType",
            "bcdUSB",
            "bDeviceClass",
            "bDeviceSubClass",
            "bDeviceProtocol",
            "bMaxPacketSize0",
            "idVendor",
            "idProduct",
            "bcdDevice",
            "iManufacturer",
            "iProduct",
            "iSerialNumber",
            "bNumConfigurations",
        ]
        values = struct.unpack("<BBHBBBBHHHBBBB", dev.descriptors.device)
        place = self._models.index(dev) + 1
        extra = {"bus": 1, "address": place + 1, "speed": 2, "port_number": place, "port_numbers": (place,)}
        return SimpleNamespace(**dict(zip(names, values, strict=True)), **extra)

    def get_configuration_descriptor(self, dev: UsbModel, config: int) -> Any:
        if config:
            raise IndexError(config)
        names = (
            "bLength",
            "bDescriptorType",
            "wTotalLength",
            "bNumInterfaces",
            "bConfigurationValue",
            "iConfiguration",
            "bmAttributes",
            "bMaxPower",
        )
        return SimpleNamespace(
            **dict(zip(names, struct.unpack("<BBHBBBBB", dev.descriptors.configuration[:9]), strict=True)), extra_descriptors=[]
        )

    def get_interface_descriptor(self, dev: UsbModel, intf: int, alt: int, config: int) -> Any:
        if intf or alt or config:
            raise IndexError(intf)
        names = [
            "bLength",
            "bDescriptorType",
            "bInterfaceNumber",
            "bAlternateSetting",
            "bNumEndpoints",
            "bInterfaceClass",
            "bInterfaceSubClass",
            "bInterfaceProtocol",
            "iInterface",
        ]
        return SimpleNamespace(**dict(zip(names, dev.descriptors.configuration[9:18], strict=True)), extra_descriptors=[])

    def get_endpoint_descriptor(self, dev: UsbModel, ep: int, _intf: int, _alt: int, _config: int) -> Any:
        end = dev.descriptors.endpoints[ep]
        return SimpleNamespace(
            bLength=7,
            bDescriptorType=5,
            bEndpointAddress=end.address,
            bmAttributes=end.kind,
            wMaxPacketSize=end.packet,
            bInterval=1,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=[],
        )

    def open_device(self, dev: UsbModel) -> UsbModel:
        return dev

    def close_device(self, _handle: UsbModel) -> None:
        self.claimed.clear()

    def get_configuration(self, _handle: UsbModel) -> int:
        return 1

    def claim_interface(self, dev_handle: UsbModel, intf: int) -> None:
        self._alive(dev_handle)
        if intf in self.kernel:
            raise usb.core.USBError("busy", -6, errno.EBUSY)
        self.claimed.append(intf)

    def release_interface(self, _handle: UsbModel, intf: int) -> None:
        self.claimed.remove(intf)

    def is_kernel_driver_active(self, _handle: UsbModel, intf: int) -> bool:
        return intf in self.kernel

    def detach_kernel_driver(self, _handle: UsbModel, intf: int) -> None:
        self.kernel.remove(intf)

    def clear_halt(self, dev_handle: UsbModel, ep: int) -> None:
        self._alive(dev_handle)
        dev_handle.control(0x02, 0x01, 0, ep, b"")

    def bulk_write(self, dev_handle: UsbModel, ep: int, _intf: int, data: Any, _timeout: int) -> int:
        self._alive(dev_handle)
        if dev_handle.out(ep, bytes(data)):
            raise usb.core.USBError("stall", -9, errno.EPIPE)
        return len(data)

    def bulk_read(self, dev_handle: UsbModel, ep: int, _intf: int, buff: Any, timeout: int) -> int:
        end = time.monotonic() + timeout / 1000
        with self._changed:
            while True:
                self._alive(dev_handle)
                brought = dev_handle.transfer_in(ep, len(buff))
                if brought is None and not self._changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    brought = dev_handle.partly(ep) or None
                    if brought is None:
                        raise usb.core.USBTimeoutError("timeout", -7, errno.ETIMEDOUT)
                if isinstance(brought, Ending):
                    raise usb.core.USBError(brought.name, -1, errno.EPIPE if brought is Ending.STALL else errno.EOVERFLOW)
                if brought is not None:
                    buff[: len(brought)] = type(buff)("B", brought)
                    return len(brought)

    intr_write = bulk_write
    intr_read = bulk_read

    def ctrl_transfer(
        self,
        dev_handle: UsbModel,
        kind: int,
        request: int,
        value: int,
        index: int,
        data: Any,
        _timeout: int,
    ) -> int:
        self._alive(dev_handle)
        to_host = bool(kind & 0x80)
        answer = dev_handle.control(kind, request, value, index, len(data) if to_host else bytes(data))
        if isinstance(answer, Ending):
            raise usb.core.USBError("stall", -9, errno.EPIPE)
        if to_host:
            data[: len(answer)] = type(data)("B", answer)
        return len(answer) if to_host else len(data)

    @staticmethod
    def _alive(model: UsbModel) -> None:
        if not model.plugged:
            raise usb.core.USBError("gone", -4, errno.ENODEV)
