# SPDX-License-Identifier: Apache-2.0
"""The serial line: a pseudo-terminal, two threads, and what can go wrong on the way.

Events ``rx`` (a frame towards the controller) and ``tx`` (a frame from it). Kinds: ``drop``, ``corrupt`` (``byte``, ``bit``), ``delay``
(``ms``), ``duplicate``, ``noise`` (``bytes`` random bytes in front), ``truncate`` (``bytes`` kept), ``hold`` (by the kit), and the device's
own ``power_cut`` and ``reset``, which happen as the frame passes.

The slave side stays open in here and raw, so a driver may come and go. Baud is not imitated.
"""

from __future__ import annotations

import os
import queue
import random
import threading
import time
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.kit import FaultPlan, Transcript
    from simulators.kit.faults import Fault

_CHUNK = 4096
_LONGEST_HELD = 1024
_QUEUE = 256


class Wire:
    """One pseudo-terminal. ``deliver`` takes bytes for the controller, ``happen`` a fault which the device itself must carry out."""

    def __init__(
        self, faults: FaultPlan, transcript: Transcript, deliver: Callable[[bytes], None], happen: Callable[[Fault], None]
    ) -> None:
        self._master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self._faults = faults
        self._transcript = transcript
        self._deliver = deliver
        self._happen = happen
        self._outgoing: queue.Queue[bytes] = queue.Queue(_QUEUE)
        self._faulty = False

    def start(self) -> None:
        """Carry bytes, without faults until :meth:`allow_faults`."""
        threading.Thread(target=self._incoming_loop, daemon=True).start()
        threading.Thread(target=self._outgoing_loop, daemon=True).start()

    def allow_faults(self) -> None:
        """From now on the fault plan counts frames."""
        self._faulty = True

    def send(self, frame: bytes) -> None:
        """Send a frame of the controller; when nobody has read the last 256, it is lost."""
        try:
            self._outgoing.put_nowait(frame)
        except queue.Full:
            self._transcript.note("frame lost: nobody reads")

    def _incoming_loop(self) -> None:
        pending = b""
        while data := os.read(self._master, _CHUNK):
            *frames, pending = (pending + data).split(b"\0")
            for frame in frames:
                self._pass("rx", frame + b"\0", self._deliver) if frame else self._deliver(b"\0")
            if len(pending) > _LONGEST_HELD:
                self._deliver(pending)
                pending = b""

    def _outgoing_loop(self) -> None:
        while True:
            self._pass("tx", self._outgoing.get(), self._write)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._master, view) :]

    def _pass(self, event: str, frame: bytes, onward: Callable[[bytes], None]) -> None:
        self._transcript.frame(">" if event == "rx" else "<", frame)
        fault = self._faults.next(event) if self._faulty else None
        if fault is None:
            onward(frame)
            return
        self._transcript.note(f"{event}: {fault.do}")
        if fault.do in {"power_cut", "reset"}:
            self._happen(fault)
        else:
            onward(_spoiled(frame, fault))


def _spoiled(frame: bytes, fault: Fault) -> bytes:
    """Return what arrives of ``frame``; raises ``ValueError`` for a kind nobody knows."""
    options = fault.options
    if fault.do == "drop":
        return b""
    if fault.do == "corrupt":
        changed = bytearray(frame)
        changed[options.get("byte", len(frame) // 2) % len(frame)] ^= 1 << options.get("bit", 0)
        return bytes(changed)
    if fault.do == "delay":
        time.sleep(options.get("ms", 100) / 1000)
        return frame
    if fault.do == "duplicate":
        return frame + frame
    if fault.do == "noise":
        return random.randbytes(options.get("bytes", 64)) + frame
    if fault.do == "truncate":
        return frame[: options.get("bytes", len(frame) // 2)]
    raise ValueError(f"the wire knows no fault {fault.do}")
