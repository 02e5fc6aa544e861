# SPDX-License-Identifier: Apache-2.0
"""Framing on the serial link to the terminal's computer.

A frame is ``00 | COBS(version | seq | type | payload | CRC-32 little-endian) | 00``; COBS as in Cheshire and Baker, "Consistent Overhead
Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999; CRC-32 of ISO-HDLC over version to payload.

* The 00 in front ends whatever noise or lost frame stood before.
* A frame that is too long, badly stuffed, of another version or of a wrong CRC is dropped in silence: the other side asks again.
* The other side speaks first and sends nothing while an answer is due. A request with the sequence number and CRC of the last one is a
  retransmission: it gets the stored answer, and its command does not run a second time.

Buffers are allocated once. What a command means is decided in ``core``.
"""

from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

try:
    from typing import TYPE_CHECKING
except ImportError:  # the microcontroller has no typing
    TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import UART

    Answer = Callable[[int, bytearray, int, int, bytearray, int], int]

VERSION = const(1)
MAX_PAYLOAD = const(240)
REPLY = const(0x80)
_HEAD = const(3)
_CRC = const(4)
_MAX_BODY = const(247)
_MAX_STUFFED = const(248)
_RUN = const(254)


def stuff(source: bytearray, length: int, out: bytearray, at: int) -> int:
    """Write the COBS form of ``source[:length]`` to ``out`` from ``at``; return where it ends. ``source`` is a bytearray."""
    view = memoryview(source)
    start = 0
    while True:
        zero = source.find(b"\0", start, length)
        end = length if zero < 0 else zero
        while end - start > _RUN or (end - start == _RUN and zero >= 0):
            at = _run(view, start, _RUN, out, at, 0xFF)
            start += _RUN
        if end - start == _RUN:
            return _run(view, start, _RUN, out, at, 0xFF)  # a full run at the very end has no 01 after it
        at = _run(view, start, end - start, out, at, end - start + 1)
        if zero < 0:
            return at
        start = zero + 1


def _run(view: memoryview, start: int, count: int, out: bytearray, at: int, code: int) -> int:
    out[at] = code
    at += 1
    out[at : at + count] = view[start : start + count]
    return at + count


def unstuff(source: bytearray, length: int, out: bytearray) -> int:
    """Write what the COBS bytes ``source[:length]`` stand for to ``out``; return its length, or -1 when they are not COBS.

    They hold no zeros: the line is split at zeros first.
    """
    view = memoryview(source)
    i = n = 0
    while i < length:
        code = source[i]
        after = i + code
        if code == 0 or after > length:
            return -1
        out[n : n + code - 1] = view[i + 1 : after]
        n += code - 1
        i = after
        if code <= _RUN and i < length:
            out[n] = 0
            n += 1
    return n


class Link:
    """Requests in, answers out, over ``uart`` (``any``, ``readinto``, ``write`` as on ``machine.UART``)."""

    def __init__(self, uart: UART) -> None:
        self._uart = uart
        self._chunk = bytearray(64)
        self._line = bytearray(_MAX_STUFFED)
        self._fill = 0
        self._overlong = False
        self._request = bytearray(_MAX_STUFFED)
        self._reply = bytearray(_MAX_BODY)
        self._wire = bytearray(_MAX_STUFFED + 2)
        self._wire_length = 0
        self._last_seq = -1
        self._last_crc = 0

    def poll(self, answer: Answer) -> None:
        """Take what arrived; for each new request call ``answer(type, request, start, end, out, at)``, which returns the answer's end."""
        while self._uart.any():
            count = self._uart.readinto(self._chunk)
            if not count:
                return
            start = 0
            while start < count:
                zero = self._chunk.find(b"\0", start, count)
                end = count if zero < 0 else zero
                self._collect(start, end)
                if zero >= 0:
                    self._frame(answer)
                start = end + 1

    def _collect(self, start: int, end: int) -> None:
        fill = self._fill + end - start
        if self._overlong or fill > _MAX_STUFFED:
            self._overlong = True
            return
        self._line[self._fill : fill] = memoryview(self._chunk)[start:end]
        self._fill = fill

    def _frame(self, answer: Answer) -> None:
        length, overlong = self._fill, self._overlong
        self._fill, self._overlong = 0, False
        if overlong or not length:
            return
        request = self._request
        end = unstuff(self._line, length, request) - _CRC
        if end < _HEAD or request[0] != VERSION:
            return
        crc = unpack_from("<I", request, end)[0]
        if crc != crc32(memoryview(request)[:end]):
            return
        if request[1] != self._last_seq or crc != self._last_crc:
            self._build(answer, request, end)
            self._last_seq, self._last_crc = request[1], crc
        self._uart.write(memoryview(self._wire)[: self._wire_length])

    def _build(self, answer: Answer, request: bytearray, end: int) -> None:
        reply = self._reply
        reply[0] = VERSION
        reply[1] = request[1]
        reply[2] = request[2] | REPLY
        stop = answer(request[2], request, _HEAD, end, reply, _HEAD)
        pack_into("<I", reply, stop, crc32(memoryview(reply)[:stop]))
        self._wire[0] = 0
        stop = stuff(reply, stop + _CRC, self._wire, 1)
        self._wire[stop] = 0
        self._wire_length = stop + 1
