# SPDX-License-Identifier: Apache-2.0
"""The wire of vpcd: the card connects by TCP to the reader, each message is a 16-bit length and a body.

A body of one byte is control (0 power off, 1 power on, 2 reset, 4 send ATR); a longer one is a command. Only 4 and commands are
answered. Rules:

1. ``TCP_QUICKACK`` is re-armed before every receive: vpcd 3.3 sends length and body apart, and Nagle with a delayed
   acknowledgement would cost 44 ms a command.
2. A card that comes back is connected when the reader has seen that it was away: the slot socket of a private pcscd sees to that.
3. A lost reader (its service restarted) is asked for again, as a card stays in its slot.
"""

from __future__ import annotations

import array
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

from simulators.sim_card.slot import ContactLost, Slot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulators.kit import Transcript
    from simulators.sim_card.card import Card

POWER_OFF, POWER_ON, RESET, SEND_ATR = 0, 1, 2, 4


class ReaderGone(Exception):
    """No connection to the reader can be made."""


def by_address(address: str) -> socket.socket:
    """Connect to the driver's port at ``HOST:PORT``."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def by_slot_socket(path: Path, number: int) -> socket.socket:
    """Ask a private pcscd for a connection to slot ``number``; raises ``OSError`` when it has none to give."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.connect(str(path))
        channel.sendall(bytes([number]))
        size = array.array("i").itemsize
        answer, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(size))
        if answer != b"+":
            raise ConnectionRefusedError("the reader gives no connection")
        return socket.socket(fileno=struct.unpack("i", ancillary[0][2][:size])[0])


class Line:
    """Serves the card of ``slot`` on connections made by ``connect``, in a thread of its own."""

    def __init__(self, slot: Slot, connect: Callable[[], socket.socket], transcript: Transcript) -> None:
        self._slot, self._connect, self._transcript = slot, connect, transcript
        self._channel: socket.socket | None = None
        slot.on_change = self._break_contact
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        slot = self._slot
        while True:
            with slot.changed:
                slot.changed.wait_for(lambda: slot.card is not None)
                card, turn = slot.card, slot.turn
            if card is None:
                continue
            try:
                self._serve(card, turn)
            except ReaderGone as error:
                self._transcript.note(f"no reader: {error}")
                slot.remove()

    def _break_contact(self) -> None:
        if self._channel:
            with contextlib.suppress(OSError):  # it may have broken already
                self._channel.shutdown(socket.SHUT_RDWR)

    def _serve(self, card: Card, turn: int) -> None:
        """Answer until contact breaks. Raises :class:`ReaderGone`."""
        try:
            channel = self._connect()
        except OSError as error:
            raise ReaderGone(str(error)) from error
        with channel:
            self._channel = channel
            while self._slot.holds(card, turn):
                message = _receive(channel)
                if not message:
                    return
                try:
                    answer = self._answer(card, turn, message)
                except ContactLost:
                    self._transcript.note("contact lost")
                    return
                if answer is not None and not _send(channel, answer):
                    return

    def _answer(self, card: Card, turn: int, message: bytes) -> bytes | None:
        if len(message) > 1:
            self._transcript.frame(">", message)
            answer = self._slot.answer(card, turn, message)
            self._transcript.frame("<", answer)
            return answer
        if message[0] in (POWER_ON, RESET):
            self._transcript.note("power on" if message[0] == POWER_ON else "reset")
            card.power_up()
        return self._slot.atr(card) if message[0] == SEND_ATR else None


def _receive(channel: socket.socket) -> bytes:
    """Return the next message, empty when contact broke."""
    length = _receive_exactly(channel, 2)
    return _receive_exactly(channel, int.from_bytes(length, "big")) if length else b""


def _receive_exactly(channel: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        try:
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = channel.recv(length - len(data))
        except OSError:
            return b""
        if not part:
            return b""
        data += part
    return data


def _send(channel: socket.socket, body: bytes) -> bool:
    try:
        channel.sendall(len(body).to_bytes(2, "big") + body)
    except OSError:
        return False
    return True
