# SPDX-License-Identifier: Apache-2.0
"""The hardware around the microcontroller: pins, serial ring, flash, watchdog timer, reset causes.

It answers the calls of the stand-in modules in ``guest/`` and offers the other side of the pins to the control socket. Pin numbers come
from ``board/pins.csv``. A call that finds a reset or power cut waiting ends the life of the guest by raising :class:`LifeEnded`.
"""

from __future__ import annotations

import csv
import itertools
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.controller.flash import Flash
    from simulators.controller.vm import HostFunction, Memory
    from simulators.kit import FaultPlan

PINS_CSV = Path(__file__).parents[2] / "board" / "pins.csv"
IDLE_S = 0.02
"""Longest rest of the guest; a byte, an edge or a request from the control socket ends it sooner."""

PWRON, WDT = 1, 3
LIGHTS = ("red", "amber", "green")
_HISTORY = 64


class LifeEnded(Exception):
    """The microcontroller lost power or was reset. ``cause`` is what the next life reads; ``off_s`` the time without power."""

    def __init__(self, why: str, cause: int, off_s: float = 0.0, *, powered: bool = True) -> None:
        super().__init__(why)
        self.why, self.cause, self.off_s, self.powered = why, cause, off_s, powered


def pin_numbers() -> dict[str, int]:
    """Return pin name → GPIO number as ``board/pins.csv`` has it."""
    with PINS_CSV.open(encoding="utf-8", newline="") as file:
        return {row["name"]: int(row["gpio"]) for row in csv.DictReader(file)}


class Board:
    """State of the hardware; thread-safe. ``send`` takes what the guest writes to its serial port."""

    def __init__(self, flash: Flash, faults: FaultPlan, send: Callable[[bytes], None]) -> None:
        self.flash = flash
        self._faults = faults
        self._send = send
        self._pins = pin_numbers()
        self._names = {number: name for name, number in self._pins.items()}
        self._changed = threading.Condition()
        self._inputs = {self._pins["TAMPER"]: 0, self._pins["BUTTON"]: 1}
        self._history: dict[str, list[tuple[float, int]]] = {}
        self._scratch = 0
        self.ending: LifeEnded | None = None
        self._hang = self._hanging = False
        self.boots = 0
        self._wired: dict[int, Callable[[int], None]] = {}
        self._edges: list[tuple[Callable[[int], None], int]] = []
        """What the wires have not been told yet."""
        self.begin_life(PWRON, powered=False)

    def wire(self, name: str, listener: Callable[[int], None]) -> None:
        """Join an output pin to something outside: ``listener`` is told of each new level before the guest goes on."""
        self._wired[self._pins[name]] = listener

    def begin_life(self, cause: int, *, powered: bool) -> None:
        """Put everything a reset clears back to its start; without ``powered`` the scratch register is lost too."""
        self._clear(cause, powered=powered)
        self._tell_wires()

    def _clear(self, cause: int, *, powered: bool) -> None:
        with self._changed:
            self._cause = cause
            if not powered:
                self._scratch = 0
            self.ending = None
            self._hang = self._hanging = False
            self._idle = False
            self._ring, self._ring_size = bytearray(), 0
            self._interrupts: set[int] = set()
            self._pending: list[int] = []
            self._watchdog_s = 0.0
            self._fed = time.monotonic()
            for name in ("LIGHT_RED", "LIGHT_AMBER", "LIGHT_GREEN", "BUZZER", "SIM_POWER", "HOST_RESET", "READER_OFF"):
                self._drive(self._pins[name], 0)

    # ---- the outside of the pins: control socket and wire

    def receive(self, data: bytes) -> None:
        """Bytes arrive at the serial port; what does not fit into the ring is lost, as on silicon."""
        with self._changed:
            self._ring += data[: max(0, self._ring_size - len(self._ring))]
            self._changed.notify_all()

    def set_input(self, name: str, level: int) -> None:
        """Move an input pin; a rising edge is an interrupt if the guest asked for it."""
        number = self._pins[name]
        with self._changed:
            rising = level > self._inputs[number]
            self._inputs[number] = level
            if rising and number in self._interrupts:
                self._pending.append(number)
            self._changed.notify_all()

    def end_life(self, end: LifeEnded) -> bool:
        """Reset or unpower the microcontroller at its next call to the board; returns whether it hangs and will make none."""
        with self._changed:
            self.ending = end
            self._changed.notify_all()
            return self._hanging

    def hang(self) -> int:
        """Let the guest run into an endless loop; returns the number of boots so far, once it is in it."""
        with self._changed:
            self._hang = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._hanging, 5):
                raise ValueError("the guest does not come round to hang")
            return self.boots

    def wait_boot(self, after: int, timeout: float) -> int:
        """Wait until the guest runs its main loop in a boot later than number ``after``; returns its number or raises ``ValueError``."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._idle and self.boots > after, timeout):
                raise ValueError(f"no boot after number {after} in {timeout} s")
            return self.boots

    def watchdog_left(self) -> float | None:
        """Return the seconds until the watchdog bites, or ``None`` while it is not armed."""
        with self._changed:
            return self._fed + self._watchdog_s - time.monotonic() if self._watchdog_s else None

    def signals(self) -> dict[str, object]:
        """Return what a person in front of the terminal sees and hears, and the state of the power and reset lines."""
        with self._changed:
            now = time.monotonic()
            lit = {colour: self._history[f"LIGHT_{colour.upper()}"] for colour in LIGHTS}
            blinking = {c: sum(now - at < 1.0 for at, _ in edges) >= 2 for c, edges in lit.items()}
            shown = [colour for colour in LIGHTS if lit[colour][-1][1] or blinking[colour]]
            return {
                "colour": shown[0] if shown else "off",
                "blinking": any(blinking.values()),
                "on": [colour for colour in LIGHTS if lit[colour][-1][1]],
                "buzzer_ms": self._pulses("BUZZER"),
                "sim_power": bool(self._history["SIM_POWER"][-1][1]),
                "host_resets": len(self._pulses("HOST_RESET")),
                "reader_power": not self._history["READER_OFF"][-1][1],
                "reader_off_ms": self._pulses("READER_OFF"),
            }

    def _pulses(self, name: str) -> list[int]:
        """Return the lengths of the finished high pulses, in ms."""
        edges = self._history[name]
        return [round((down - up) * 1000) for (up, level), (down, _) in itertools.pairwise(edges) if level]

    def _drive(self, number: int, level: int) -> None:
        history = self._history.setdefault(self._names[number], [(0.0, 0)])
        if history[-1][1] != level:
            history.append((time.monotonic(), level))
            del history[:-_HISTORY]
            if listener := self._wired.get(number):
                self._edges.append((listener, level))

    def _tell_wires(self) -> None:
        """Tell of new levels, outside the lock: whoever is told may take a while."""
        while self._edges:
            listener, level = self._edges.pop(0)
            listener(level)

    # ---- the inside: calls of the guest

    def functions(self) -> dict[str, HostFunction]:
        """Return the host functions by the names that ``guest/`` uses."""
        answered: dict[str, HostFunction] = {
            "look": lambda *_: "",
            "pin_set": self._pin_set,
            "pin_irq": self._pin_irq,
            "uart_open": self._uart_open,
            "uart_read": self._uart_read,
            "uart_write": self._uart_write,
            "watchdog_arm": self._watchdog_arm,
            "watchdog_feed": self._watchdog_feed,
            "reset_cause": lambda *_: str(self._cause),
            "reset": self._reset,
            "idle": self._rest,
            "flash_read": self._flash_read,
            "flash_erase": self._flash_erase,
            "flash_program": self._flash_program,
        }
        plain: dict[str, HostFunction] = {
            "scratch_get": lambda *_: str(self._scratch),
            "scratch_set": self._scratch_set,
            "random": lambda text, _: os.urandom(int(text)).hex(),
        }
        return {name: self._with_inputs(function) for name, function in answered.items()} | plain

    def _with_inputs(self, function: HostFunction) -> HostFunction:
        def call(text: str, memory: Memory) -> str:
            if self.ending:
                raise self.ending
            answer = function(text, memory)
            with self._changed:
                pending, self._pending = self._pending, []
                levels = sum(level << number for number, level in self._inputs.items())
                return f"{answer}|{' '.join(map(str, pending))}|{levels}|{len(self._ring)}"

        return call

    def _pin_set(self, text: str, _: Memory) -> str:
        number, level = map(int, text.split())
        with self._changed:
            self._drive(number, level)
        self._tell_wires()
        return ""

    def _pin_irq(self, text: str, _: Memory) -> str:
        with self._changed:
            self._interrupts.add(int(text))
        return ""

    def _uart_open(self, text: str, _: Memory) -> str:
        with self._changed:
            self._ring_size = int(text.split()[2])
        return ""

    def _uart_read(self, text: str, memory: Memory) -> str:
        address, length = map(int, text.split())
        with self._changed:
            data = bytes(self._ring[:length])
            del self._ring[:length]
        if data:
            memory.write(address, data)
        return str(len(data))

    def _uart_write(self, text: str, memory: Memory) -> str:
        address, length = map(int, text.split())
        self._send(memory.read(address, length))
        return ""

    def _watchdog_arm(self, text: str, _: Memory) -> str:
        with self._changed:
            self._watchdog_s = int(text) / 1000
            self._fed = time.monotonic()
            self._changed.notify_all()
        return ""

    def _watchdog_feed(self, _text: str, _: Memory) -> str:
        self._fed = time.monotonic()
        return ""

    def _reset(self, _text: str, _: Memory) -> str:
        raise LifeEnded("the firmware reset itself", WDT)

    def _scratch_set(self, text: str, _: Memory) -> str:
        self._scratch = int(text)
        return ""

    def _rest(self, _text: str, _: Memory) -> str:
        with self._changed:
            if not self._idle:
                self._idle = True
                self.boots += 1
                self._changed.notify_all()
            if not (self._ring or self._pending or self.ending or self._hang):
                self._changed.wait(IDLE_S)
            if self.ending:
                raise self.ending
            if self._hang:
                self._hanging = True
                self._changed.notify_all()
                return "hang"
            return ""

    def _flash_read(self, text: str, memory: Memory) -> str:
        block, offset, address, length = map(int, text.split())
        memory.write(address, self.flash.read(block, offset, length))
        return ""

    def _flash_erase(self, text: str, _: Memory) -> str:
        done = self._cut("flash")
        self.flash.erase(int(text), *([] if done is None else [done]))
        self._die_if(done)
        return ""

    def _flash_program(self, text: str, memory: Memory) -> str:
        block, offset, address, length = map(int, text.split())
        done = self._cut("flash")
        self.flash.program(block, offset, memory.read(address, length), done)
        self._die_if(done)
        return ""

    def _cut(self, event: str) -> int | None:
        """Return how many bytes a planned power cut lets through, or ``None`` when none is planned."""
        fault = self._faults.next(event)
        return int(fault.options.get("done", 0)) if fault and fault.do == "power_cut" else None

    @staticmethod
    def _die_if(done: int | None) -> None:
        if done is not None:
            raise LifeEnded("power cut in a flash operation", PWRON, powered=False)
