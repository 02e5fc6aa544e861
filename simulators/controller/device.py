# SPDX-License-Identifier: Apache-2.0
"""The microcontroller as a whole: boots the firmware again and again on the virtual machine, and lets the watchdog bite.

Decides how lives follow each other: a reset keeps the flash and the scratch register, a power cut keeps the flash only.
"""

from __future__ import annotations

import os
import select
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.controller import codec
from simulators.controller.board import PWRON, WDT, Board, LifeEnded
from simulators.controller.vm import GuestEnded, Interrupted, VirtualMachine
from simulators.controller.wire import Wire

if TYPE_CHECKING:
    from simulators.controller.flash import Flash
    from simulators.kit import FaultPlan, Transcript
    from simulators.kit.faults import Fault

FIRMWARE = Path(__file__).parents[2] / "firmware" / "controller"
GUEST = Path(__file__).parent / "guest"

BOOT = """
import sys
sys.path[:] = ["/stand_in"]
import os_stand_in, machine_stand_in
sys.modules["os"], sys.modules["machine"] = os_stand_in, machine_stand_in
import rp2
sys.path[:] = ["/flash"]
import boot, main
"""


class Device:
    """One simulated controller. ``start`` it, then ``hello`` until it answers."""

    def __init__(self, flash: Flash, faults: FaultPlan, transcript: Transcript, firmware: Path = FIRMWARE) -> None:
        self._transcript = transcript
        self._firmware = firmware
        self._machine = VirtualMachine()
        self.wire = Wire(faults, transcript, self._deliver, self._happen)
        self.board = Board(flash, faults, self.wire.send)

    def start(self) -> None:
        """Switch the power on."""
        self.wire.start()
        threading.Thread(target=self._live, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def hello(self, timeout: float) -> str:
        """Ask over the wire who is there; returns the firmware's version. Raises ``TimeoutError`` or ``ValueError`` when nobody does."""
        end = time.monotonic() + timeout
        self.board.wait_boot(0, timeout)
        request = codec.build(0, codec.HELLO, os.urandom(8))
        heard = b""
        while (left := end - time.monotonic()) > 0:
            os.write(self.wire.slave, request)
            while select.select([self.wire.slave], [], [], min(left, 0.25))[0]:
                heard += os.read(self.wire.slave, 4096)
                for stuffed in heard.split(b"\0")[:-1]:
                    answer = codec.parse(stuffed)
                    if answer and answer[1] == codec.HELLO | 0x80:
                        return answer[2][20:].decode()
        raise TimeoutError("the controller does not answer")

    def power_cut(self, off_s: float) -> None:
        """Take the power away at once and give it back after ``off_s`` seconds."""
        self._end_life(LifeEnded("power cut", PWRON, off_s, powered=False))

    def reset(self) -> None:
        """Pull the reset line."""
        self._end_life(LifeEnded("reset line", PWRON))

    def _end_life(self, end: LifeEnded) -> None:
        if self.board.end_life(end):
            self._machine.interrupt()  # an endless loop makes no calls that could end it

    def _deliver(self, data: bytes) -> None:
        self.board.receive(data)

    def _happen(self, fault: Fault) -> None:
        if fault.do == "reset":
            self.reset()
        else:
            self.power_cut(fault.options.get("ms", 0) / 1000)

    def _live(self) -> None:
        while True:
            end = self._one_life()
            self._transcript.note(f"life ended: {end.why}")
            self.board.begin_life(end.cause, powered=end.powered)
            time.sleep(end.off_s)

    def _one_life(self) -> LifeEnded:
        folders = {"/stand_in": GUEST, "/flash": self._firmware}
        try:
            self._machine.boot(BOOT, folders, self.board.functions(), self._print)
        except LifeEnded as end:
            return end
        except Interrupted:
            return self.board.ending or LifeEnded("watchdog", WDT)
        except GuestEnded as end:
            while (left := self.board.watchdog_left()) is None or left > 0:
                time.sleep(min(left or 1.0, 1.0))  # a stopped program is found by the watchdog, or by nobody
            return LifeEnded(f"firmware ended ({end.code}), then watchdog", WDT)
        raise RuntimeError("a life ends by an exception")

    def _watch(self) -> None:
        late = False
        while True:
            left = self.board.watchdog_left()
            if left is None or left > 0:
                late = False
            elif late:
                self._machine.interrupt()
                left, late = None, False
            else:
                late = True  # look again: this whole process may have been stopped for a while, and the guest never got to feed
            time.sleep(0.25 if left is None else max(left, 0.05))

    def _print(self, data: bytes) -> None:
        self._transcript.note(data.decode(errors="replace").rstrip())
        os.write(2, data)
