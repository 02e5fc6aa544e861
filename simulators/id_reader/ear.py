# SPDX-License-Identifier: Apache-2.0
"""How a reader hears: requests are found by their preamble in whatever comes in."""

from __future__ import annotations

from simulators.id_reader.sam import PREAMBLE, xor


class Ear:
    """Bytes in, requests out."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def add(self, data: bytes) -> None:
        """Add what the host sent."""
        self._heard += data

    def deafen(self) -> None:
        """Forget what was heard: the reader has no power, or hears noise."""
        self._heard.clear()

    def request(self) -> bytes | int | None:
        """Take the next request: its ``CMD Para [Data]``, or the SW3 of a malformed one (10 checksum, 11 length), or ``None``."""
        start = self._heard.find(PREAMBLE)
        if start < 0:
            del self._heard[: max(0, len(self._heard) - len(PREAMBLE) + 1)]
            return None
        del self._heard[:start]
        if len(self._heard) < 7:
            return None
        length = int.from_bytes(self._heard[5:7], "big")
        if length not in (3, 4):
            self._heard.clear()
            return 0x11
        if len(self._heard) < length + 7:
            return None
        frame = bytes(self._heard[: length + 7])
        del self._heard[: length + 7]
        return frame[7:-1] if xor(frame[5:]) == 0 else 0x10
