# SPDX-License-Identifier: Apache-2.0
"""The document check: whether the document that was read is plausible and valid today.

Rules
* Checks are made in one order and stop at the first that fails; that one names the only outcome: kind R103, number and birth R111,
  dates R111, clock R508, validity R106 / R105, age R206.
* The first and the last day of validity both count. ``long-term`` has no end.
* A number that follows GB 11643 must have the right check character and repeat the birth date (and sex, where the reader could compare).
* Without a trusted day nothing about time is decided: R508, never a guess.

Does not authenticate chips (readers do) and does not ask registers (the backend does).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from hal.document import LONG_TERM, number_birth, number_is_consistent

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.document import Holder

KINDS: Final = frozenset({"D01", "D08", "D10"})
"""Documents with a chip that the SAM reader opens; their numbers follow GB 11643 in the present layouts."""

_OLD_PERMANENT_RESIDENT: Final = 15
"""Length of a D10 number of the layout before 2023 (3 letters, 12 digits), which has no GB 11643 check character."""
_DATE_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """The checks made, in order, and the outcome code of the one that failed (the last), or ``None``."""

    checks: tuple[tuple[str, bool], ...]
    outcome: str | None


def check_document(holder: Holder, today: date | None, *, minimum_age: int = 16) -> DocumentCheck:
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
    return not _has_citizen_number(holder) or number_is_consistent(holder.number)


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
