# SPDX-License-Identifier: Apache-2.0
"""The four ways to issue a card (``messages.cddl``: mode). The operator chooses; the signed approval names the choice.

What follows from a mode is asked here, of the mode, and nowhere decided twice.
"""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How a card is issued."""

    FIELDS = "fields"
    """The terminal writes the files itself, opened by an administrative key."""
    SCRIPT = "script"
    """The card gets a prepared sequence of protected commands and answers with its own proof."""
    UNLOCK = "unlock"
    """As fields, opened by the operator's answer to the card's challenge."""
    RELAY = "relay"
    """The operator talks to the card through the terminal, command by command."""

    @property
    def read_back_proves(self) -> bool:
        """Whether the terminal itself can prove the write by reading the card; of the other two only the operator can judge."""
        return self in {Mode.FIELDS, Mode.UNLOCK}
