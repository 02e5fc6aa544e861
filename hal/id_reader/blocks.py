# SPDX-License-Identifier: Apache-2.0
"""The family ``blocks``: a reader with a PC/SC driver that has the card's text and photo ready in six numbered blocks.

==========  ====================================  =======================================================================
block       ``FF B0 NN 00 00``, answered 9000     what it holds
==========  ====================================  =======================================================================
00          260 bytes                             4 bytes of header, 256 of text
01          256 bytes                             4 bytes of header, the photo's first 252
02 03 04    256 bytes                             256 of photo each
05          4 bytes or more                       the photo's last 4
==========  ====================================  =======================================================================

Clause: facts id_reader §1.3 E (one source, low confidence). The reader tells such a card from others by bytes 13 and 14 of its answer to
reset, ``90 00``. The header is not interpreted: its form is not public.

Rules
* PC/SC couples answer and command, so there are no stale answers; a block of another size voids the reading, which is repeated once.
* One connection, one card: a card that left in the middle is :class:`~hal.id_reader.errors.CardLifted`, even if it is back.
* One presentation, one reading, told by the service's count of cards that came and went.

What this protocol does not have, and what follows: no SAM id (a terminal works with a registered SAM only, so this family serves benches
and never an activation: R513); no appended address (the address may be an old one); no status of the SAM.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from hal.errors import DeadlinePassed, HalError
from hal.id_reader.driver import Reading, Spent
from hal.id_reader.errors import CardLifted, CardRejected, FrameError, NoCard
from hal.id_reader.frames import PHOTO_LENGTH, TEXT_LENGTH
from hal.id_reader.watching import Seen
from hal.link import pcsc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hal.deadline import Deadline
    from hal.id_reader.ladder import Ladder
    from hal.id_reader.watching import Watcher

MARK: Final = b"\x90\x00"
MARK_AT: Final = 13
HEADER: Final = 4
WHOLE: Final = 256
LAST: Final = PHOTO_LENGTH - (WHOLE - HEADER) - 3 * WHOLE
SIZES: Final = (HEADER + TEXT_LENGTH, WHOLE, WHOLE, WHOLE, WHOLE, LAST)
"""Data bytes of each block; the last one may bring more, which is dropped."""
GOOD: Final = 0x9000
TRIES: Final = 2


def connect(
    table: Mapping[str, Any], _known: int | None = None, watcher: Watcher | None = None, _ladder: Ladder | None = None
) -> BlockReader:
    """Return the driver of the PC/SC reader ``pcsc`` of ``table``; ``pcscd_socket`` is the service's, where it is not the system's."""
    return BlockReader(pcsc.PcscLink(str(table["pcsc"]), str(table.get("pcscd_socket") or "") or None), watcher)


def request(block: int) -> bytes:
    """Return the command that asks for ``block``, 0..5."""
    if not 0 <= block < len(SIZES):
        raise ValueError("there are six blocks")
    return bytes((0xFF, 0xB0, block, 0, 0))


def is_identity_card(atr: bytes) -> bool:
    """Return whether a card with this answer to reset is one whose blocks the reader has."""
    return atr[MARK_AT : MARK_AT + len(MARK)] == MARK


def join(blocks: Sequence[bytes]) -> Reading:
    """Return the text and the photo that stand in six blocks; :class:`FrameError` ``length`` when one has another size."""
    for number, (block, size) in enumerate(zip(blocks, SIZES, strict=True)):
        if len(block) != size and not (number == len(SIZES) - 1 and len(block) > size):
            raise FrameError("a block of another size", reason="length", block=number, length=len(block))
    text, first, *middle, last = blocks
    return Reading(text[HEADER:], first[HEADER:] + b"".join(middle) + last[:LAST], None)


class BlockReader:
    """Drives one reader. All errors are :class:`~hal.errors.HalError`."""

    kind = "pcsc"
    sam_id = b""
    baud: int | None = None

    def __init__(self, link: pcsc.PcscLink, watcher: Watcher | None = None) -> None:
        self._link = link
        self._watcher = watcher
        self._found: int | None = None
        """The service's count when the card in the field was found."""
        self._read_already = False

    def start(self, deadline: Deadline) -> bytes:
        """Look whether the service knows the reader; there is no id to return."""
        self.check(deadline)
        return self.sam_id

    def check(self, deadline: Deadline) -> None:
        """Look whether the reader is there: it tells nothing of its SAM."""
        deadline.check()
        self._link.presence()

    def reset(self, deadline: Deadline) -> None:
        """Forget the card that lies there, so that it is found anew."""
        self.check(deadline)
        self._found, self._read_already = None, False

    def await_card(self, deadline: Deadline) -> None:
        """Return once a card was presented; ``CardRejected`` for one whose blocks the reader does not have."""
        while self._read_already:
            try:
                if not self.card_gone(deadline):
                    self._link.wait_change(self._found or 0, deadline)
            except DeadlinePassed:
                raise DeadlinePassed("the card that was read still lies there", left=True) from None
        try:
            atr = self._link.wait_for_card(deadline)
        except pcsc.NoCard:
            raise CardRejected from None  # something lies there and does not speak
        self._take(atr)

    def read(self, deadline: Deadline) -> Reading:
        """Return the blocks of the card that was found, or of the one lying there now."""
        if self._found is None:
            self._find_now(deadline)
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                reading = join([self._block(number, deadline) for number in range(len(SIZES))])
            except FrameError:
                if not tries_left:
                    raise
                continue
            self._read_already = True
            break
        return reading

    def card_gone(self, deadline: Deadline) -> bool:
        """Return whether the card that was found or read has left, also when it is back since."""
        deadline.check()
        there, count = self._link.presence()
        if there and count == self._found:
            return False
        self._found, self._read_already = None, False
        return True

    def spent(self) -> Spent:
        """Return what was spent since the last call; a command and its response count as two frames."""
        link = self._link
        found = Spent(2 * link.apdus, link.octets, link.link_us)
        link.apdus = link.octets = link.link_us = 0
        return found

    def stalled(self) -> bool:
        """Return whether a call of the service is overdue. Called from another thread."""
        return self._link.stalled()

    def close(self) -> None:
        """Power the card off and leave the service."""
        self._link.close()

    def _find_now(self, deadline: Deadline) -> None:
        try:
            self._take(self._link.power_cycle(deadline))
        except pcsc.NoCard:
            raise NoCard from None

    def _take(self, atr: bytes) -> None:
        """Note the card that answered to reset with ``atr`` as the one found."""
        _, self._found = self._link.presence()
        if not is_identity_card(atr):
            raise CardRejected

    def _block(self, number: int, deadline: Deadline) -> bytes:
        """Ask for one block; ``CardLifted`` when the card left, or the reader has lost it."""
        start = time.monotonic_ns() if self._watcher else 0
        try:
            data, word = self._link.transmit(request(number), deadline)
        except HalError as error:
            self._tell(number, start, problem="silence" if isinstance(error, DeadlinePassed) else error.kind)
            if isinstance(error, pcsc.CardRemoved):
                self._found = None
                raise CardLifted from None
            raise
        self._tell(number, start, left_out=len(data), code=word)
        if word != GOOD:
            self._found = None
            raise CardLifted(code=word)
        return data

    def _tell(self, number: int, start_ns: int, *, left_out: int = 0, code: int | None = None, problem: str = "") -> None:
        """Tell the onlooker of one block: its size, and no byte of it."""
        if self._watcher:
            took = (time.monotonic_ns() - start_ns) // 1000
            self._watcher.saw(Seen(f"block {number}", request(number), left_out=left_out, code=code, problem=problem, took_us=took))
