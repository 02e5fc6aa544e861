# SPDX-License-Identifier: Apache-2.0
"""Asks a pcscd which readers it has, in the words of pcsc-lite's client protocol 4.4 (its ``winscard_msg.h``).

For readiness only: the simulator may import neither the driver's libraries nor the driver. Decides nothing.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CMD_VERSION, CMD_GET_READERS_STATE = 0x11, 0x12
VERSION = (4, 4)
SLOTS = 16
READER_STATE = 184
"""Bytes of one reader's state; the name is the first 128, zero-terminated, empty when there is no reader."""


def readers(path: Path, timeout: float = 5.0) -> list[str]:
    """Return the names of the readers pcscd serves at socket ``path``; raises ``OSError`` when it does not answer in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        channel.connect(str(path))
        channel.sendall(struct.pack("=II", 12, CMD_VERSION) + struct.pack("=iiI", *VERSION, 0))
        _receive(channel, 12)
        channel.sendall(struct.pack("=II", 0, CMD_GET_READERS_STATE))
        states = _receive(channel, SLOTS * READER_STATE)
    names = (states[at : at + 128].split(b"\0", 1)[0].decode() for at in range(0, len(states), READER_STATE))
    return [name for name in names if name]


def _receive(channel: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = channel.recv(length - len(data))
        if not part:
            raise ConnectionError("pcscd closed the connection")
        data += part
    return data
