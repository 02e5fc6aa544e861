# SPDX-License-Identifier: Apache-2.0
"""How the people at the counter behave. Everything a person may do differently is one value here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PROMPTS = (
    "notice",
    "document",
    "page",
    "portrait",
    "attest",
    "token",
    "paper",
    "old-card",
    "release",
    "guardian-consent",
    "group-consent",
    "request",
    "warning",
    "agreement",
    "commercial",
    "confirm",
    "second-person",
    "card",
)
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
    owner: str = "li"
    """Whose card the present owner lays down; the next five are the other parties', empty where nobody comes."""
    guardian: str = "li"
    proxy: str = "li"
    handler: str = "li"
    responsible: str = "moved"
    user: str = "moved_often"
    original: bool = True
    """The clerk finds that a pictured page is of the original."""
    attested: bool = True
    """The second member of staff agrees that this is the holder."""
    staff: str = "CLERK-8"
    """Who the second member of staff is."""
    pin: str = "000008"
    missing: str = ""
    """Code of a companion paper, or of the unit's document, that nobody brought."""
    unfit: str = ""
    """Code of one that is not as it must be: of another business, without seal."""
    release: bool = True
    """The present owner signs."""
    consent: bool = True
    """Guardian and user consent."""
    commercial: bool = False
    """The subscriber wants commercial messages."""
    about: str = ""
    """What is asked for; empty for the first thing the screen offers."""
    token: str = "bmV0d29yay1pZGVudGl0eS1vZi1ub2JvZHktYXQtYWxs"  # noqa: S105  # nobody's
    """Token of the network identity."""
    old_card: str = ""
    """Name of the card in use, to put in when asked; empty leaves the slot as it is."""
    warning: bool = True
    """Acknowledges the warnings of fraud and resale."""
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
            if name in {"cancel_at", "silent_at"} and value not in {"", *PROMPTS}:
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
