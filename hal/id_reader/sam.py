# SPDX-License-Identifier: Apache-2.0
"""The SAM reader on its line: one command, one answer, and never an old one.

Decides when an answer may be believed. Knows nothing of what the blocks mean.

Rules
* The line is drained before each command. An answer is read by length under one deadline and has to fit its command.
* After silence or a broken answer the line is *in doubt*: nothing is asked before it fell silent and the reader answered its own SAM id.
  The reader works in order, so whatever it owed us before has come and is gone.
* One re-send at most, for a broken answer or a code that asks for it.
* A reading is select, read, appended address, status, back to back. One stray byte or misfit among them voids the whole reading, since
  the card's text could then be an answer to somebody else's question; it is repeated once from the start.
* Silence while a card is being read means a lifted card if the reader still answers, a dead reader if it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hal.errors import DeadlinePassed
from hal.id_reader import frames
from hal.id_reader.errors import CardLifted, FrameError, NoCard
from hal.id_reader.status import Verdict, error_for, verdict

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.link.serial import SerialLink

JUNK_LIMIT: Final = 64
"""Bytes that may stand in front of an answer's mark before the answer is given up."""
SILENCE_S: Final = 0.03
"""A line is silent after this; longer than a byte at 9600 baud and the 16 ms some USB bridges hold bytes back."""
POLL_S: Final = 0.05
"""Between two finds: the RF field is polled, the protocol has no event for a card."""
READY_POLL_S: Final = 0.25
"""A SAM that is starting up does not answer; ask again after this."""
SAM_ID_TRIES: Final = 3
"""The first SAM id after power-on may be empty."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The blocks of one card as read: 256 bytes of text, 1,024 of photo, n×70 of appended addresses or none."""

    text: bytes
    photo: bytes
    appended: bytes | None


class SamReader:
    """Drives one reader over an open link. All errors are :class:`~hal.errors.HalError`."""

    def __init__(self, link: SerialLink) -> None:
        self._link = link
        self._in_doubt = True
        self._found = False
        self.sam_id = b""
        self.frames = 0
        self.bytes = 0

    def start(self, deadline: Deadline) -> bytes:
        """Wait until the SAM is up and return its 16 id bytes; ``ReaderFault`` when its self-test failed."""
        while True:
            try:
                answer = self._once(frames.STATUS, deadline.sooner(READY_POLL_S))
            except (DeadlinePassed, FrameError):
                deadline.check()
                self._silence(deadline)
                continue
            if verdict(answer.code) is Verdict.OK:
                break
            if verdict(answer.code) is not Verdict.RESEND:
                raise error_for(answer.code)
            deadline.check()
        self.sam_id = self._read_sam_id(deadline)
        return self.sam_id

    def check(self, deadline: Deadline) -> None:
        """Ask for the SAM's status; ``ReaderFault`` when it is not well."""
        code = self._exchange(frames.STATUS, deadline).code
        if verdict(code) is not Verdict.OK:
            raise error_for(code)

    def await_card(self, deadline: Deadline) -> None:
        """Return once a card is found.

        Two unanswered finds reset the SAM (a type-B chip can hang it); a third one is the deadline error.
        """
        silent = 0
        while True:
            try:
                answer = self._exchange(frames.FIND, deadline)
            except DeadlinePassed:
                silent += 1
                if silent > 2 or not deadline.left():  # noqa: PLR2004  # the ladder's length
                    raise
                if silent == 2:  # noqa: PLR2004  # second rung
                    self._exchange(frames.RESET, deadline)
                continue
            silent = 0
            if verdict(answer.code) is Verdict.OK:
                self._found = True
                return
            if verdict(answer.code) in (Verdict.FAULT, Verdict.REJECTED):
                raise error_for(answer.code)
            deadline.check()
            self._link.quiet(deadline.sooner(POLL_S))

    def read(self, deadline: Deadline) -> Reading:
        """Return the blocks of the card that was found, or of the one lying there now.

        Raises ``NoCard``, ``CardLifted``, ``CardRejected``, ``ReaderFault``, or a :class:`FrameError` when two readings in a row were void.
        """
        if self._in_doubt:
            self._settle(deadline)
        try:
            return self._reading(deadline)
        except FrameError:
            self._settle(deadline)
            return self._reading(deadline)

    def card_gone(self, deadline: Deadline) -> bool:
        """Return whether the card that was read has been lifted."""
        try:
            code = self._exchange(frames.APPENDED, deadline).code
        except DeadlinePassed:
            self._settle(deadline)
            return True
        if verdict(code) is Verdict.ORDER:
            code = self._exchange(frames.FIND, deadline).code
            self._found = verdict(code) is Verdict.OK
        if verdict(code) is Verdict.FAULT:
            raise error_for(code)
        gone = verdict(code) not in (Verdict.OK, Verdict.ABSENT)
        self._found = self._found and not gone
        return gone

    def _reading(self, deadline: Deadline) -> Reading:
        try:
            self._select(deadline)
            base = self._once(frames.READ, deadline, clean=True)
            if verdict(base.code) is not Verdict.OK:
                raise self._void_or_error(base.code)
            text, photo = frames.parse_blocks(base.data)
            appended = self._once(frames.APPENDED, deadline, clean=True)
            if verdict(appended.code) not in (Verdict.OK, Verdict.ABSENT):
                raise self._void_or_error(appended.code)
            last = self._once(frames.STATUS, deadline, clean=True)
        except DeadlinePassed:
            self._found = False
            self._settle(deadline)
            raise CardLifted from None
        if verdict(last.code) is not Verdict.OK:
            raise self._void_or_error(last.code)
        return Reading(text, photo, appended.data or None)

    def _select(self, deadline: Deadline) -> None:
        """Select the card; find it first if it was not found, or once more if selecting failed."""
        if self._found:
            answer = self._once(frames.SELECT, deadline)
            if verdict(answer.code) is Verdict.OK:
                return
            if verdict(answer.code) not in (Verdict.NO_CARD, Verdict.ORDER):
                raise self._void_or_error(answer.code)
        found = self._once(frames.FIND, deadline)
        self._found = verdict(found.code) is Verdict.OK
        if not self._found:
            raise NoCard(code=found.code) if verdict(found.code) is Verdict.NO_CARD else self._void_or_error(found.code)
        answer = self._once(frames.SELECT, deadline)
        if verdict(answer.code) is not Verdict.OK:
            self._found = False
            raise CardLifted(code=answer.code) if verdict(answer.code) is Verdict.NO_CARD else self._void_or_error(answer.code)

    def _void_or_error(self, code: int) -> Exception:
        """Return what ends this reading: a void one for codes that ask for another try, the card's or the reader's error otherwise."""
        if verdict(code) is Verdict.RESEND:
            return FrameError("the reader asks for another try", reason="resend", code=code)
        if verdict(code) is Verdict.LIFTED:
            self._found = False
        return error_for(code)

    def _read_sam_id(self, deadline: Deadline) -> bytes:
        for tries_left in range(SAM_ID_TRIES - 1, -1, -1):
            try:
                answer = self._exchange(frames.SAM_ID, deadline)
            except DeadlinePassed:
                if not tries_left or not deadline.left():
                    raise
                continue
            if answer.data:
                return answer.data
            if verdict(answer.code) is Verdict.FAULT or not tries_left:
                break
        raise error_for(answer.code)

    def _exchange(self, command: frames.Command, deadline: Deadline) -> frames.Answer:
        """Ask once, and once more after a broken answer or a code that asks for it."""
        if self._in_doubt:
            self._settle(deadline)
        try:
            answer = self._once(command, deadline)
            if verdict(answer.code) is not Verdict.RESEND:
                return answer
        except FrameError:
            self._settle(deadline)
        answer = self._once(command, deadline)
        if verdict(answer.code) is Verdict.RESEND:
            raise error_for(answer.code)
        return answer

    def _once(self, command: frames.Command, deadline: Deadline, *, clean: bool = False) -> frames.Answer:
        """Drain, send, receive. ``clean`` makes bytes that had to be drained a :class:`FrameError`: the answer before was not the last."""
        stray = self._link.discard()
        if clean and stray:
            self._in_doubt = True
            raise FrameError("bytes nobody asked for", reason="stray", length=stray)
        deadline.check()
        until = deadline.sooner(command.timeout)
        request = command.frame
        self._in_doubt = True
        self._link.write(request, until)
        answer, received = self._receive(command, until)
        self._in_doubt = False
        self.frames += 2
        self.bytes += len(request) + received
        return answer

    def _receive(self, command: frames.Command, until: Deadline) -> tuple[frames.Answer, int]:
        heard = self._link.read_exactly(frames.HEADER_LENGTH, until)
        while more := frames.missing(heard):
            if len(heard) > JUNK_LIMIT:
                raise FrameError("no answer in what came", reason="preamble", length=len(heard))
            heard += self._link.read_exactly(more, until)
        length, body = frames.parse_header(heard, command)
        rest = self._link.read_exactly(length - len(body), until)
        return frames.parse_body(length, body + rest), len(heard) + len(rest)

    def _settle(self, deadline: Deadline) -> None:
        """Bring the line back in step: silence, then the reader's own id as the answer to its own question."""
        for tries_left in range(SAM_ID_TRIES - 1, -1, -1):
            self._silence(deadline)
            try:
                answer = self._once(frames.SAM_ID, deadline)
            except FrameError:
                if not tries_left:
                    raise
                continue
            if self.sam_id and answer.data and answer.data != self.sam_id:
                self._in_doubt = True
                raise FrameError("another reader answers", reason="sam_id")
            return

    def _silence(self, deadline: Deadline) -> None:
        """Throw away what still comes until the line is silent for :data:`SILENCE_S`."""
        self._link.discard()
        while not self._link.quiet(deadline.sooner(SILENCE_S)):
            deadline.check()
            self._link.discard()
