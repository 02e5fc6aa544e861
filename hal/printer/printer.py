# SPDX-License-Identifier: Apache-2.0
"""Print a receipt, or several papers at once, and know that they are out.

Order: ask if the printer is online and has paper, send the job, wait for its report. While the report does not come, the paper is
asked about again, because a printer that ran out stops in the middle and keeps silent. Nothing is retried here: a printer may go on
by itself once paper is in, so a second copy is a person's decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hal.errors import DeadlinePassed, DeviceError
from hal.printer import escpos
from hal.printer.errors import NoPaper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hal.deadline import Deadline
    from hal.link.serial import SerialLink

ASK_AGAIN_S = 0.5
"""Seconds of silence after which a printing printer is asked about its paper."""


def print_papers(link: SerialLink, papers: Sequence[Sequence[str]], deadline: Deadline, *, cut: bool) -> int:
    """Print ``papers`` (lines without line ends) and return the number of bytes sent once they are all on paper.

    Raises :class:`~hal.printer.errors.NoPaper`, :class:`~hal.errors.DeviceError` with ``code="offline"`` (cover open, button,
    cutter), :class:`~hal.errors.ProtocolError` for a status byte that is none, and the link's errors.
    """
    job = escpos.job(*papers, cut=cut)
    link.discard()
    if not escpos.paper_present(_ask(link, escpos.ASK_PAPER, deadline)):
        raise NoPaper(begun=False)
    if not escpos.online(_ask(link, escpos.ASK_ONLINE, deadline)):
        raise DeviceError(code="offline")
    link.write(job, deadline)
    if not escpos.printed(_await_report(link, deadline)):
        raise NoPaper(begun=True)
    return len(job)


def _ask(link: SerialLink, question: bytes, deadline: Deadline) -> int:
    link.write(question, deadline)
    return link.read_exactly(1, deadline)[0]


def _await_report(link: SerialLink, deadline: Deadline) -> int:
    """Return the answer to ``GS r``; answers to our questions in between are recognised by their fixed bits."""
    while True:
        try:
            status = link.read_exactly(1, deadline.sooner(ASK_AGAIN_S))[0]
        except DeadlinePassed:
            deadline.check()
            link.write(escpos.ASK_PAPER, deadline)
            continue
        if not escpos.is_instant(status):
            return status
        if not escpos.paper_present(status):
            raise NoPaper(begun=True)
