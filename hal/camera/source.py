# SPDX-License-Identifier: Apache-2.0
"""Fetch one fresh frame from the frame source, a Unix stream socket.

A connection is a request: the source takes the picture after it accepted, sends a 4-byte big-endian length and that many bytes,
and closes. A picture is therefore never older than the question, and no buffer can hold the previous customer's face. Length 0
says "no picture". The length is bounded before anything is allocated; bytes after the picture are a protocol error.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from hal.camera.errors import NoFrame
from hal.camera.frame import MAX_IMAGE, Frame, parse
from hal.errors import DeadlinePassed, LinkClosed, ProtocolError

if TYPE_CHECKING:
    from hal.deadline import Deadline

_LENGTH_BYTES = 4
_CHUNK = 64 * 1024


def capture(source: str, deadline: Deadline) -> Frame:
    """Return one frame taken after this call began.

    ``source`` is the path of the socket. Raises :class:`~hal.errors.LinkClosed` when nobody serves it or it hangs up before the
    first byte, :class:`~hal.errors.DeadlinePassed`, :class:`~hal.errors.ProtocolError` for a broken answer and
    :class:`~hal.camera.errors.NoFrame` when the source has no picture.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(deadline.check())
            channel.connect(source)
            return _receive(channel, deadline)
    except TimeoutError as error:
        raise DeadlinePassed from error
    except OSError as error:
        raise LinkClosed(errno=error.errno) from error


def _receive(channel: socket.socket, deadline: Deadline) -> Frame:
    head = _read(channel, _LENGTH_BYTES, deadline)
    if not head:
        raise LinkClosed(reason="hung_up")
    if len(head) < _LENGTH_BYTES:
        raise ProtocolError(reason="truncated", length=len(head))
    length = int.from_bytes(head, "big")
    if length == 0:
        raise NoFrame
    if length > MAX_IMAGE:
        raise ProtocolError(reason="oversize", length=length)
    image = _read(channel, length, deadline)
    if len(image) < length:
        raise ProtocolError(reason="truncated", length=len(image))
    frame = parse(image)
    if _read(channel, 1, deadline):
        raise ProtocolError(reason="trailing", length=length)
    return frame


def _read(channel: socket.socket, count: int, deadline: Deadline) -> bytes:
    """Return ``count`` bytes, or fewer when the source closed."""
    parts = bytearray()
    while len(parts) < count:
        channel.settimeout(deadline.check())
        part = channel.recv(min(_CHUNK, count - len(parts)))
        if not part:
            break
        parts += part
    return bytes(parts)
