# SPDX-License-Identifier: Apache-2.0
"""The device in time: power-up, the request loop, and what goes wrong when the fault plan says so.

Faults, at events ``status samid find select read append manage reset baud rf unknown fingerprint``:

``drop``     no answer
``delay``    the answer comes ``ms`` late
``corrupt``  byte ``byte`` (negative counts from the end; default the middle) has bit ``bit`` (default 0) flipped
``junk``     ``hex`` (or ``n`` bytes 0x55) in front of the answer
``stale``    an older answer in front of this one: the previous one, or the last to event ``of``
``short``    only the first ``bytes`` bytes (default half)
``lifted``   the card is gone: 41 (80, 81 for find, select), or with ``bytes`` the start of the answer and silence
``sw3``      status-only answer ``code`` with SW1 SW2 = ``sw`` (numbers)
``hangup``   the port closes; control command ``plug`` opens a new one under the same link
``hold``     the device stops before it answers, until the control command ``release``

A kind that is none of these ends the simulator.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING

from simulators.id_reader.sam import PREAMBLE, answer, event_of, xor

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.id_reader.port import Port
    from simulators.id_reader.sam import Sam
    from simulators.kit import Fault, SimulatorProcess
    from simulators.personas import Persona


class Device:
    """Runs the reader on its port in a thread. Control commands and the loop share the reader's state under one lock."""

    def __init__(self, sam: Sam, port: Port, process: SimulatorProcess, *, pace: bool, power_up_ms: int) -> None:
        self.sam, self._port, self._process = sam, port, process
        self._pace, self._power_up_s = pace, power_up_ms / 1000
        self._lock = threading.Lock()
        self._plugged = threading.Event()
        self._plugged.set()
        self._last: dict[str, bytes] = {}
        self._previous = b""
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Switch the power on; the device answers ``power_up_ms`` later."""
        self._awake_at = time.monotonic() + self._power_up_s
        threading.Thread(target=self._run, daemon=True).start()

    def insert(self, persona: Persona) -> None:
        """Lay a card on the reader."""
        with self._lock:
            self.sam.insert(persona)
        self._process.transcript.note(f"insert {persona.key}")

    def remove(self) -> None:
        """Lift the card."""
        with self._lock:
            self.sam.remove()
        self._process.transcript.note("remove")

    def unplug(self) -> None:
        """Pull the cable; the loop notices at its next turn and closes the port."""
        self._plugged.clear()

    def plug(self) -> None:
        """Put the cable back: a new port, and the power comes back with it."""
        with self._lock:
            if self._plugged.is_set():
                return
            self._port.plug()
            self.sam.power_on()
            self._awake_at = time.monotonic() + self._power_up_s
            self._plugged.set()

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException:  # noqa: BLE001  # whatever it was, the process ends with it
            traceback.print_exc()
            os._exit(1)  # a simulator that lost its loop would look like a silent reader

    def _loop(self) -> None:
        while True:
            if not self._plugged.is_set():
                with self._lock:
                    self._port.unplug()
                self._process.transcript.note("unplugged")
                self._plugged.wait()
            self._port.hear(0.05)
            while self._plugged.is_set() and (request := self._port.request()) is not None:
                self._serve(request)

    def _serve(self, request: bytes | int) -> None:
        if time.monotonic() < self._awake_at or not self._port.speed_is(self.sam.baud):
            self._port.deafen()
            return
        rate = self.sam.baud / 10 if self._pace else None
        event = event_of(request) if isinstance(request, bytes) else "unknown"
        self.counts[event] += 1
        transcript = self._process.transcript
        transcript.frame(">", request if isinstance(request, bytes) else b"", event)
        fault = self._process.faults.next(event)
        if fault and fault.do == "lifted":
            self._lift(fault, request, rate)
            return
        with self._lock:
            reply = self.sam.handle(request) if isinstance(request, bytes) else answer(request)
        said = self._spoil(fault, reply, event) if fault else reply
        if said is None:
            self.unplug()
            return
        self._remember(event, reply)
        transcript.frame("<", said, f"{event} {fault.do}" if fault else event)
        self._port.say(said, rate)

    def _remember(self, event: str, reply: bytes) -> None:
        self._previous = self._last[event] = reply

    def _lift(self, fault: Fault, request: bytes | int, rate: float | None) -> None:
        with self._lock:
            whole = self.sam.handle(request) if isinstance(request, bytes) else b""
            self.sam.remove()
            reply = self.sam.handle(request) if isinstance(request, bytes) else b""
        said = whole[: int(fault.options["bytes"])] if "bytes" in fault.options else reply
        self._process.transcript.frame("<", said, "lifted")
        self._port.say(said, rate)

    def _spoil(self, fault: Fault, reply: bytes, event: str) -> bytes | None:
        """Return the bytes to send instead of ``reply``; ``None`` = pull the cable."""
        if fault.do == "hangup":
            return None
        return SPOILERS[fault.do](self, fault, reply, event)

    def stale(self, fault: Fault, reply: bytes, _event: str) -> bytes:
        """Put an older answer in front."""
        older = self._last.get(str(fault.options["of"]), b"") if "of" in fault.options else self._previous
        return older + reply


def _delay(_device: Device, fault: Fault, reply: bytes, _event: str) -> bytes:
    time.sleep(float(fault.options.get("ms", 100)) / 1000)
    return reply


def _corrupt(_device: Device, fault: Fault, reply: bytes, _event: str) -> bytes:
    spoiled = bytearray(reply)
    spoiled[int(fault.options.get("byte", len(reply) // 2))] ^= 1 << int(fault.options.get("bit", 0))
    return bytes(spoiled)


def _junk(_device: Device, fault: Fault, reply: bytes, _event: str) -> bytes:
    return bytes.fromhex(fault.options.get("hex", "55" * int(fault.options.get("n", 5)))) + reply


def _short(_device: Device, fault: Fault, reply: bytes, _event: str) -> bytes:
    return reply[: int(fault.options.get("bytes", len(reply) // 2))]


def _sw3(_device: Device, fault: Fault, _reply: bytes, _event: str) -> bytes:
    body = b"\0\4" + int(fault.options.get("sw", 0)).to_bytes(2, "big") + bytes([int(fault.options["code"])])
    return PREAMBLE + body + bytes([xor(body)])


SPOILERS: dict[str, Callable[[Device, Fault, bytes, str], bytes]] = {
    "drop": lambda _device, _fault, _reply, _event: b"",
    "delay": _delay,
    "corrupt": _corrupt,
    "junk": _junk,
    "stale": Device.stale,
    "short": _short,
    "sw3": _sw3,
}
