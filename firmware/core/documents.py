# SPDX-License-Identifier: Apache-2.0
"""The document check: whether the document that was read is plausible and valid today, and how sure the identity is.

Rules
* Checks are made in one order and stop at the first that fails; that one names the only outcome: origin R115, kind R103, number and birth
  R111, dates R111, clock R508, validity R106 / R105, age R206.
* The first and the last day of validity both count. ``long-term`` has no end.
* A number that follows GB 11643 must have the right check character and repeat the birth date (and sex, where the reader could compare).
* Without a trusted day nothing about time is decided: R508, never a guess.
* A card with a chip is read from its chip by a reader of ours: anything else, and anything that only looks like a holder, is R115.
* The assurance level is what provenance and checks amount to. Nobody can state one: there is no parameter and no field for it.

Does not authenticate chips (readers do) and does not ask registers (the backend does).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from hal.document import LONG_TERM, Provenance, is_holder, number_birth, number_is_consistent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hal.document import Holder

KINDS: Final = frozenset({"D01", "D08", "D10"})
"""Documents with a chip that the SAM reader opens; their numbers follow GB 11643 in the present layouts."""

_OLD_PERMANENT_RESIDENT: Final = 15
"""Length of a D10 number of the layout before 2023, which has no GB 11643 check character and is kept as it stands."""
_OLD_NUMBER: Final = re.compile(r"[A-Z]{3}[0-9]{12}", re.ASCII)
_DATE_LENGTH: Final = 8
_FACE: Final = frozenset({"face-match", "liveness"})
_TWO_STAFF: Final = frozenset({"attested", "second-person"})
ONLINE: Final = (("online", True),)
"""The operator's online check. It approves no record without one, so a record's assurance counts it as passed."""
IMAGE: Final = "image"
"""Source of a document that nobody could read at the terminal: its pictures are all there is, and the operator's reviewer reads them."""


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """The checks made, in order, and the outcome code of the one that failed (the last), or ``None``."""

    checks: tuple[tuple[str, bool], ...]
    outcome: str | None


class Assurance(IntEnum):
    """How sure the identity is (requirements, documents.md)."""

    AL0 = 0
    """Nothing to rely on: refuse."""
    AL1 = 1
    """Seen by two members of staff."""
    AL2 = 2
    """Printed zone with check digits, live face, online check, original attested."""
    AL3 = 3
    """Authenticated chip and live face."""
    AL4 = 4
    """Chip authenticated by the SAM, online check, live face."""


GUARDIAN_AGE: Final = 18
"""Years from which a person can be a guardian: full civil capacity (Civil Code, articles 17, 18, 27)."""
PARTY_AGE: Final = 16
"""Years from which a person may stand at the counter for somebody else, or beside somebody."""


def assurance(holder: Holder | None, checks: Iterable[tuple[str, bool]]) -> Assurance:
    """Return what the reading and the checks made so far amount to, as :func:`level` has it; nothing for what no reader read."""
    if holder is None or not is_holder(holder):
        return Assurance.AL0
    return level(holder.kind, holder.provenance.value, checks)


def level(document: str, source: str, checks: Iterable[tuple[str, bool]]) -> Assurance:
    """Return what a kind of document read from ``source`` and the checks made amount to; a failed check leaves nothing.

    ``checks`` are (name, passed) as in the record; counted are ``face-match`` and ``liveness`` (without them one level less), ``online``,
    ``passive-authentication`` (chips the SAM does not open), ``number``, ``attested`` and ``second-person``. What two members of staff
    attest is worth AL1 without a face too: that is what the level means.
    """
    made = tuple(checks)
    if not source or not all(passed for _, passed in made):
        return Assurance.AL0
    passed = frozenset(name for name, _ in made)
    best = _best_level(document, source, passed)
    least = Assurance.AL1 if best and passed >= _TWO_STAFF else Assurance.AL0
    return Assurance(best if passed >= _FACE else max(best - 1, least))


def _best_level(document: str, source: str, passed: frozenset[str]) -> int:
    """Return the level that the document reaches with a live face."""
    if source == Provenance.CHIP:
        if document in KINDS:
            return Assurance.AL4 if "online" in passed else Assurance.AL3
        return Assurance.AL3 if "passive-authentication" in passed else Assurance.AL0
    if document in KINDS:
        return Assurance.AL0
    if source != IMAGE and passed >= {"number", "online", "attested"}:
        return Assurance.AL2
    return Assurance.AL1 if passed & _TWO_STAFF else Assurance.AL0


def check_document(holder: Holder, today: date | None, *, minimum_age: int = PARTY_AGE) -> DocumentCheck:
    """Return which checks ``holder`` passes on ``today`` (the trusted civil date at the terminal; ``None`` when there is none).

    ``minimum_age`` in years is the policy pack's age from which a person may come alone.
    """
    made: list[tuple[str, bool]] = []
    for name, passes, code in _plan(holder, today, minimum_age):
        passed = passes()
        made.append((name, passed))
        if not passed:
            return DocumentCheck(tuple(made), code)
    return DocumentCheck(tuple(made), None)


def _plan(holder: Holder, today: date | None, minimum_age: int) -> tuple[tuple[str, Callable[[], bool], str], ...]:
    """Return name, question and outcome of every check. Later questions may rely on the earlier ones having passed."""
    day = today or date.min
    return (
        ("origin", lambda: is_holder(holder) and (holder.provenance is Provenance.CHIP or holder.kind not in KINDS), "R115"),
        ("kind", lambda: holder.kind in KINDS, "R103"),
        ("number", lambda: _number_fits(holder), "R111"),
        ("birth", lambda: _birth_fits(holder), "R111"),
        ("dates", lambda: _dates_fit(holder), "R111"),
        ("clock", lambda: today is not None, "R508"),
        ("started", lambda: _date(holder.valid_from) <= day, "R106"),
        ("not-expired", lambda: holder.valid_to == LONG_TERM or day <= _date(holder.valid_to), "R105"),
        ("age", lambda: _years(_date(holder.birth), day) >= minimum_age, "R206"),
    )


def _has_citizen_number(holder: Holder) -> bool:
    return not (holder.kind == "D10" and len(holder.number) == _OLD_PERMANENT_RESIDENT)


def _number_fits(holder: Holder) -> bool:
    if _has_citizen_number(holder):
        return number_is_consistent(holder.number)
    return _OLD_NUMBER.fullmatch(holder.number) is not None


def _birth_fits(holder: Holder) -> bool:
    if not _is_date(holder.birth) or holder.sex_agrees is False:
        return False
    return not _has_citizen_number(holder) or number_birth(holder.number) == holder.birth


def _dates_fit(holder: Holder) -> bool:
    if not _is_date(holder.valid_from) or _date(holder.birth) > _date(holder.valid_from):
        return False
    return holder.valid_to == LONG_TERM or (_is_date(holder.valid_to) and _date(holder.valid_from) <= _date(holder.valid_to))


def _is_date(text: str) -> bool:
    try:
        _date(text)
    except ValueError:
        return False
    return True


def _date(text: str) -> date:
    """Return the day of ``YYYYMMDD``; ``ValueError`` when there is no such day."""
    if len(text) != _DATE_LENGTH or not (text.isascii() and text.isdecimal()):
        raise ValueError("no date")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _years(birth: date, day: date) -> int:
    """Return the completed years; who is born on 29 February completes one on 1 March of a common year."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
