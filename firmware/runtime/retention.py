# SPDX-License-Identifier: Apache-2.0
"""Ends what this terminal may no longer keep: personal data past the hard limit (DS-08), work on top of what is not handed over (R511).

Rules
* At every start, before anything else, and while the terminal runs: the items of an open session that is past the limit are erased, in the
  row that ends the session. The operator is told afterwards, as after any other end; that needs none of them, and erasing needs no key.
* The limit is the policy's ``device_data_hours``, and 24 hours whatever a policy says.
* How old something is, is :mod:`firmware.core.retention`'s to say. Open sessions have it noted at each start and every ten minutes.
* A session that is being run is not changed behind its back: :class:`~firmware.runtime.runner.Session` asks before each effect.

It keeps no data and shows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firmware.core import events
from firmware.core.retention import HARD_LIMIT_H, born
from firmware.core.session import fold, step
from firmware.core.states import Advising, Closed

if TYPE_CHECKING:
    from firmware.core.retention import Age
    from firmware.journal import Journal
    from firmware.runtime.clock import Moment

NOTE_S: Final = 600.0
"""Between two notes of how old open sessions are; what a power cut can hide of a life is less than that."""
LOOK_S: Final = 10.0
"""Between two looks at what is past the limit."""


def ages(journal: Journal, now: Moment) -> dict[bytes, Age]:
    """Return how old each open session is; one whose first row this software does not know has no age and is not judged."""
    noted = journal.noted_ages()
    known = {session: noted.get(session) or _opened(journal, session) for session in journal.open_sessions()}
    return {session: age.now(now.at, now.boot_id, now.boot_ms) for session, age in known.items() if age}


def note(journal: Journal, now: Moment) -> None:
    """Make the ages of open sessions durable; costs nothing when there are none."""
    if found := ages(journal, now):
        journal.note_ages(found)


def overdue(journal: Journal, now: Moment, hours: int) -> tuple[bytes, ...]:
    """Return the open sessions that still hold items and are past the limit, oldest first."""
    holding = journal.holding()
    if not holding:
        return ()
    found = ages(journal, now)
    return tuple(session for session in holding if session in found and found[session].over(hours))


def enforce(journal: Journal, now: Moment, hours: int = HARD_LIMIT_H, *, running: bytes = b"", keyless: bool = False) -> dict[bytes, str]:
    """Erase what is past the limit, but of the session that is ``running``; returns the outcome of each session that was ended.

    ``keyless``: the journal was opened without its store key, so that what must be kept sealed anew has to wait for a start with it.
    """
    ended = {session: _expire(journal, session, now.at, keyless=keyless) for session in overdue(journal, now, hours) if session != running}
    return {session: outcome for session, outcome in ended.items() if outcome}


def begin(journal: Journal, now: Moment, hours: int = HARD_LIMIT_H) -> None:
    """Erase what is past the limit and note how old the rest is: what a start does before anything else."""
    enforce(journal, now, hours)
    note(journal, now)


def _opened(journal: Journal, session: bytes) -> Age | None:
    """Return the age at the session's first row, which says when it was written."""
    first = journal.rows(session)[0]
    try:
        opened = events.decode(first.kind, first.payload)
    except events.UnknownEvent:
        return None
    return born(opened.at, opened.boot_id, opened.boot_ms) if isinstance(opened, events.Opened) else None


def _expire(journal: Journal, session: bytes, at: int, *, keyless: bool) -> str:
    expired = events.Expired(at)
    stands = fold(tuple(events.decode(row.kind, row.payload) for row in journal.rows(session)))
    following = step(stands.state, expired)
    if keyless and following.keep:
        return ""
    journal.append(session, *events.encode(expired), erase=following.erase, keep=following.keep, close=following.close)
    return following.state.outcome if isinstance(following.state, Advising | Closed) else ""
