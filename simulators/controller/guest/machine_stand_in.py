# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001  # a folder of the guest's, not a package of ours
"""Runs inside the virtual machine in the place of MicroPython's ``machine``: the same names, each one call to the simulated board.

Written in MicroPython's dialect. Every call brings back the levels of the inputs and the bytes waiting, so that reading those costs no call
of its own; the main loop makes at least two calls a round. Interrupt handlers run when a call returns, with the heap locked as on silicon.
"""

import micropython  # type: ignore[import-not-found]  # exists on the virtual machine only
from host import call  # type: ignore[import-not-found]  # the bridge out of the virtual machine
from uctypes import addressof  # type: ignore[import-not-found]  # exists on the virtual machine only

PWRON_RESET = 1
WDT_RESET = 3

_handlers: dict[int, tuple[object, object]] = {}
_seen = [0, 0]  # levels of the input pins as a bit mask, bytes waiting at the serial port: as of the last call


def host(name: str, argument: str = "") -> str:
    """Ask the board; note what its inputs were at that moment, then serve the interrupts it says are pending."""
    mem32.flush()
    answer, pending, levels, waiting = call(name, argument).split("|")
    _seen[0], _seen[1] = int(levels), int(waiting)
    if not pending:
        return answer  # type: ignore[no-any-return]  # the bridge gives text
    for number in pending.split():
        pin, handler = _handlers[int(number)]
        micropython.heap_lock()
        try:
            handler(pin)  # type: ignore[operator]  # whatever the firmware registered
        finally:
            micropython.heap_unlock()
    mem32.flush()
    return answer  # type: ignore[no-any-return]  # the bridge gives text


class Pin:
    """One pin of the board."""

    IN = 0
    OUT = 1
    PULL_UP = 1
    IRQ_RISING = 8
    IRQ_FALLING = 4

    def __init__(self, number: int, mode: int = -1, pull: int = -1, value: int | None = None) -> None:
        self._number = number
        if mode == Pin.IN and pull != Pin.PULL_UP:
            raise ValueError("inputs of this board are pulled up")
        if value is not None:
            self.value(value)
        else:
            host("look")

    def value(self, level: int | None = None) -> int | None:
        """Return the pin's level as of the last call to the board, or set it."""
        if level is None:
            return _seen[0] >> self._number & 1
        host("pin_set", f"{self._number} {1 if level else 0}")
        return None

    def irq(self, handler: object, trigger: int, hard: bool = False) -> None:  # noqa: FBT001, FBT002  # MicroPython's own signature
        """Call ``handler`` at a rising edge."""
        if trigger != Pin.IRQ_RISING or not hard:
            raise ValueError("only hard interrupts at a rising edge are simulated")
        _handlers[self._number] = (self, handler)
        host("pin_irq", str(self._number))


class UART:
    """The serial port to the terminal's computer."""

    CTS = 1
    RTS = 2

    def __init__(self, number: int, baudrate: int, *, rxbuf: int = 256, **_: object) -> None:
        host("uart_open", f"{number} {baudrate} {rxbuf}")

    def any(self) -> int:
        """Return how many bytes wait."""
        return _seen[1]

    def readinto(self, buffer: bytearray) -> int | None:
        """Move waiting bytes to ``buffer``; return their number, or ``None`` when there are none."""
        return int(host("uart_read", f"{addressof(buffer)} {len(buffer)}")) or None

    def write(self, data: bytes) -> int:
        """Send ``data``."""
        host("uart_write", f"{addressof(data)} {len(data)}")
        return len(data)


class WDT:
    """The watchdog."""

    def __init__(self, timeout: int = 5000) -> None:
        if timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        host("watchdog_arm", str(timeout))

    def feed(self) -> None:
        """Begin the timeout anew."""
        host("watchdog_feed")


class _Scratch:
    """The 32-bit registers; only the watchdog's scratch register 0 is there.

    A write stays in the guest until ``flush``: handlers write with the heap locked, and the bridge needs the heap.
    """

    _ADDRESS = 0x400D800C

    def __init__(self) -> None:
        self._value = int(call("scratch_get", ""))
        self._dirty = False

    def __getitem__(self, address: int) -> int:
        if address != self._ADDRESS:
            raise ValueError("this register is not simulated")
        return self._value

    def __setitem__(self, address: int, value: int) -> None:
        if address != self._ADDRESS:
            raise ValueError("this register is not simulated")
        if value != self._value:
            self._value = value
            self._dirty = True

    def flush(self) -> None:
        """Carry a written value out to the board."""
        if self._dirty:
            self._dirty = False
            call("scratch_set", str(self._value))


mem32 = _Scratch()


def reset_cause() -> int:
    """Return ``PWRON_RESET`` or ``WDT_RESET``; the chip knows no others."""
    return int(host("reset_cause"))


def reset() -> None:
    """Start again."""
    host("reset")


def idle() -> None:
    """Rest until a byte or an edge comes, 20 ms at most."""
    if host("idle") == "hang":
        while True:
            pass
