# SPDX-License-Identifier: Apache-2.0
"""How the people at the counter behave. Everything a person may do differently is one value here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PROMPTS = ("notice", "document", "portrait", "agreement", "confirm", "card")
"""What a terminal asks people for, in order."""


@dataclass(frozen=True, slots=True)
class Script:
    """The defaults are a subscriber who wants a number and a clerk who helps."""

    notice: bool = True
    """Acknowledges the privacy notice."""
    document: bool = True
    """Lays the identity card on the reader; otherwise nothing happens there."""
    persona: str = "zhang"
    """Whose identity card it is."""
    face: str = ""
    """Who stands before the camera; empty for the card's holder. Another person does not match."""
    live: bool = True
    """A living person, not a photograph."""
    agreement: bool = True
    """Signs."""
    confirm: bool = True
    """Presses the button on the subscriber's side; otherwise never."""
    card: bool = True
    """Puts a card into the slot when asked and none is there."""
    blank: str = ""
    """Name of the card to put in when asked; the slot is emptied before the session. Empty leaves the slot as it is."""
    cancel_at: str = ""
    """Prompt at which the clerk cancels instead of answering."""
    refuse_at: str = ""
    """Prompt at which the clerk refuses instead of answering, with :attr:`refuse`."""
    refuse: str = "R101 nothing-shown"
    """The code and the note a clerk refuses with."""
    silent_at: str = ""
    """Prompt at which everybody walks away."""

    def with_changes(self, changes: dict[str, Any]) -> Script:
        """Return a script with ``changes``; ``ValueError`` for an unknown name, a wrong type or an unknown prompt."""
        for name, value in changes.items():
            if name not in self.__slots__:
                raise ValueError(f"a script has {', '.join(self.__slots__)}, not {name!r}")
            if type(value) is not type(getattr(self, name)):
                raise ValueError(f"{name} is a {type(getattr(self, name)).__name__}")
            if name.endswith("_at") and value not in {"", *PROMPTS}:
                raise ValueError(f"{name} is one of {', '.join(PROMPTS)}")
        return replace(self, **changes)

    def portrait(self) -> dict[str, Any]:
        """Return what the clerk sees when comparing the face with the card."""
        matched = self.face in {"", self.persona}
        return {"matched": matched, "score": 93 if matched else 21, "live": self.live}


def from_text(text: str) -> dict[str, Any]:
    """Read changes from a JSON object, or from a file that holds one; ``ValueError`` otherwise."""
    value = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError("a script is a JSON object")  # noqa: TRY004  # bad JSON content, not a caller's type
    return value
