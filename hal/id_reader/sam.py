# SPDX-License-Identifier: Apache-2.0
"""One SAM reader: waking it, waiting for a card, reading it, noticing that it left. Knows nothing of what the blocks mean.

Rules
* A reading is select, read, appended address, status, back to back. One stray byte or misfit among them voids the whole reading, since
  the card's text could then be an answer to somebody else's question; it is repeated once from the start.
* One presentation, one reading: a card that was read is not found again before it left, whatever the SAM's find says of it. The same
  question tells that it left: its appended address, which only the selected card answers.
* Silence while a card is being read means a lifted card if the reader still answers, a dead reader if it does not.
* A reader that falls silent gets a second find and a reset of its SAM (a type-B chip can hang it), each once for the same fault
  (:mod:`hal.id_reader.ladder`); then it is :class:`~hal.id_reader.errors.ReaderSilent`, and whoever holds the port opens it anew.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from hal.errors import DeadlinePassed, ProtocolError
from hal.id_reader import frames
from hal.id_reader.driver import Reading, Spent
from hal.id_reader.errors import CardLifted, FrameError, NoCard, ReaderSilent
from hal.id_reader.exchange import Exchange
from hal.id_reader.ladder import Ladder, Rung
from hal.id_reader.rates import patience
from hal.id_reader.status import Verdict, error_for, verdict

if TYPE_CHECKING:
    from hal.deadline import Deadline
    from hal.id_reader.line import Line
    from hal.id_reader.rates import Rates
    from hal.id_reader.watching import Watcher

POLL_S: Final = 0.05
"""Between two finds: the RF field is polled, the protocol has no event for a card."""
LIFT_POLL_S: Final = 0.2
"""Between two looks whether a card that was read still lies there."""
RUNG_S: Final = 0.5
"""What each step of bringing back a silent reader may take."""
SWITCH_S: Final = 0.005
"""What a reader needs after its answer to change its rate."""
SAM_ID_TRIES: Final = 3
"""The first SAM id after power-on may be empty."""


class SamReader:
    """Drives one reader over an open line, at ``rates`` if it is a serial one. All errors are :class:`~hal.errors.HalError`."""

    def __init__(
        self,
        line: Line,
        rates: Rates | None = None,
        *,
        kind: str = "serial",
        watcher: Watcher | None = None,
        patience: float = 1.0,
        ladder: Ladder | None = None,
    ) -> None:
        self.kind = kind
        self.exchange = Exchange(line, watcher, patience)
        self._line = line
        self._rates = rates
        self._ladder = ladder or Ladder()
        self._found = False
        self._read_already = False
        """The card in the field has been read; its presentation is used up."""

    @property
    def sam_id(self) -> bytes:
        """The 16 id bytes of the SAM; empty before :meth:`start`."""
        return self.exchange.sam_id

    @property
    def baud(self) -> int | None:
        """The rate the reader talks at, ``None`` for one without."""
        return self._rates.now if self._rates else None

    def spent(self) -> Spent:
        """Return what was spent since the last call."""
        exchange, line = self.exchange, self._line
        found = Spent(exchange.frames, exchange.bytes, line.waited_us)
        exchange.frames = exchange.bytes = 0
        line.reset_waited()
        return found

    def stalled(self) -> bool:
        """Return false: every call of a line has a deadline of its own."""
        return False

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()

    # ---- the reader

    def start(self, deadline: Deadline) -> bytes:
        """Wait until the SAM is up, at whichever rate, move it to the wanted one, and return its 16 id bytes.

        Raises ``ReaderFault`` when its self-test failed, ``DeadlinePassed`` when nothing answers.
        """
        self._find_reader(deadline)
        self.exchange.sam_id = b""
        self.exchange.sam_id = self._read_sam_id(deadline)
        if self._rates and self._rates.now != self._rates.wanted:
            with contextlib.suppress(ProtocolError):  # it does not want to: slower, and no reason to do without it
                self.change_baud(self._rates.wanted, deadline)
        return self.sam_id

    def check(self, deadline: Deadline) -> None:
        """Ask for the SAM's status; ``ReaderFault`` when it is not well."""
        try:
            self._good(frames.STATUS, deadline)
        except DeadlinePassed:
            self._settled("status", deadline)
            self._good(frames.STATUS, deadline)
        self._ladder.answered("status")

    def reset(self, deadline: Deadline) -> None:
        """Reset the SAM; a card that lies there is found anew."""
        self._good(frames.RESET, deadline)
        self._found = self._read_already = False

    def change_baud(self, baud: int, deadline: Deadline) -> None:
        """Move reader and line to ``baud`` for good; a reader that refuses (:class:`~hal.errors.ProtocolError`) stays where it is.

        ``ValueError`` for a line without a rate and for a rate readers do not have.
        """
        if not self._rates:
            raise ValueError("a USB reader has no rate")
        with contextlib.suppress(DeadlinePassed):  # the answer was lost: it may be there already
            self._good(frames.set_baud(baud), deadline)
        self._rates.wanted = baud
        self._rates.switch(baud)
        self._line.quiet(deadline.sooner(SWITCH_S))
        self._find_reader(deadline)

    def set_max_rf(self, size: int, deadline: Deadline) -> None:
        """Limit the frames between SAM and card to ``size`` bytes, 24..255: small ones are slower and bear a poor field."""
        self._good(frames.set_max_rf(size), deadline)

    # ---- the card

    def await_card(self, deadline: Deadline) -> None:
        """Return once a card was presented: one that was read already has to leave first.

        Raises ``DeadlinePassed`` (with ``left`` when the last card still lies there), ``ReaderFault``, ``CardRejected``, ``ReaderSilent``.
        """
        while self._read_already:
            try:
                if not self.card_gone(deadline):
                    self._line.quiet(deadline.sooner(LIFT_POLL_S))
            except DeadlinePassed:
                raise DeadlinePassed("the card that was read still lies there", left=True) from None
        while not self._find(deadline):
            deadline.check()
            self._line.quiet(deadline.sooner(POLL_S))

    def read(self, deadline: Deadline) -> Reading:
        """Return the blocks of the card that was found, or of the one lying there now.

        Raises ``NoCard``, ``CardLifted``, ``CardRejected``, ``ReaderFault``, or a :class:`FrameError` when two readings in a row were void.
        """
        if self.exchange.in_doubt:
            self._settled("read", deadline)
        try:
            reading = self._reading(deadline)
        except FrameError:
            self._settled("read", deadline)
            try:
                reading = self._reading(deadline)
            except NoCard as gone:
                raise CardLifted(code=gone.data.get("code")) from None  # it was there
        self._read_already = True
        self._ladder.answered("read")
        return reading

    def management_number(self, deadline: Deadline) -> bytes:
        """Return IIN, SN and DN (28 bytes; 24 on some readers) of the card that was found, to be asked before it is read.

        It tells one card from every other: nothing here hands it on.
        """
        self._select(deadline)
        return self._good(frames.MANAGEMENT, deadline).data

    def card_gone(self, deadline: Deadline) -> bool:
        """Return whether the card that was read has left; for one that was only found, whether it is found no more."""
        if not self._read_already:
            return not self._find(deadline)
        try:
            code = self.exchange.ask(frames.APPENDED, deadline).code
        except DeadlinePassed:
            self._settled("read", deadline)
        else:
            if verdict(code) is Verdict.FAULT:
                raise error_for(code)
            if verdict(code) in (Verdict.OK, Verdict.ABSENT):
                return False
        self._found = self._read_already = False
        return True

    def _reading(self, deadline: Deadline) -> Reading:
        try:
            self._select(deadline)
            base = self.exchange.once(frames.READ, deadline, clean=True)
            if verdict(base.code) is not Verdict.OK:
                raise self._void_or_error(base.code)
            text, photo = frames.parse_blocks(base)
            appended = self.exchange.once(frames.APPENDED, deadline, clean=True)
            if verdict(appended.code) not in (Verdict.OK, Verdict.ABSENT):
                raise self._void_or_error(appended.code)
            last = self.exchange.once(frames.STATUS, deadline, clean=True)
        except DeadlinePassed:
            self._found = False
            self._settled("read", deadline)
            raise CardLifted from None
        if verdict(last.code) is not Verdict.OK:
            raise self._void_or_error(last.code)
        return Reading(text, photo, appended.data or None)

    def _select(self, deadline: Deadline) -> None:
        """Select the card; find it first if it was not found, or once more if selecting failed."""
        if self._found:
            answer = self.exchange.once(frames.SELECT, deadline)
            if verdict(answer.code) is Verdict.OK:
                return
            if verdict(answer.code) not in (Verdict.NO_CARD, Verdict.ORDER):
                raise self._void_or_error(answer.code)
        found = self.exchange.once(frames.FIND, deadline)
        self._found = verdict(found.code) is Verdict.OK
        if not self._found:
            raise NoCard(code=found.code) if verdict(found.code) is Verdict.NO_CARD else self._void_or_error(found.code)
        answer = self.exchange.once(frames.SELECT, deadline)
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

    def _good(self, command: frames.Command, deadline: Deadline) -> frames.Answer:
        """Ask, and raise what an answer other than a good one means."""
        answer = self.exchange.ask(command, deadline)
        if verdict(answer.code) is not Verdict.OK:
            raise error_for(answer.code)
        return answer

    def _find(self, deadline: Deadline) -> bool:
        """Ask for a card; a reader that stays silent is brought back first."""
        try:
            answer = self.exchange.ask(frames.FIND, deadline)
        except DeadlinePassed:
            answer = self._find_again(deadline)
        self._ladder.answered("find")
        if verdict(answer.code) in (Verdict.FAULT, Verdict.REJECTED):
            raise error_for(answer.code)
        self._found = verdict(answer.code) is Verdict.OK
        return self._found

    def _find_again(self, deadline: Deadline) -> frames.Answer:
        """Find once more, then reset the SAM and find a last time; :class:`ReaderSilent` when all that stays unanswered."""
        deadline.check()
        self._ladder.silent("find")
        for rung in (Rung.FIND, Rung.RESET):
            deadline.check()
            if not self._ladder.take(rung):
                continue
            try:
                if rung is Rung.RESET:
                    self._reset_blindly(deadline)
                self.exchange.settle(deadline.sooner(RUNG_S))
                return self.exchange.ask(frames.FIND, deadline)
            except DeadlinePassed:
                continue
        deadline.check()
        raise ReaderSilent

    def _reset_blindly(self, deadline: Deadline) -> None:
        """Send a reset to a SAM that may be past answering; what it says is left to the settling that follows."""
        self._found = self._read_already = False
        try:
            self.exchange.once(frames.RESET, deadline.sooner(RUNG_S))
        except (DeadlinePassed, FrameError):
            deadline.check()

    def _settled(self, what: str, deadline: Deadline) -> None:
        """Settle the line, which was silent over ``what``; the SAM is reset if need be.

        A reader that does not answer its own id while there is time left is :class:`ReaderSilent`.
        """
        try:
            self.exchange.settle(deadline)
        except DeadlinePassed:
            deadline.check()
            self._ladder.silent(what)
            if not self._ladder.take(Rung.RESET):
                raise ReaderSilent from None
        else:
            return
        self._reset_blindly(deadline)
        try:
            self.exchange.settle(deadline.sooner(RUNG_S))
        except DeadlinePassed:
            deadline.check()
            raise ReaderSilent from None

    def _find_reader(self, deadline: Deadline) -> None:
        """Ask for the status, at each rate there is, until the SAM is up; ``DeadlinePassed`` says what was ``heard`` instead."""
        self.exchange.broken = ""
        try:
            for seconds in patience():
                for _ in self._rates.round() if self._rates else (None,):
                    try:
                        answer = self.exchange.once(frames.STATUS, deadline.sooner(seconds))
                    except (DeadlinePassed, FrameError):
                        pass  # at this rate, or not yet
                    else:
                        if verdict(answer.code) is Verdict.OK:
                            return
                        if verdict(answer.code) is not Verdict.RESEND:
                            raise error_for(answer.code)
                    deadline.check()
                    self.exchange.silence(deadline)
        except DeadlinePassed:
            raise DeadlinePassed("no reader answers", heard=self.exchange.broken) from None

    def _read_sam_id(self, deadline: Deadline) -> bytes:
        for tries_left in range(SAM_ID_TRIES - 1, -1, -1):
            try:
                answer = self.exchange.ask(frames.SAM_ID, deadline)
            except DeadlinePassed:
                if not tries_left or not deadline.left():
                    raise
                continue
            if answer.data:
                return answer.data
            if verdict(answer.code) is Verdict.FAULT or not tries_left:
                break
        raise error_for(answer.code)
