# SPDX-License-Identifier: Apache-2.0
"""Cut the terminal's power in the middle of a chosen step.

Where a device or a person takes part in the step, that device stops in the middle of it first (a ``hold`` of its fault plan), so the
cut falls where it should; steps that the terminal does alone are cut as soon as its screen says that they began. Where the device can
only be told once the step has begun, it is slowed from the start, so that the step is not over before the device is told.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from host_tools.demo.errors import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from host_tools.demo.rig import Rig
    from host_tools.demo.terminal import Terminal

STEPS: Final = (
    "notice", "document", "check", "portrait", "agreement", "confirm", "card",
    "record", "approval", "recheck", "write", "verify", "report", "receipt", "erase",
)  # fmt: skip
"""The steps of an activation, in order."""

HELD_IN: Final[Mapping[str, tuple[str, str]]] = {
    "notice": ("desk", "notice"),
    "document": ("id_reader", "read"),
    "portrait": ("desk", "portrait"),
    "agreement": ("desk", "agreement"),
    "confirm": ("desk", "confirm"),
    "card": ("desk", "card"),
    "approval": ("backend", "approve"),
    "write": ("sim_card", "update#4"),
    "report": ("backend", "result"),
    "receipt": ("printer", "line#2"),
}
"""Step → the device that stops in it, and the event of its fault plan at which it does."""

SCRIPT_WRITE: Final = ("sim_card", "envelope#2")
"""The same for the write of a card that takes a script: the terminal sends it no updates."""

HELD_FROM: Final[Mapping[str, tuple[str, str]]] = {"recheck": ("sim_card", "apdu"), "verify": ("sim_card", "apdu")}
"""The same for steps whose events also happen in earlier ones: planned only when the step has begun."""

SLOWED: Final[Mapping[str, object]] = {"at": "select", "do": "delay", "ms": 40, "times": 0}
"""What slows the card down for a step of :data:`HELD_FROM`: another event than those held, so that both faults count."""

LOOK_S = 0.5


class PowerCut:
    """One planned cut. ``struck`` is set just before the terminal is killed, ``dark`` when nothing of it runs any more."""

    def __init__(self, step: str, rig: Rig, terminal: Terminal, mode: str) -> None:
        self.step = step
        self._held_in = {**HELD_IN, "write": SCRIPT_WRITE} if mode == "script" else HELD_IN
        self.struck = threading.Event()
        self.dark = threading.Event()
        self._rig = rig
        self._terminal = terminal
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def plan(self) -> None:
        """Tell the device of the step to stop in it, and wait for that in the background."""
        if self.step in self._held_in:
            device, event = self._held_in[self.step]
            self._rig.device(device, "fault", fault={"at": event, "do": "hold"})
            self._thread = threading.Thread(target=self._strike_when_held, args=(device,), daemon=True)
            self._thread.start()
        elif self.step in HELD_FROM:
            self._rig.device(HELD_FROM[self.step][0], "fault", fault=SLOWED)

    def begun(self, step: str) -> None:
        """Hear that ``step`` began; cuts here when no device was told before. A step that is over already is not cut."""
        if step != self.step or self.step in HELD_IN or self.struck.is_set():
            return
        if self.step not in HELD_FROM:
            self._strike()
            return
        device, event = HELD_FROM[self.step]
        self._rig.device(device, "fault", fault={"at": event, "do": "hold"})
        if self._rig.device(device, "wait_held", timeout=LOOK_S)["held"]:
            self._strike()
        self._rig.device(device, "clear_faults")

    def close(self) -> None:
        """Give the plan up; afterwards no cut comes any more."""
        self._over.set()
        if self._thread:
            self._thread.join()

    def _strike_when_held(self, device: str) -> None:
        try:
            while not self._over.is_set():
                if self._rig.device(device, "wait_held", timeout=LOOK_S)["held"]:
                    self._strike()
                    self._rig.device(device, "release")
                    return
        except DemoFailed:
            return  # the rig ended first: the story notices that by itself

    def _strike(self) -> None:
        self.struck.set()
        self._terminal.cut_power()
        self.dark.set()
