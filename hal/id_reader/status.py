# SPDX-License-Identifier: Apache-2.0
"""SW3, the SAM's status: what each code means for the driver, as a table.

Clause: SAM_V status table, four sources agree (facts: id_reader §2.1). A code that is not in the table is ``Verdict.STRANGE`` and
travels on as a number.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from hal.errors import HalError, ProtocolError
from hal.id_reader.errors import CardLifted, CardRejected, NoCard, ReaderFault


class Verdict(Enum):
    """What the driver does about an answer."""

    OK = auto()
    ABSENT = auto()
    """The card has no such item; not an error."""
    RESEND = auto()
    """The command did not arrive, or the SAM asks for another try."""
    ORDER = auto()
    """Unknown command, or not in this state."""
    REJECTED = auto()
    FAULT = auto()
    NO_CARD = auto()
    LIFTED = auto()
    """Card and SAM lost each other: the card is to be presented again."""
    STRANGE = auto()


VERDICTS: Final[dict[int, Verdict]] = {
    0x90: Verdict.OK,
    0x9F: Verdict.OK,  # card found
    0x91: Verdict.ABSENT,
    0x10: Verdict.RESEND,  # checksum of the command
    0x11: Verdict.RESEND,  # length of the command
    0x24: Verdict.RESEND,  # unrecognised error
    0x47: Verdict.RESEND,  # get-random failed
    0x21: Verdict.ORDER,  # command error
    0x34: Verdict.ORDER,  # find first
    0x32: Verdict.REJECTED,  # SAM rejected the card
    0x33: Verdict.REJECTED,  # information failed verification
    0x37: Verdict.REJECTED,  # fingerprint verification failed
    0x3F: Verdict.REJECTED,  # information length error
    0x40: Verdict.REJECTED,  # unknown card type
    0x23: Verdict.FAULT,  # not permitted
    0x60: Verdict.FAULT,  # self-test failed
    0x66: Verdict.FAULT,  # SAM not authorised
    0x80: Verdict.NO_CARD,  # find failed
    0x81: Verdict.NO_CARD,  # select failed
    0x41: Verdict.LIFTED,  # card read failed
    0x31: Verdict.LIFTED,  # card rejected the SAM
}


def verdict(code: int) -> Verdict:
    """Return what ``code`` means for the driver."""
    return VERDICTS.get(code, Verdict.STRANGE)


_ERRORS: Final[dict[Verdict, type[HalError]]] = {
    Verdict.REJECTED: CardRejected,
    Verdict.FAULT: ReaderFault,
    Verdict.NO_CARD: NoCard,
    Verdict.LIFTED: CardLifted,
}


def error_for(code: int) -> HalError:
    """Return the error an answer with ``code`` is raised as where a good one was needed."""
    return _ERRORS.get(verdict(code), ProtocolError)(code=code)
