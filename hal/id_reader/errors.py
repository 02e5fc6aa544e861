# SPDX-License-Identifier: Apache-2.0
"""What a card reader can report. ``data["code"]`` is the reader's SW3 where there is one; never a field's content."""

from __future__ import annotations

from typing import ClassVar

from hal.errors import DeviceError, ProtocolError


class FrameError(ProtocolError):
    """The line carried something that is no answer to the command sent; ``data["reason"]`` says what. Drain and ask again."""


class NoCard(DeviceError):
    """No card in the field. Ask for it."""

    kind: ClassVar[str] = "no_card"


class CardLifted(DeviceError):
    """The card went away between finding and the last byte. Ask to lay it down again and leave it there."""

    kind: ClassVar[str] = "card_lifted"


class CardRejected(DeviceError):
    """SAM and card do not accept each other, or the card's information failed verification. Another document is needed."""

    kind: ClassVar[str] = "card_rejected"


class ReaderFault(DeviceError):
    """The SAM failed its self-test or is not authorised. The unit needs service."""

    kind: ClassVar[str] = "reader_fault"


class ReaderSilent(DeviceError):
    """The reader answers nothing any more: not after a second find, a reset of the SAM, and a new opening of its port.

    ``data["remedy"]`` is ``power_cycle``: what is left to try is its power, which the owner of the controller switches, and then a person.
    ``data["find"]``, ``["reset"]`` and ``["reopen"]`` count how often each rung was taken since the driver began.
    """

    kind: ClassVar[str] = "reader_silent"


class UnknownReader(DeviceError):
    """The USB device has none of the pipes readers have; ``data["classes"]`` are its interface classes. Another device, or another mode."""

    kind: ClassVar[str] = "unknown_reader"


class UnknownDocument(ProtocolError):
    """The card's type character is none we know; ``data["type"]`` is its code point. The fields are not guessed."""

    kind: ClassVar[str] = "unknown_document"


class BlockRefused(ProtocolError):
    """A block read from the card is not what its layout allows; ``data`` names block or field and the reason. Read again once."""

    kind: ClassVar[str] = "block_refused"
