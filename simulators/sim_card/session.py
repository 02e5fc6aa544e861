# SPDX-License-Identifier: Apache-2.0
"""What a card forgets at every reset: what is selected, what was verified, what waits to be fetched.

Each logical channel has one; ``verified`` is the same set in all, ``challenge`` and the proactive part count on the basic one alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.sim_card.files import Directory, File


@dataclass(slots=True)
class Session:
    """The volatile state of one card session. ``record`` 0 = no current record."""

    directory: Directory
    application: Directory | None = None
    file: File | None = None
    record: int = 0
    verified: set[int] = field(default_factory=set)
    trusted: bool = False
    """A session of the card's own security domain: every condition but NEVER is met."""

    challenge: bytes = b""
    """What the last GET CHALLENGE gave, until it is answered."""

    response: bytes = b""
    """Waits for GET RESPONSE, which ends with ``response_sw``."""
    response_sw: int = 0x9000

    profiled: bool = False
    """The terminal said what it can do."""
    proactive: list[bytes] = field(default_factory=list)
    """Commands to the terminal that were not fetched yet."""
    outstanding: bool = False
    """One was fetched and not answered yet."""
    answered: bool = False
    """The command being carried out is such an answer."""

    def go(self, directory: Directory, file: File | None = None) -> None:
        """Make ``file`` of ``directory`` current, or the directory alone."""
        self.directory, self.file, self.record = directory, file, 0

    def settle(self, directories: Mapping[str, Directory]) -> None:
        """Stand where it stood in the file system ``directories`` (by path), changed since; above what is gone, in the MF."""
        name = self.file.name if self.file else None
        self.directory = directories.get(self.directory.path, directories["MF"])
        self.application = directories.get(self.application.path) if self.application else None
        self.file = next((file for file in self.directory.files if file.name == name), None)

    def later(self, data: bytes, sw: int = 0x9000) -> bytes:
        """Keep ``data`` for GET RESPONSE (case 4 at T=0); returns what goes out now: nothing."""
        self.response, self.response_sw = data, sw
        return b""
