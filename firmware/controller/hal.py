# SPDX-License-Identifier: Apache-2.0
"""The board: pins, serial port, flash page, clock, watchdog. The only module that imports ``machine`` or ``rp2``.

Pin numbers are those of ``board/pins.csv``. Decides nothing about commands or states.

Traps written down
* The tamper loop is normally closed to ground and pulled up, so an open case reads high. Pull-downs are unusable on RP2350 stepping A2
  (datasheet erratum E9).
* Pin interrupt handlers run with the heap locked: the handler stores a number and sets a flag, nothing else.
* The watchdog's scratch register 0 survives a watchdog reset, so a tamper pulse that the main loop had no time to act upon is not lost.
  Registers 4 to 7 belong to the boot ROM.
* ``rp2.Flash`` reports no errors; what was programmed is read back.
"""

import os
import time

from micropython import const

import machine
import rp2

PIN_UART_TX = const(0)
PIN_UART_RX = const(1)
PIN_UART_CTS = const(2)
PIN_UART_RTS = const(3)
PIN_TAMPER = const(6)
PIN_BUTTON = const(7)
PIN_LIGHT_RED = const(10)
PIN_LIGHT_AMBER = const(11)
PIN_LIGHT_GREEN = const(12)
PIN_BUZZER = const(13)
PIN_SIM_POWER = const(14)
PIN_HOST_RESET = const(15)
PIN_READER_OFF = const(16)

BAUD = const(115200)
WATCHDOG_MS = const(2000)
_RX_RING = const(512)
_SECRET_BLOCK = const(0)
_ERASE = const(6)
_SCRATCH0 = const(0x400D800C)
_TAMPER_MARK = const(0x7A)

_watchdog = machine.WDT(timeout=WATCHDOG_MS)  # from the first import on; it cannot be stopped


def feed_watchdog() -> None:
    """Tell the watchdog that the main loop is alive."""
    _watchdog.feed()


def wait() -> None:
    """Rest until something may have happened."""
    machine.idle()


class Board:
    """Everything ``core`` may ask of the hardware."""

    def __init__(self) -> None:
        out = machine.Pin.OUT
        self._sim_power = machine.Pin(PIN_SIM_POWER, out, value=0)
        self._tamper = machine.Pin(PIN_TAMPER, machine.Pin.IN, machine.Pin.PULL_UP)
        self._seen = False
        self._tamper.irq(self._opened, machine.Pin.IRQ_RISING, hard=True)
        if machine.mem32[_SCRATCH0] == _TAMPER_MARK:
            self._seen = True
        self._button = machine.Pin(PIN_BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        self._red = machine.Pin(PIN_LIGHT_RED, out, value=0)
        self._amber = machine.Pin(PIN_LIGHT_AMBER, out, value=0)
        self._green = machine.Pin(PIN_LIGHT_GREEN, out, value=0)
        self._buzzer = machine.Pin(PIN_BUZZER, out, value=0)
        self._host_reset = machine.Pin(PIN_HOST_RESET, out, value=0)
        self._reader_off = machine.Pin(PIN_READER_OFF, out, value=0)
        self._flash = rp2.Flash()
        self.reset_cause = machine.reset_cause()
        self.boot_id = os.urandom(8)
        self.uart = machine.UART(
            0,
            BAUD,
            tx=machine.Pin(PIN_UART_TX),
            rx=machine.Pin(PIN_UART_RX),
            cts=machine.Pin(PIN_UART_CTS),
            rts=machine.Pin(PIN_UART_RTS),
            flow=machine.UART.CTS | machine.UART.RTS,
            rxbuf=_RX_RING,
            txbuf=_RX_RING,
            timeout=0,
        )

    def _opened(self, pin: machine.Pin) -> None:
        machine.mem32[_SCRATCH0] = _TAMPER_MARK
        self._seen = True

    def tamper_open(self) -> bool:
        """Return whether the case is open now."""
        return self._tamper.value() == 1

    def tamper_happened(self) -> bool:
        """Return whether the case is open or was since the last ``forget_tamper``, watchdog resets included."""
        return self._seen or self.tamper_open()

    def forget_tamper(self) -> None:
        """The event was acted upon. A new pulse in between is lost only after it was acted upon as well."""
        self._seen = False
        machine.mem32[_SCRATCH0] = 0

    def button_down(self) -> bool:
        """Return whether the confirm button is down, with its bounce."""
        return self._button.value() == 0

    def lights(self, red: bool, amber: bool, green: bool) -> None:
        """Set the three lights."""
        self._red.value(red)
        self._amber.value(amber)
        self._green.value(green)

    def buzzer(self, on: bool) -> None:
        """Set the buzzer."""
        self._buzzer.value(on)

    def sim_power(self, on: bool) -> None:
        """Set the power of the SIM slot."""
        self._sim_power.value(on)

    def host_reset(self, on: bool) -> None:
        """Hold the terminal's computer in reset, or let it go."""
        self._host_reset.value(on)

    def reader_off(self, off: bool) -> None:
        """Take the supply of the ID reader's port away, or give it back."""
        self._reader_off.value(off)

    def read_page(self, page: bytearray) -> None:
        """Read the secret page, 256 bytes, into ``page``."""
        self._flash.readblocks(_SECRET_BLOCK, page, 0)

    def erase_page(self) -> None:
        """Erase the secret page's block: all FF."""
        self._flash.ioctl(_ERASE, _SECRET_BLOCK)

    def program_page(self, page: bytearray) -> None:
        """Clear those bits of the secret page, 256 bytes, that are 0 in ``page``."""
        self._flash.writeblocks(_SECRET_BLOCK, page, 0)

    def random(self, count: int) -> bytes:
        """Return random bytes of the chip's own generator."""
        return os.urandom(count)

    def wipe_page(self) -> None:
        """Program zeros over the secret page."""
        self._flash.writeblocks(_SECRET_BLOCK, bytes(256), 0)

    def now(self) -> int:
        """Return the wrapping millisecond clock."""
        return time.ticks_ms()  # type: ignore[return-value]  # the stubs hide that it is a small int

    def since(self, earlier: int) -> int:
        """Return the milliseconds since ``earlier``."""
        return time.ticks_diff(time.ticks_ms(), earlier)
