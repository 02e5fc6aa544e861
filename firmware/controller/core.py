# SPDX-License-Identifier: Apache-2.0
"""What the controller decides: its state, which commands that state allows, and when a press of the button counts.

Rules
* The tamper line is looked at before anything is answered. An open line in READY wipes the secret page and latches TAMPERED; while
  UNPROVISIONED there is nothing to wipe and the open line is only reported.
* Each state has its list of commands; there are no others and no test commands.
* A press counts only while armed, before the expiry, and only if the button was seen released since ARM. A confirmed nonce is told
  until the next ARM, DISARM or tamper event.
* SIM power is off at boot and after tamper.
* The ID reader's supply is on, but for the time a READER_CYCLE took it away: it comes back by itself, whatever becomes of the host.
* The secret is made once, on MAKE_SECRET, while the page is unprovisioned and the case closed; what leaves is a share of it, in READY only.
* A host which has sent HEARTBEAT and then falls silent for longer than its lease (at most 60 s) is reset.

Talks to the board only through the object given to it (``hal.Board``); knows nothing of frames.
"""

from struct import unpack_from

from micropython import const

import page
import share
import signals

try:
    from typing import TYPE_CHECKING
except ImportError:  # the microcontroller has no typing
    TYPE_CHECKING = False

if TYPE_CHECKING:
    from hal import Board

VERSION = "1.2.0"

HELLO = const(0x01)
STATE = const(0x02)
LIGHT = const(0x03)
BUZZ = const(0x04)
ARM = const(0x05)
DISARM = const(0x06)
HEARTBEAT = const(0x07)
SIM_POWER = const(0x08)
READER_CYCLE = const(0x09)
MAKE_SECRET = const(0x0A)
SHARE = const(0x0B)

DONE = const(0)
UNKNOWN = const(1)
MALFORMED = const(2)
NOT_ALLOWED = const(3)
FAILED = const(4)

FLAG_OPEN = const(1)
FLAG_ARMED = const(2)
FLAG_CONFIRMED = const(4)
FLAG_READER_OFF = const(8)

MAX_ARM_S = const(300)
MAX_LEASE_S = const(60)
MIN_OFF_MS = const(100)
MAX_OFF_MS = const(5000)

_LENGTHS = {
    HELLO: 8,
    STATE: 0,
    LIGHT: 2,
    BUZZ: 1,
    ARM: 18,
    DISARM: 0,
    HEARTBEAT: 2,
    SIM_POWER: 1,
    READER_CYCLE: 2,
    MAKE_SECRET: 0,
    SHARE: share.CONTEXT,
}
_ALLOWED = (
    (HELLO, STATE, LIGHT, BUZZ, HEARTBEAT, MAKE_SECRET),  # UNPROVISIONED
    (HELLO, STATE, LIGHT, BUZZ, ARM, DISARM, HEARTBEAT, SIM_POWER, READER_CYCLE, SHARE),  # READY
    (HELLO, STATE, HEARTBEAT),  # TAMPERED
)
_NONCE = const(16)
_DEBOUNCE_MS = const(20)
_RESET_PULSE_MS = const(100)


class Button:
    """The confirm button without its bounce: a level counts once it has stood for 20 ms."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._raw = self.down = board.button_down()
        self._since = board.now()

    def tick(self) -> None:
        """Sample the button."""
        raw = self._board.button_down()
        if raw != self._raw:
            self._raw = raw
            self._since = self._board.now()
        elif raw != self.down and self._board.since(self._since) >= _DEBOUNCE_MS:
            self.down = raw


class Core:
    """The controller's state and its answers. ``board`` is the hardware."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._page = bytearray(page.SIZE)
        self._signals = signals.Signals(board)
        self._button = Button(board)
        self._nonce = bytearray(_NONCE)
        self._armed = False
        self._fresh = False
        self._confirmed = False
        self._armed_at = 0
        self._armed_ms = 0
        self._lease_at = 0
        self._lease_ms = 0
        self._resetting = False
        self._reader_off = False
        self._reader_off_at = 0
        self._reader_off_ms = 0
        board.sim_power(False)
        board.read_page(self._page)
        self.state = page.state_of(self._page)
        if self.state == page.TAMPERED:
            self._latch()
        else:
            self._watch_tamper()

    def tick(self) -> None:
        """Look at the world; call between any two requests."""
        self._watch_tamper()
        self._button.tick()
        self._watch_button()
        self._watch_lease()
        self._watch_reader()
        self._signals.tick()

    def answer(self, kind: int, request: bytearray, start: int, end: int, out: bytearray, at: int) -> int:
        """Run one command, ``request[start:end]`` being its payload; write the answer to ``out`` from ``at`` and return its end."""
        self._watch_tamper()
        data_end = at + 3
        if kind not in _LENGTHS:
            status = UNKNOWN
        elif kind not in _ALLOWED[self.state]:
            status = NOT_ALLOWED
        elif end - start != _LENGTHS[kind]:
            status = MALFORMED
        else:
            status = self._run(kind, request, start)
            if status == DONE:
                data_end = self._data(kind, request, start, out, data_end)
        out[at] = status
        out[at + 1] = self.state
        out[at + 2] = self._flags()
        return data_end

    def _run(self, kind: int, request: bytearray, start: int) -> int:
        if kind == LIGHT:
            return self._light(request[start], request[start + 1])
        if kind == BUZZ:
            return DONE if self._signals.buzz(request[start]) else MALFORMED
        if kind == ARM:
            return self._arm(request, start)
        if kind == DISARM:
            self._disarm()
        elif kind == HEARTBEAT:
            return self._heartbeat(unpack_from("<H", request, start)[0])
        elif kind == SIM_POWER:
            if request[start] > 1:
                return MALFORMED
            self._board.sim_power(request[start] == 1)
        elif kind == READER_CYCLE:
            return self._cycle_reader(unpack_from("<H", request, start)[0])
        elif kind == MAKE_SECRET:
            return self._make_secret()
        return DONE

    def _data(self, kind: int, request: bytearray, start: int, out: bytearray, at: int) -> int:
        if kind == HELLO:
            at = _put(out, at, request[start : start + 8])
            at = _put(out, at, self._board.boot_id)
            out[at] = self._board.reset_cause
            return _put(out, at + 1, VERSION.encode())
        if kind == STATE:
            at = _put(out, at, self._board.boot_id)
            if self._confirmed:
                at = _put(out, at, self._nonce)
        if kind == SHARE:
            at = _put(out, at, share.of(self._page, request[start : start + share.CONTEXT]))
        return at

    def _flags(self) -> int:
        flags = FLAG_OPEN if self._board.tamper_open() else 0
        if self._armed:
            flags |= FLAG_ARMED
        if self._confirmed:
            flags |= FLAG_CONFIRMED
        if self._reader_off:
            flags |= FLAG_READER_OFF
        return flags

    def _light(self, colour: int, blink: int) -> int:
        if colour >= signals.COLOURS or blink > 1:
            return MALFORMED
        self._signals.light(colour, blink == 1)
        return DONE

    def _arm(self, request: bytearray, start: int) -> int:
        seconds = unpack_from("<H", request, start + _NONCE)[0]
        if not 1 <= seconds <= MAX_ARM_S:
            return MALFORMED
        self._nonce[:] = request[start : start + _NONCE]
        self._armed = True
        self._confirmed = False
        self._fresh = False  # the button must be seen released after this moment
        self._armed_at = self._board.now()
        self._armed_ms = seconds * 1000
        return DONE

    def _disarm(self) -> None:
        self._armed = self._confirmed = False

    def _heartbeat(self, seconds: int) -> int:
        if seconds > MAX_LEASE_S:
            return MALFORMED
        self._lease_at = self._board.now()
        self._lease_ms = seconds * 1000  # 0: the host takes its leave and is not reset
        return DONE

    def _cycle_reader(self, milliseconds: int) -> int:
        if not MIN_OFF_MS <= milliseconds <= MAX_OFF_MS:
            return MALFORMED
        self._reader_off_at = self._board.now()
        self._reader_off_ms = milliseconds
        self._reader_off = True
        self._board.reader_off(True)
        return DONE

    def _make_secret(self) -> int:
        if self._board.tamper_open():
            return NOT_ALLOWED
        if not page.blank(self._page):
            self._board.erase_page()  # of a making that was cut: nobody has a share of that secret
        page.lay_out(self._page, self._board.random(page.SECRET_LENGTH))
        self._board.program_page(self._page)
        page.finish(self._page)
        self._board.program_page(self._page)
        self._board.read_page(self._page)
        self.state = page.state_of(self._page)
        if self.state == page.TAMPERED:  # the flash does not keep what it is told
            self._latch()
        return DONE if self.state == page.READY else FAILED

    def _watch_tamper(self) -> None:
        if self._board.tamper_happened():
            if self.state == page.READY:
                self._latch()
            self._board.forget_tamper()

    def _latch(self) -> None:
        self._board.sim_power(False)
        if not page.wiped(self._page):
            self._board.wipe_page()
            self._board.read_page(self._page)
        self.state = page.TAMPERED
        self._disarm()
        self._signals.light(signals.RED, True)

    def _watch_button(self) -> None:
        if not self._armed:
            return
        if self._board.since(self._armed_at) >= self._armed_ms:
            self._armed = False
        elif not self._button.down:
            self._fresh = True
        elif self._fresh:
            self._confirmed = True
            self._armed = False

    def _watch_lease(self) -> None:
        if self._resetting:
            if self._board.since(self._lease_at) >= _RESET_PULSE_MS:
                self._resetting = False
                self._board.host_reset(False)
        elif self._lease_ms and self._board.since(self._lease_at) >= self._lease_ms:
            self._lease_ms = 0
            self._lease_at = self._board.now()
            self._resetting = True
            self._board.host_reset(True)

    def _watch_reader(self) -> None:
        if self._reader_off and self._board.since(self._reader_off_at) >= self._reader_off_ms:
            self._reader_off = False
            self._board.reader_off(False)


def _put(out: bytearray, at: int, data: bytes | bytearray) -> int:
    out[at : at + len(data)] = data
    return at + len(data)
