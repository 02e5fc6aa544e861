# SPDX-License-Identifier: Apache-2.0
"""A device model offered on a Unix socket as a usbredir host: a test bed or a virtual machine connects and has it plugged in.

One guest at a time. The model decides what is said; here is only who waits for what.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

from simulators.usb import redir
from simulators.usb.model import Ending, UsbModel

if TYPE_CHECKING:
    from pathlib import Path

STATUS = {Ending.STALL: redir.STALL, Ending.BABBLE: redir.BABBLE}


class RedirServer:
    """Serves ``model`` at ``path``."""

    def __init__(self, model: UsbModel, path: Path) -> None:
        self._model = model
        self._lock = threading.RLock()
        self._guest: socket.socket | None = None
        self._connected = False
        self._transfers: dict[int, tuple[int, int]] = {}
        """Bulk IN transfers that wait: id → (endpoint, length)."""
        self._receiving: set[int] = set()
        """Interrupt endpoints whose packets go out as they come."""
        self._packets = {end.address: end.packet for end in model.descriptors.endpoints}
        model.listen(self._serve_waiting)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(1)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            guest, _ = listener.accept()
            with self._lock:
                self._guest, self._connected = guest, False
                self._transfers.clear()
                self._receiving.clear()
                self._send(redir.HELLO, redir.hello("rnt simulators"))
                self._serve_waiting()
            try:
                while (received := redir.receive(guest)) is not None:
                    with self._lock:
                        self._take(*received)
            except (OSError, ValueError, struct.error):
                pass  # the guest went away or speaks something else: wait for the next one
            with self._lock:
                self._guest = None
            guest.close()

    def _send(self, kind: int, body: bytes, number: int = 0) -> None:
        if self._guest is None:
            return
        try:
            self._guest.sendall(redir.message(kind, body, number))
        except OSError:
            self._guest = None

    # ---- what the device has to say

    def _serve_waiting(self) -> None:
        with self._lock:
            if self._guest is None:
                return
            if self._model.plugged != self._connected:
                self._move_cable()
            if not self._connected:
                return
            for number, (endpoint, length) in list(self._transfers.items()):
                brought = self._model.transfer_in(endpoint, length)
                if brought is not None:
                    del self._transfers[number]
                    self._answer_bulk(number, endpoint, brought)
            for endpoint in self._receiving:
                while isinstance(packet := self._model.transfer_in(endpoint, self._packets[endpoint]), bytes):
                    self._send(redir.INTERRUPT, redir.INTERRUPT_HEADER.pack(endpoint, redir.SUCCESS, len(packet)) + packet)
                if isinstance(packet, Ending):
                    self._send(redir.INTERRUPT, redir.INTERRUPT_HEADER.pack(endpoint, STATUS[packet], 0))

    def _move_cable(self) -> None:
        self._connected = self._model.plugged
        self._transfers.clear()
        self._receiving.clear()
        if not self._connected:
            self._send(redir.DEVICE_DISCONNECT, b"")
            return
        told = self._model.descriptors
        self._send(redir.EP_INFO, redir.ep_info([(end.address, end.kind, end.packet) for end in told.endpoints]))
        self._send(redir.INTERFACE_INFO, redir.interface_info(told.usb_class))
        self._send(redir.DEVICE_CONNECT, redir.CONNECT.pack(redir.SPEED_FULL, 0, 0, 0, told.vendor, told.product, 0x0100))

    def _answer_bulk(self, number: int, endpoint: int, brought: bytes | Ending) -> None:
        data = brought if isinstance(brought, bytes) else b""
        status = STATUS[brought] if isinstance(brought, Ending) else redir.SUCCESS
        self._send(redir.BULK, redir.BULK_HEADER.pack(endpoint, status, len(data), 0) + data, number)

    # ---- what the guest asks

    def _take(self, kind: int, number: int, body: bytes) -> None:
        if kind == redir.CONTROL:
            self._control(number, body)
        elif kind == redir.BULK:
            self._bulk(number, body)
        elif kind == redir.INTERRUPT:
            self._interrupt_out(number, body)
        elif kind == redir.CANCEL:
            endpoint, _ = self._transfers.pop(number, (0, 0))
            if endpoint:
                partly = self._model.partly(endpoint)
                self._send(redir.BULK, redir.BULK_HEADER.pack(endpoint, redir.CANCELLED, len(partly), 0) + partly, number)
        elif kind in (redir.SET_CONFIGURATION, redir.GET_CONFIGURATION):
            self._send(redir.CONFIGURATION_STATUS, bytes([redir.SUCCESS, 1]), number)
        elif kind in (redir.SET_ALT_SETTING, redir.GET_ALT_SETTING):
            self._send(redir.ALT_SETTING_STATUS, bytes([redir.SUCCESS, body[0], 0]), number)
        elif kind == redir.START_INTERRUPT:
            self._receiving.add(body[0])
            self._send(redir.INTERRUPT_STATUS, bytes([redir.SUCCESS, body[0]]), number)
            self._serve_waiting()
        elif kind == redir.STOP_INTERRUPT:
            self._receiving.discard(body[0])
            self._send(redir.INTERRUPT_STATUS, bytes([redir.SUCCESS, body[0]]), number)

    def _control(self, number: int, body: bytes) -> None:
        endpoint, request, kind, _, value, index, length = redir.CONTROL_HEADER.unpack_from(body)
        data = body[redir.CONTROL_HEADER.size :]
        answer = self._model.control(kind, request, value, index, length if kind & 0x80 else data)
        status = STATUS[answer] if isinstance(answer, Ending) else redir.SUCCESS
        brought = answer if isinstance(answer, bytes) and kind & 0x80 else b""
        count = len(brought) if kind & 0x80 else length
        self._send(redir.CONTROL, redir.CONTROL_HEADER.pack(endpoint, request, kind, status, value, index, count) + brought, number)

    def _bulk(self, number: int, body: bytes) -> None:
        endpoint, _, length, stream = redir.BULK_HEADER.unpack_from(body)
        if endpoint & 0x80:
            self._transfers[number] = (endpoint, length)
            self._serve_waiting()
            return
        ending = self._model.out(endpoint, body[redir.BULK_HEADER.size :])
        status = STATUS[ending] if ending else redir.SUCCESS
        self._send(redir.BULK, redir.BULK_HEADER.pack(endpoint, status, length, stream), number)

    def _interrupt_out(self, number: int, body: bytes) -> None:
        endpoint, _, length = redir.INTERRUPT_HEADER.unpack_from(body)
        ending = self._model.out(endpoint, body[redir.INTERRUPT_HEADER.size :])
        status = STATUS[ending] if ending else redir.SUCCESS
        self._send(redir.INTERRUPT, redir.INTERRUPT_HEADER.pack(endpoint, status, length), number)
