# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a SIM card, apart from the link (:mod:`hal.link.pcsc`: ``no_card``, ``card_removed``)."""

from __future__ import annotations

from typing import Any, ClassVar

from hal.errors import HalError, ProtocolError


class MalformedCardData(ProtocolError):
    """A file or template of the card does not follow its clause."""


class UnknownCard(HalError):
    """The card is of no known model, or lacks what its model has. Nothing was written: back to stock.

    ``data``: ``atr`` and how many ``types`` it could be, or the ``file`` of another structure, or the refusal's ``sw``.
    """

    kind: ClassVar[str] = "unknown_card"


class NotBlank(HalError):
    """The card already has an IMSI, or does not let it be read."""

    kind: ClassVar[str] = "not_blank"


class CardDefective(HalError):
    """The card's memory fails (``data["sw"]``): scrap it."""

    kind: ClassVar[str] = "card_defective"


class KeyBlocked(HalError):
    """The administrative key is blocked (``data["left"]`` 0), or has one try left (1) and was not presented."""

    kind: ClassVar[str] = "key_blocked"


class KeyWrong(HalError):
    """The card refused the administrative key; ``data["left"]`` tries remain. Never tried again by this package."""

    kind: ClassVar[str] = "key_wrong"


class CardChanged(HalError):
    """The card in the slot is not the one that was approved. Nothing was written."""

    kind: ClassVar[str] = "card_changed"


class WriteFailed(HalError):
    """An update was refused (``data["sw"]``) after ``data["updates"]`` successful ones; with more than none, scrap the card."""

    kind: ClassVar[str] = "write_failed"


class _ScriptStopped(HalError):
    """A script ended at ``data["step"]`` with ``data["sw"]``; ``data["answers"]`` are [position, status word, hex] of the kept steps."""

    data: dict[str, Any]

    def __init__(self, *, sw: int, step: int, answers: list[list[int | str]]) -> None:
        super().__init__(sw=sw, step=step)
        self.data["answers"] = answers


class ScriptFailed(_ScriptStopped, WriteFailed):
    """A step of a script was answered otherwise than it had to be: the card may have changed."""


class ScriptDefective(_ScriptStopped, CardDefective):
    """The card's memory failed at a step of a script: scrap it."""


class ScriptUnfit(HalError):
    """The command at ``data["position"]`` has not the form of one, or may not be carried. None of them was sent."""

    kind: ClassVar[str] = "script_unfit"


class ProfileUnfit(HalError):
    """The profile cannot be written to this card; ``data["item"]`` names the file. Nothing was written."""

    kind: ClassVar[str] = "profile_unfit"


class MacFailure(HalError):
    """The card refused a challenge: it was not made with the card's key, so the key on the card is another one."""

    kind: ClassVar[str] = "mac_failure"


class AuthenticateRefused(HalError):
    """The card cannot or may not answer a challenge here (``data["sw"]``); nothing is known of its key."""

    kind: ClassVar[str] = "authenticate_refused"


class PacketRefused(HalError):
    """The card did not take an envelope (``data["sw"]``): nothing was done, as for a packet seen before."""

    kind: ClassVar[str] = "packet_refused"
