# SPDX-License-Identifier: Apache-2.0
"""The reader as pcscd sees it: vpcd's wire, over a slot of a private pcscd.

A message is a 16-bit length and a body. A body of one byte is control (0 power off, 1 power on, 2 reset, 4 send ATR), a longer one a
command; 4 and commands are answered. A card that leaves ends the connection; the next one makes a new one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from simulators.block_reader.field import ContactLost
from simulators.sim_card.line import SEND_ATR, by_slot_socket

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.block_reader.field import Field
    from simulators.kit import Transcript


class Slot:
    """Serves the card of ``field`` at slot ``number`` of the service behind ``path``, in a thread of its own."""

    def __init__(self, field: Field, path: Path, number: int, transcript: Transcript) -> None:
        self._field, self._path, self._number, self._transcript = field, path, number, transcript
        self._channel: socket.socket | None = None
        field.on_change = self._break_contact
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        served = 0
        while True:
            served = self._next_card(served)
            try:
                with by_slot_socket(self._path, self._number) as channel:
                    self._channel = channel
                    self._serve(channel, served)
                if self._field.persona is not None:
                    served -= 1  # contact broke, the card still lies there
            except OSError as error:  # there is no service: the card is connected when it is laid down again
                self._transcript.note(f"no contact: {error}")

    def _next_card(self, served: int) -> int:
        """Wait for a card laid down after turn ``served``; returns its turn."""
        field = self._field
        with field.changed:
            field.changed.wait_for(lambda: field.persona is not None and field.turn != served)
            return field.turn

    def _break_contact(self) -> None:
        if self._channel:
            with contextlib.suppress(OSError):  # it may have broken already
                self._channel.shutdown(socket.SHUT_RDWR)

    def _serve(self, channel: socket.socket, turn: int) -> None:
        field = self._field
        while field.persona is not None and field.turn == turn:
            length = self._receive(channel, 2)
            message = self._receive(channel, int.from_bytes(length, "big")) if length else b""
            if not message:
                return
            if len(message) == 1:
                if message[0] == SEND_ATR:
                    self._send(channel, field.atr())
                continue
            self._transcript.frame(">", message)
            try:
                response = field.answer(message)
            except ContactLost:
                return
            self._transcript.frame("<", response)
            self._send(channel, response)

    @staticmethod
    def _receive(channel: socket.socket, length: int) -> bytes:
        """Return ``length`` bytes, or none when contact broke. QUICKACK is re-armed: the driver sends length and body apart."""
        data = b""
        while len(data) < length:
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = channel.recv(length - len(data))
            if not part:
                return b""
            data += part
        return data

    @staticmethod
    def _send(channel: socket.socket, body: bytes) -> None:
        channel.sendall(len(body).to_bytes(2, "big") + body)
