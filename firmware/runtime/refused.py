# SPDX-License-Identifier: Apache-2.0
"""The one way in which the maintenance process says no."""

from __future__ import annotations


class Refused(Exception):
    """The terminal does not do what was asked. ``kind`` is one word for programs, the message a sentence for the engineer."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
