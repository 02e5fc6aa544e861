# SPDX-License-Identifier: Apache-2.0
"""PC/SC: one named reader, one card at a time. The only importer of pyscard.

Decides what a failed call means. Rules:

1. By phase, not by message: a card pulled in the middle of a command makes pcsc-lite report *success* with no bytes. So a failed
   exchange is :class:`CardRemoved` when the service still answers and knows the reader, else ``LinkClosed``.
2. Only the reader of the given name is ever connected; there is no "first reader".
3. A handle or context that outlived its service is dead for good: it is thrown away and made anew, once per call.
4. The calls of the C interface are used, not pyscard's classes: those start threads and pass errors on as text.
5. A blocked call cannot be interrupted (SCardConnect may wait without limit): :meth:`PcscLink.stalled` tells another thread that one is
   overdue, and whoever holds the process ends it.

Knows nothing of card commands or status words.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, ClassVar

from hal.errors import DeadlinePassed, LinkClosed, LinkError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.deadline import Deadline

E_INVALID_HANDLE, E_TIMEOUT, E_SHARING_VIOLATION = 0x80100003, 0x8010000A, 0x8010000B
NO_CARD = frozenset({0x8010000C, 0x80100066, 0x80100067, 0x80100069})
"""NO_SMARTCARD, UNRESPONSIVE_CARD, UNPOWERED_CARD, REMOVED_CARD."""
E_PROTO_MISMATCH = 0x8010000F
"""What pcscd says of a card whose answer to reset it cannot read: dirty contacts, another card put in the wrong way round."""
SERVICE_GONE = frozenset({E_INVALID_HANDLE, 0x80100013, 0x8010001D, 0x8010001E})
"""INVALID_HANDLE, COMM_ERROR, NO_SERVICE, SERVICE_STOPPED."""

STATUS_WORD, HEADER = 2, 5

EVENTS_AT = 16
"""From this bit on a reader's state is its count of cards that came and went."""

POLL_S = 2.0
"""The longest single wait for a change; bounds the time until a dead service is noticed."""
ANSWER_S = 4.0
"""How long one call may take beside what it was told to wait: no command of a personalisation takes a card a second."""
SETTLE_S = 3.0
"""A service that has just started needs some looks at the slot before it knows of the card in it."""


class NoCard(LinkError):
    """There is no card in the reader, or it does not answer to reset (``data["mute"]``)."""

    kind: ClassVar[str] = "no_card"


class CardRemoved(LinkError):
    """The card left, or stopped answering, while it was being worked on. What it has done is not known."""

    kind: ClassVar[str] = "card_removed"


class PcscLink:
    """The link to the card in ``reader``; ``socket`` is pcscd's, where it is not the system's own.

    ``apdus`` and ``octets`` (command and response bytes, status words included) count since the start, ``link_us`` the
    microseconds spent inside PC/SC calls. ``answer_s``: seconds after which a call is overdue.
    """

    def __init__(self, reader: str, socket: str | None = None, *, answer_s: float = ANSWER_S) -> None:
        self.reader = reader
        self._answer_s = answer_s
        self._due: float | None = None
        """When the running call is overdue, on the monotonic clock."""
        self.apdus = 0
        self.octets = 0
        self.link_us = 0
        self.stay = 0
        """Grows with every connection to a card: while it is the same, so is the card."""
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0
        self._untouched = False
        """The card was reset and no command has been sent since."""
        self._renewed = False
        """The context was made anew in the last call: the service may not have looked at the slot yet."""
        if socket:
            os.environ["PCSCLITE_CSOCK_NAME"] = socket  # read by libpcsclite at its first call in this process

    # ---- what callers use

    def wait_for_card(self, deadline: Deadline) -> bytes:
        """Wait until a card answers in the reader; returns its ATR. Raises ``DeadlinePassed``, :class:`NoCard` (mute), ``LinkClosed``."""
        scard = _scard()
        if self._card is not None and self._call(scard.SCardStatus, self._card)[0] == 0 and self._reset():
            return self._atr()  # the one that was there already
        self._drop_card()
        known, mute = scard.SCARD_STATE_UNAWARE, False
        while True:
            state = self._status(known, min(deadline.left(), POLL_S))
            if mute and state == known:
                raise NoCard(mute=True)  # it was looked at again, and nobody touched it
            mute = bool(state & scard.SCARD_STATE_MUTE)
            if state & scard.SCARD_STATE_PRESENT and not mute:
                try:
                    if self._connect() and self._reset():
                        return self._atr()
                except NoCard:
                    mute = True
            known = state & ~scard.SCARD_STATE_CHANGED  # with its event counter: no change is missed
            if not mute:
                deadline.check()

    def power_cycle(self, deadline: Deadline) -> bytes:
        """Cold-reset the card that lies in the reader now, whichever it is; returns its ATR.

        Nothing is done when no command was sent since the last reset. A card or service that went away since is looked for again
        for :data:`SETTLE_S`. Raises :class:`NoCard`, ``LinkClosed``.
        """
        deadline.check()
        lost = self._card is not None
        if self._card is not None:
            code, *found = self._call(_scard().SCardStatus, self._card)
            if code == 0 and self._untouched:
                return bytes(found[3])
            if code == 0 and self._reset():
                return self._atr()
            self._drop_card(lost=True)
        elif self._connect() and self._reset():
            return self._atr()
        if lost or self._renewed:
            try:
                return self.wait_for_card(deadline.sooner(SETTLE_S))
            except DeadlinePassed:
                raise NoCard from None
        raise NoCard

    def presence(self) -> tuple[bool, int]:
        """Return whether a card lies in the reader now, and the service's count of cards that came and went there; ``LinkClosed``."""
        scard = _scard()
        state = self._status(scard.SCARD_STATE_UNAWARE, 0)
        return bool(state & scard.SCARD_STATE_PRESENT), state >> EVENTS_AT

    def wait_change(self, count: int, deadline: Deadline) -> None:
        """Wait until a card came or went since the service counted ``count`` with a card there; ``DeadlinePassed``, ``LinkClosed``."""
        scard = _scard()
        state = self._status(scard.SCARD_STATE_UNAWARE, 0)
        while state & scard.SCARD_STATE_PRESENT and state >> EVENTS_AT == count:
            state = self._status(state & ~scard.SCARD_STATE_CHANGED, min(deadline.check(), POLL_S))

    def transmit(self, command: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Exchange one APDU; returns (data, status word). Raises :class:`CardRemoved`, ``LinkClosed``, ``DeadlinePassed``."""
        deadline.check()
        scard = _scard()
        if self._card is None:
            raise CardRemoved
        self._untouched = False
        header = scard.SCARD_PCI_T1 if self._protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
        if header == scard.SCARD_PCI_T0 and len(command) > HEADER and len(command) == HEADER + 1 + command[4]:
            command = command[:-1]  # at T=0 a command with data has no Le on the line (ISO/IEC 7816-3 §12.2.5)
        code, response = self._call(scard.SCardTransmit, self._card, header, list(command))
        if code != 0 or not response:
            self._drop_card(lost=True)
            self._status(scard.SCARD_STATE_UNAWARE, 0)  # raises LinkClosed when the reader is gone
            raise LinkClosed("the PC/SC service was restarted") if self._renewed else CardRemoved
        self.apdus += 1
        self.octets += len(command) + len(response)
        if len(response) < STATUS_WORD:
            raise ProtocolError("a response without a status word", length=len(response))
        return bytes(response[:-2]), response[-2] << 8 | response[-1]

    def stalled(self) -> bool:
        """Return whether a call is overdue: the reader or its service hangs. May be asked from any thread."""
        due = self._due
        return due is not None and time.monotonic() > due

    def close(self) -> None:
        """Power the card off and leave the service."""
        self._drop_card()
        self._drop_context()

    # ---- PC/SC

    def _call(self, function: Callable[..., Any], *arguments: Any, waits: float = 0.0) -> Any:
        """Call ``function``, which may wait ``waits`` seconds by order; count the time; returns (code, result…), the code unsigned."""
        start = time.monotonic_ns()
        self._due = start / 1e9 + waits + self._answer_s
        answer = function(*arguments)
        self._due = None
        self.link_us += (time.monotonic_ns() - start) // 1000
        if isinstance(answer, int):
            return answer & 0xFFFFFFFF
        return answer[0] & 0xFFFFFFFF, *answer[1:]

    def _established(self) -> Any:
        if self._context is None:
            code, context = self._call(_scard().SCardEstablishContext, _scard().SCARD_SCOPE_SYSTEM)
            if code != 0:
                raise LinkClosed("no PC/SC service", code=code)
            self._context = context
        return self._context

    def _in_context(self, call: Callable[[Any], Any]) -> Any:
        """Run ``call(context)``, whose result starts with a code; once more in a new context when the old one was dead."""
        fresh = self._renewed = self._context is None
        answer = call(self._established())
        if answer[0] in SERVICE_GONE and not fresh:
            self._drop_context()
            self._renewed = True
            answer = call(self._established())
        if answer[0] in SERVICE_GONE:
            self._drop_context()
            raise LinkClosed("the PC/SC service went away", code=answer[0])
        return answer

    def _status(self, known: int, seconds: float) -> int:
        """Return the state of the reader, at once when it differs from ``known``, else after a change or ``seconds``."""
        scard = _scard()
        milliseconds = int(seconds * 1000)
        code, states = self._in_context(
            lambda c: self._call(scard.SCardGetStatusChange, c, milliseconds, [(self.reader, known)], waits=seconds)
        )
        if code == E_TIMEOUT:
            return known
        if code != 0:
            raise LinkClosed("the reader is not there", code=code)
        state: int = states[0][1]
        if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            raise LinkClosed("the reader is not there")
        return state

    def _connect(self) -> bool:
        """Connect the card; returns whether there is one. Raises :class:`NoCard` for one that is mute."""
        scard = _scard()
        mode, protocols = scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, card, protocol = self._in_context(lambda c: self._call(scard.SCardConnect, c, self.reader, mode, protocols))
        if code in NO_CARD:
            return False
        if code == E_PROTO_MISMATCH:
            raise NoCard(mute=True)
        if code == E_SHARING_VIOLATION:
            raise LinkError("another program holds the card", code=code)
        if code != 0:
            self._drop_context()
            raise LinkClosed("the reader is not there", code=code)
        self._card, self._protocol = card, protocol
        self.stay += 1
        return True

    def _reset(self) -> bool:
        """Power the connected card off and on; returns whether it answered."""
        scard = _scard()
        mode, protocols = scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, protocol = self._call(scard.SCardReconnect, self._card, mode, protocols, scard.SCARD_UNPOWER_CARD)
        if code != 0:
            self._drop_card(lost=True)
            return False
        self._protocol, self._untouched = protocol, True
        return True

    def _atr(self) -> bytes:
        code, *rest = self._call(_scard().SCardStatus, self._card)
        if code != 0:
            self._drop_card(lost=True)
            raise CardRemoved
        return bytes(rest[3])

    def _drop_card(self, *, lost: bool = False) -> None:
        """Let go of the card: powered off, or left as it is when contact is ``lost``.

        Powering off a card out of contact makes pcscd note an empty slot; were the contact back before its next look, nothing would
        ever change that note.
        """
        if self._card is not None:
            card, self._card = self._card, None
            how = _scard().SCARD_LEAVE_CARD if lost else _scard().SCARD_UNPOWER_CARD
            self._call(_scard().SCardDisconnect, card, how)  # a dead handle refuses; it is gone all the same

    def _drop_context(self) -> None:
        self._card = None
        if self._context is not None:
            context, self._context = self._context, None
            self._call(_scard().SCardReleaseContext, context)


def reader_names(socket: str | None = None) -> tuple[str, ...]:
    """Return the names of the readers the service knows; none when there is no service."""
    if socket:
        os.environ["PCSCLITE_CSOCK_NAME"] = socket  # as above
    scard = _scard()
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if code != 0:
        return ()
    code, names = scard.SCardListReaders(context, [])
    scard.SCardReleaseContext(context)
    return tuple(names) if code == 0 else ()


def _scard() -> Any:
    """Return pyscard's C interface, loaded at the first use: importing this module needs no PC/SC library."""
    from smartcard import scard  # noqa: PLC0415  # see above

    return scard
