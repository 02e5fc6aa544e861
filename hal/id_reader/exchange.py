# SPDX-License-Identifier: Apache-2.0
"""One command, one answer, and never an old one. Decides when an answer may be believed; knows nothing of cards.

Rules
* The line is drained before each command. An answer is read by length under one deadline and has to fit its command.
* After silence or a broken answer the line is *in doubt*: nothing is asked before it fell silent and the reader answered its own SAM id.
  The reader works in order, so whatever it owed us before has come and is gone.
* One re-send at most, for a broken answer or a code that asks for it. An answer that breaks off is a broken one; one that never began is
  silence, ``DeadlinePassed``.
* Bytes of an answer behind what its command keeps go into the checksum and nowhere else.
* Who looks on (:mod:`hal.id_reader.watching`) is told of each exchange after it; where nobody does, nothing is measured.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hal.errors import DeadlinePassed, HalError
from hal.id_reader import frames
from hal.id_reader.errors import FrameError
from hal.id_reader.status import Verdict, error_for, verdict
from hal.id_reader.watching import Seen

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.id_reader.line import Line
    from hal.id_reader.watching import Watcher

JUNK_LIMIT: Final = 64
"""Bytes that may stand in front of an answer's mark before the answer is given up."""
SILENCE_S: Final = 0.03
"""A line is silent after this; longer than a byte at 9600 baud and the 16 ms some USB bridges hold bytes back."""
SETTLE_TRIES: Final = 3
SHORTEST_S: Final = 0.5
"""What every command may take: what finding a card takes."""


class Exchange:
    """Questions and answers over one line. ``frames`` and ``bytes`` count both directions; ``sam_id`` is empty until it was read.

    ``patience`` is a factor on what a command may take, where the reader is known to be quick; none gets less than :data:`SHORTEST_S`.
    """

    def __init__(self, line: Line, watcher: Watcher | None = None, patience: float = 1.0) -> None:
        self.line = line
        self._patience = patience
        self._watcher = watcher
        self._stray = self._headed_ns = 0
        """For the onlooker: bytes thrown away before the last request, and when the head of its answer had come."""
        self.in_doubt = True
        self.sam_id = b""
        self.frames = 0
        self.bytes = 0
        self.broken = ""
        """Why the last answer that was broken was, as one word."""

    def ask(self, command: frames.Command, deadline: Deadline) -> frames.Answer:
        """Ask once, and once more after a broken answer or a code that asks for it.

        Raises :class:`FrameError`, ``ProtocolError`` with the code when the second try fails too, ``DeadlinePassed``, ``LinkClosed``.
        """
        if self.in_doubt:
            self.settle(deadline)
        try:
            answer = self.once(command, deadline)
            if verdict(answer.code) is not Verdict.RESEND:
                return answer
        except FrameError:
            self.settle(deadline)
        answer = self.once(command, deadline)
        if verdict(answer.code) is Verdict.RESEND:
            raise error_for(answer.code)
        return answer

    def once(self, command: frames.Command, deadline: Deadline, *, clean: bool = False) -> frames.Answer:
        """Drain, send, receive. ``clean`` makes bytes that had to be drained a :class:`FrameError`: the answer before was not the last."""
        if self._watcher is None:
            return self._once(command, deadline, clean=clean)
        return self._seen_once(self._watcher, command, deadline, clean=clean)

    def _seen_once(self, watcher: Watcher, command: frames.Command, deadline: Deadline, *, clean: bool) -> frames.Answer:
        """Do the same before somebody's eyes."""
        counted, self._stray, self._headed_ns = self.bytes, 0, 0
        start = time.monotonic_ns()
        try:
            answer = self._once(command, deadline, clean=clean)
        except HalError as error:
            watcher.saw(Seen(command.name, command.frame, problem=_reason(error), stray=self._stray, took_us=_since(start)))
            raise
        shown, left_out = frames.shown(answer, command)
        stray = self._stray + self.bytes - counted - len(command.frame) - len(shown) - left_out
        first = (self._headed_ns - start) // 1000
        watcher.saw(Seen(command.name, command.frame, shown, left_out, answer.code, "", max(0, stray), first, _since(start)))
        return answer

    def _once(self, command: frames.Command, deadline: Deadline, *, clean: bool) -> frames.Answer:
        self._stray = stray = self.line.discard()
        if clean and stray:
            self.in_doubt = True
            raise FrameError("bytes nobody asked for", reason="stray", length=stray)
        deadline.check()
        until = deadline.sooner(min(command.timeout, max(SHORTEST_S, command.timeout * self._patience)))
        request = command.frame
        self.in_doubt = True
        self.line.write(request, until)
        try:
            answer, received = self._receive(command, until)
        except FrameError as error:
            self.broken = _reason(error)
            deadline.check()  # an answer cut by the caller's own deadline is not the reader's fault
            raise
        self.in_doubt = False
        self.frames += 2
        self.bytes += len(request) + received
        return answer

    def settle(self, deadline: Deadline) -> None:
        """Bring the line back in step: silence, then the reader's own id as the answer to its own question."""
        for tries_left in range(SETTLE_TRIES - 1, -1, -1):
            self.silence(deadline)
            try:
                answer = self.once(frames.SAM_ID, deadline)
            except FrameError:
                if not tries_left:
                    raise
                continue
            if self.sam_id and answer.data and answer.data != self.sam_id:
                self.in_doubt = True
                raise FrameError("another reader answers", reason="sam_id")
            return

    def silence(self, deadline: Deadline) -> None:
        """Throw away what still comes until the line is silent for :data:`SILENCE_S`; ``DeadlinePassed`` for one that never is."""
        self.line.discard()
        while not self.line.quiet(deadline.sooner(SILENCE_S)):
            deadline.check()
            self.line.discard()

    def _receive(self, command: frames.Command, until: Deadline) -> tuple[frames.Answer, int]:
        heard = self.line.read_exactly(frames.HEADER_LENGTH, until)
        if self._watcher is not None:
            self._headed_ns = time.monotonic_ns()
        try:
            return self._rest(heard, command, until)
        except DeadlinePassed:
            raise FrameError("the answer breaks off", reason="cut") from None

    def _rest(self, heard: bytes, command: frames.Command, until: Deadline) -> tuple[frames.Answer, int]:
        while more := frames.missing(heard):
            if len(heard) > JUNK_LIMIT:
                raise FrameError("no answer in what came", reason="preamble", length=len(heard))
            heard += self.line.read_exactly(more, until)
        length, body = frames.parse_header(heard, command)
        kept = command.kept(length)
        received = len(heard) + length - len(body)
        body += self.line.read_exactly(kept - len(body), until)
        return frames.parse_body(length, body, self.line.read_exactly(length - kept, until)), received


def _reason(error: HalError) -> str:
    """Return why there was no answer, as one word without data."""
    if isinstance(error, FrameError):
        return str(error.data.get("reason", error.kind))
    return "silence" if isinstance(error, DeadlinePassed) else error.kind


def _since(start_ns: int) -> int:
    """Return the microseconds since ``start_ns``."""
    return (time.monotonic_ns() - start_ns) // 1000
