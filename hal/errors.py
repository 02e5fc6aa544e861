# SPDX-License-Identifier: Apache-2.0
"""What a device or its link can do wrong. World errors only; a caller's mistake stays a built-in exception.

Each error carries data as attributes (status words, codes, lengths) and never personal data, keys or card content.
``kind`` is the name under which it crosses from a worker process to the terminal.
"""

from __future__ import annotations

from typing import ClassVar


class HalError(Exception):
    """Root of everything a driver lets out. ``data`` holds plain numbers and short codes only."""

    kind: ClassVar[str] = "hal"

    def __init__(self, message: str = "", **data: int | str | bool | None) -> None:
        super().__init__(message or self.kind)
        self.data = data


class LinkError(HalError):
    """The bytes do not flow. The device may be fine; reopen the link."""

    kind = "link"


class LinkClosed(LinkError):
    """The device went away: cable pulled, process ended, service stopped."""

    kind = "link_closed"


class DeadlinePassed(LinkError):
    """The device did not answer in the time the caller had."""

    kind = "deadline"


class ProtocolError(HalError):
    """The device answered something its protocol does not allow."""

    kind = "protocol"


class DeviceError(HalError):
    """The device reports a fault of its own; ``data["code"]`` is its code."""

    kind = "device"
