# SPDX-License-Identifier: Apache-2.0
"""Asks a pcscd which readers it has and what is in them, in the words of pcsc-lite's client protocol 4.4 (its ``winscard_msg.h``).

For the simulator's own needs: a simulator may import neither the driver's libraries nor the driver. Decides nothing.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CMD_VERSION, CMD_GET_READERS_STATE, CMD_WAIT_READER_STATE_CHANGE = 0x11, 0x12, 0x13
VERSION = (4, 4)
SLOTS = 16
READER_STATE = 184
"""Bytes of one reader's state: 128 of name, zero-terminated, empty when there is no reader; event counter; state and the rest."""
COUNTER_AT = 128
"""Where the count of insertions and removals stands that pcscd's watching thread has seen; odd = it believes a card is there. The
state flags beside it are no help: a client's failed call changes them too."""
NOTICE = 8
"""Bytes that tell a waiting client of a change: timeout and result."""


def readers(path: Path, timeout: float = 5.0) -> list[str]:
    """Return the names of the readers pcscd serves at socket ``path``; raises ``OSError`` when it does not answer in time."""
    with _session(path, timeout) as channel:
        states = _states(channel, CMD_GET_READERS_STATE)
    names = (states[at : at + 128].split(b"\0", 1)[0].decode() for at in range(0, len(states), READER_STATE))
    return [name for name in names if name]


def wait_empty(path: Path, slot: int, timeout: float) -> None:
    """Wait until pcscd sees no card in its reader number ``slot``; raises ``OSError`` when nothing changes for ``timeout`` seconds."""
    with _session(path, timeout) as channel:
        while True:
            states = _states(channel, CMD_WAIT_READER_STATE_CHANGE)
            (counter,) = struct.unpack_from("=I", states, slot * READER_STATE + COUNTER_AT)
            if counter % 2 == 0:
                return
            _receive(channel, NOTICE)


@contextlib.contextmanager
def _session(path: Path, timeout: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        channel.connect(str(path))
        channel.sendall(struct.pack("=IIiiI", 12, CMD_VERSION, *VERSION, 0))
        _receive(channel, 12)
        yield channel


def _states(channel: socket.socket, command: int) -> bytes:
    channel.sendall(struct.pack("=II", 0, command))
    return _receive(channel, SLOTS * READER_STATE)


def _receive(channel: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = channel.recv(length - len(data))
        if not part:
            raise ConnectionError("pcscd closed the connection")
        data += part
    return data
