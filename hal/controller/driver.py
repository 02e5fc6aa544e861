# SPDX-License-Identifier: Apache-2.0
"""The controller's driver: one question, one answer, over a serial link.

Rules
* Stop and wait: nothing is sent while an answer is due.
* After a lost or spoiled frame *the same bytes* are sent again, within the deadline; the controller recognises them and does not act
  twice.
* Answers to earlier questions (another sequence number or type) are dropped.
* Retries end with the deadline. Nothing here reopens the port or decides what a state means.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

from hal.controller import frames, messages
from hal.controller.errors import Refused, Tampered
from hal.controller.messages import Command, State, Status
from hal.errors import DeadlinePassed, ProtocolError

if TYPE_CHECKING:
    from hal.controller.messages import Answer, Colour, Hello, Pattern, Report
    from hal.deadline import Deadline

BAUD: Final = 115200
_RESEND_S: Final = 0.25
"""Wait for an answer before asking again, in seconds: the longest request and answer take 43 ms on the line at 115 200 Bd."""


class Link(Protocol):
    """What the driver needs of a serial link."""

    def discard(self) -> int:
        """Throw away what has arrived."""

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of ``data``."""

    def read_until(self, delimiter: bytes, limit: int, deadline: Deadline) -> bytes:
        """Return the bytes up to and with ``delimiter``."""


class Controller:
    """The controller behind ``link``. Methods raise ``Tampered``, ``Refused`` or the link's errors."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._seq = 0

    def hello(self, deadline: Deadline) -> Hello:
        """Ask who is there. The fresh challenge keeps an answer of an earlier conversation from being taken for this one's."""
        challenge = secrets.token_bytes(messages.CHALLENGE_LENGTH)
        return messages.parse_hello(self._ask(Command.HELLO, challenge, deadline), challenge)

    def report(self, deadline: Deadline) -> Report:
        """Ask for the state; a tampered controller answers this too."""
        return messages.parse_report(self._ask(Command.STATE, b"", deadline))

    def light(self, colour: Colour, deadline: Deadline, *, blink: bool = False) -> None:
        """Show one colour."""
        self._do(Command.LIGHT, bytes((colour, blink)), deadline)

    def buzz(self, pattern: Pattern, deadline: Deadline) -> None:
        """Sound a pattern."""
        self._do(Command.BUZZ, bytes((pattern,)), deadline)

    def arm(self, nonce: bytes, seconds: int, deadline: Deadline) -> None:
        """From now on, and for ``seconds`` (1 to 300), a press of the button confirms ``nonce`` (16 bytes)."""
        self._do(Command.ARM, messages.arm_payload(nonce, seconds), deadline)

    def disarm(self, deadline: Deadline) -> None:
        """Presses count no longer; an earlier confirmation is forgotten."""
        self._do(Command.DISARM, b"", deadline)

    def heartbeat(self, seconds: int, deadline: Deadline) -> None:
        """Promise to call again within ``seconds`` (1 to 60), else the controller resets this computer; 0 takes leave."""
        self._do(Command.HEARTBEAT, messages.heartbeat_payload(seconds), deadline)

    def sim_power(self, deadline: Deadline, *, on: bool) -> None:
        """Switch the power of the SIM slot."""
        self._do(Command.SIM_POWER, bytes((on,)), deadline)

    def reader_cycle(self, milliseconds: int, deadline: Deadline) -> None:
        """Take the ID reader's supply away for 100 to 5,000 ms. It comes back by itself; the report says when."""
        self._do(Command.READER_CYCLE, messages.reader_cycle_payload(milliseconds), deadline)

    def make_secret(self, deadline: Deadline) -> None:
        """Have an unprovisioned controller make its secret; for provisioning only."""
        self._do(Command.MAKE_SECRET, b"", deadline)

    def share(self, context: bytes, deadline: Deadline) -> bytes:
        """Return 32 bytes that only this controller, as long as it is untampered, makes of ``context`` (32 bytes)."""
        return messages.parse_share(self._ask(Command.SHARE, messages.share_payload(context), deadline))

    def _do(self, command: Command, payload: bytes, deadline: Deadline) -> None:
        answer = self._ask(command, payload, deadline)
        if answer.rest:
            raise ProtocolError("answer too long", length=len(answer.rest))

    def _ask(self, command: Command, payload: bytes, deadline: Deadline) -> Answer:
        self._seq = (self._seq + 1) % 256
        frame = self._exchange(frames.Frame(self._seq, command, payload), deadline)
        answer = messages.parse_answer(frame.payload)
        if answer.status == Status.DONE:
            return answer
        if answer.status == Status.NOT_ALLOWED and answer.state == State.TAMPERED:
            raise Tampered(state=answer.state.name.lower())
        raise Refused(code=answer.status, state=answer.state.name.lower())

    def _exchange(self, request: frames.Frame, deadline: Deadline) -> frames.Frame:
        wire = frames.build(request)
        self._link.discard()
        while True:
            self._link.write(wire, deadline)
            try:
                return self._answer_to(request, deadline.sooner(_RESEND_S))
            except DeadlinePassed:
                deadline.check()

    def _answer_to(self, request: frames.Frame, until: Deadline) -> frames.Frame:
        while True:
            try:
                stuffed = self._link.read_until(frames.DELIMITER, frames.MAX_STUFFED + 1, until)
                frame = frames.parse(stuffed[:-1])
            except ProtocolError:
                until.check()
                continue  # the empty run between two frames, or a spoiled one: the resend brings it again
            if frame.seq == request.seq and frame.type == request.type | messages.REPLY:
                return frame
