# SPDX-License-Identifier: Apache-2.0
"""The device in time: power-up, the request loop, and what goes wrong when the fault plan says so.

Faults, at events ``status samid find select read append manage reset baud rf unknown fingerprint``:

``drop``       no answer
``delay``      the answer comes ``ms`` late
``corrupt``    byte ``byte`` (negative counts from the end; default the middle) has bit ``bit`` (default 0) flipped
``lose``       ``n`` bytes (default 1) are missing from byte ``byte`` on (default the middle)
``split``      the answer stops before byte ``byte`` (default the middle) and goes on ``ms`` (default 20) later; USB: ``tune {split}``
``junk``       ``hex`` (or ``n`` bytes 0x55) in front of the answer
``headless``   the first ``n`` bytes (default 1) are missing
``extra``      ``hex`` (or ``n`` bytes 0x55) behind the answer
``twice``      the answer, and the answer again
``stale``      an older answer in front of this one: the previous one, or the last to event ``of``
``instead``    only an older answer, chosen as for ``stale``
``interleave`` the bytes of the previous answer and of this one take turns
``pseudo``     ``AA AA AA 96 69 00 05 05 05 05``: what some boxes say when they are out of time
``empty``      success without its data
``short``      only the first ``bytes`` bytes (default half)
``babble``     the answer, and then noise for ``ms`` milliseconds
``lifted``     the card is gone: 41 (80, 81 for find, select), or with ``bytes`` the start of the answer and silence
``sw3``        status-only answer ``code`` with SW1 SW2 = ``sw`` (numbers)
``summed``     a two's complement sum for a checksum, as a maker's variant has it
``foreign``    ``hex`` (or ``n`` bytes 0x55) instead of the answer: another protocol
``stall``      USB only: the pipe halts until the host clears it, and the answer is lost
``hangup``     the port closes; control command ``plug`` opens a new one under the same name
``hang``       this and the next ``requests`` - 1 requests are not answered (0 = until the power comes back)
``hold``       the device stops before it answers, until the control command ``release``

A kind that is none of these ends the simulator.
"""

from __future__ import annotations

import os
import random
import threading
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from simulators.id_reader.sam import answer, event_of
from simulators.id_reader.spoilers import SPOILERS, Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.id_reader.sam import Sam
    from simulators.kit import Fault, SimulatorProcess
    from simulators.personas import Persona


NOISE_BYTES = 58
NOISE_BYTES_PER_S = 11520


SUPPLY_LOST_S = 10
"""How long whoever gives the supply back waits for the loop to have noticed that it was gone."""


class Attachment(Protocol):
    """How the reader hangs on the host: a serial port, a USB cable."""

    rated: bool
    """Whether the line has a rate of its own, which spreads answers over time."""

    def plug(self) -> None:
        """Connect; the name stays."""

    def unplug(self) -> None:
        """Disconnect: the cable is pulled."""

    def speed_is(self, baud: int) -> bool:
        """Return whether the host talks at ``baud``."""

    def hear(self, timeout: float) -> None:
        """Take in what the host sends within ``timeout`` seconds."""

    def request(self) -> bytes | int | None:
        """Take the next request, as :meth:`~simulators.id_reader.ear.Ear.request`."""

    def deafen(self) -> None:
        """Forget what was heard."""

    def say(self, answers: Sequence[bytes], bytes_per_s: float | None) -> None:
        """Send answers one after the other."""

    def stall(self) -> None:
        """Halt the pipe of the answer, where there are pipes."""


class Device:
    """Runs the reader on its attachment in a thread. Control commands and the loop share the reader's state under one lock."""

    def __init__(self, sam: Sam, port: Attachment, process: SimulatorProcess, *, pace: bool, power_up_ms: int, restart_ms: int) -> None:
        self.sam, self._port, self._process = sam, port, process
        self._pace, self._power_up_s, self._restart_s = pace, power_up_ms / 1000, restart_ms / 1000
        self._lock = threading.Lock()
        self._cable = self._supply = True
        self._plugged = threading.Event()
        """The host can see the reader: its cable is in and its port has power."""
        self._plugged.set()
        self._gone = threading.Event()
        """The loop has closed the port of a reader that is not plugged."""
        self._said = Said()
        self._deaf_for: int | None = 0
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
        self._cable = False
        self._vanish()

    def plug(self) -> None:
        """Put the cable back: a new port, and the power comes back with it."""
        self._cable = True
        self._appear(self._power_up_s)

    def power(self, *, on: bool) -> None:
        """Switch the supply of the reader's port: without it the port vanishes; with it the SAM needs its time to start."""
        if on != self._supply:
            self._supply = on
            self._process.transcript.note(f"supply {'on' if on else 'off'}")
            if on:
                self._appear(self._restart_s)
            else:
                self._vanish()
                self._gone.wait(SUPPLY_LOST_S)

    def _vanish(self) -> None:
        if self._plugged.is_set():
            self._gone.clear()
            self._plugged.clear()

    def _appear(self, start_s: float) -> None:
        if self._plugged.is_set() or not (self._cable and self._supply):
            return
        if not self._gone.wait(SUPPLY_LOST_S):
            raise ValueError("the reader is busy: its loop did not notice that it was unplugged")
        with self._lock:
            self._port.plug()
            self.sam.power_on()
            self._deaf_for = 0
            self._awake_at = time.monotonic() + start_s
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
                self._gone.set()
                self._plugged.wait()
            self._port.hear(0.05)
            while self._plugged.is_set() and (request := self._port.request()) is not None:
                self._serve(request)

    def _serve(self, request: bytes | int) -> None:
        if time.monotonic() < self._awake_at or not self._port.speed_is(self.sam.baud):
            self._port.deafen()
            return
        rate = self.sam.baud / 10 if self._pace and self._port.rated else None
        event = event_of(request) if isinstance(request, bytes) else "unknown"
        self.counts[event] += 1
        transcript = self._process.transcript
        transcript.frame(">", request if isinstance(request, bytes) else b"", event)
        fault = self._process.faults.next(event)
        if self._hangs(fault):
            return
        if fault and fault.do == "lifted":
            self._lift(fault, request, rate)
            return
        with self._lock:
            reply = self.sam.handle(request) if isinstance(request, bytes) else answer(request)
        if fault and fault.do in {"hangup", "stall"}:
            self.unplug() if fault.do == "hangup" else self._port.stall()
            return
        said = SPOILERS[fault.do](self._said, fault, reply) if fault and fault.do not in {"babble", "split"} else [reply]
        self._said.remember(event, reply)
        if fault and fault.do == "split":
            at = int(fault.options.get("byte", len(reply) // 2))
            self._port.say([reply[:at]], rate)
            time.sleep(float(fault.options.get("ms", 20)) / 1000)
            said = [reply[at:]]
        for one in said:
            transcript.frame("<", one, f"{event} {fault.do}" if fault else event)
        self._port.say(said, rate)
        if fault and fault.do == "babble":
            self._babble(float(fault.options.get("ms", 200)) / 1000)

    def _babble(self, seconds: float) -> None:
        """Talk nonsense at the pace of a serial line, heeding nobody."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._plugged.is_set():
            self._port.say([random.randbytes(NOISE_BYTES)], None)
            time.sleep(NOISE_BYTES / NOISE_BYTES_PER_S)
        self._port.hear(0)
        self._port.deafen()

    def _hangs(self, fault: Fault | None) -> bool:
        """Tell whether the SAM is beyond answering; ``None`` requests are left when only power helps."""
        if fault and fault.do == "hang":
            self._deaf_for = int(fault.options.get("requests", 0)) or None
        if self._deaf_for:
            self._deaf_for -= 1
            return True
        return self._deaf_for is None

    def _lift(self, fault: Fault, request: bytes | int, rate: float | None) -> None:
        with self._lock:
            whole = self.sam.handle(request) if isinstance(request, bytes) else b""
            self.sam.remove()
            reply = self.sam.handle(request) if isinstance(request, bytes) else b""
        said = whole[: int(fault.options["bytes"])] if "bytes" in fault.options else reply
        self._process.transcript.frame("<", said, "lifted")
        self._port.say([said], rate)
