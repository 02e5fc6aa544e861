# SPDX-License-Identifier: Apache-2.0
"""The machine-readable zone of a passport: TD3, two lines of 44 characters.

Decides whether the zone was read right, by its check digits. It does not decide whether the document is genuine or valid today, does not
expand the two-digit years and mints no holder. Clause: ICAO Doc 9303-3 §4.9 (check digits), 9303-4 §4.2.2 (layout).

Rules
* Exactly two lines of 44 characters out of A-Z, 0-9 and ``<``; nothing is corrected or guessed (no O for 0).
* Names, states and nationality are letters, dates are digits (``<<`` for an unknown part of a birth), and a holder has a name.
* All five check digits must fit. The one of an empty optional field may be ``<`` or ``0``.
* An error names the field, never its content.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import ClassVar, Final

from hal.errors import ProtocolError

LINE_LENGTH: Final = 44
_VALUES: Final = {character: value for value, character in enumerate(string.digits + string.ascii_uppercase)} | {"<": 0}
_WEIGHTS: Final = (7, 3, 1)


class MrzRefused(ProtocolError):
    """The lines are no TD3 zone or were misread; ``data`` has ``field`` and ``reason``. Scan again."""

    kind: ClassVar[str] = "mrz_refused"


@dataclass(frozen=True, slots=True, repr=False)
class PassportZone:
    """A checked TD3 zone. Texts without fillers; dates are ``YYMMDD`` as printed, with ``<<`` where a part of the birth is unknown."""

    document_code: str
    issuing_state: str
    surname: str
    given_names: str
    number: str
    nationality: str
    birth: str
    expiry: str
    optional: str

    def __repr__(self) -> str:
        """Tell the document code and the state, nothing personal."""
        return f"<PassportZone {self.document_code} {self.issuing_state}>"

    @property
    def mrz_information(self) -> str:
        """Number, birth and expiry with their check digits: what chip access keys are derived from (Doc 9303-11 §4.3.3)."""
        return "".join(part + str(check_digit(part)) for part in (self.number.ljust(9, "<"), self.birth, self.expiry))


def check_digit(text: str) -> int:
    """Return the check digit of ``text`` over 0-9, A-Z and ``<``; ``ValueError`` for other characters."""
    try:
        values = [_VALUES[character] for character in text]
    except KeyError:
        raise ValueError("not a machine-readable text") from None  # the cause would quote the character
    return sum(value * _WEIGHTS[at % 3] for at, value in enumerate(values)) % 10


def parse_passport(lines: tuple[str, str]) -> PassportZone:
    """Return the zone printed on ``lines``; :class:`MrzRefused` when it is not well-formed or a check digit does not fit."""
    for number, line in enumerate(lines, start=1):
        if len(line) != LINE_LENGTH:
            raise MrzRefused(field=f"line {number}", reason="length")
        if not _VALUES.keys() >= set(line):
            raise MrzRefused(field=f"line {number}", reason="character")
    first, second = lines
    if first[0] != "P":
        raise MrzRefused(field="document code", reason="kind")
    _letters("name", first[1:])
    _letters("nationality", second[10:13])
    _digits("birth", second[13:19].replace("<", "0"))
    _digits("expiry", second[21:27])
    _check("number", second[0:9], second[9])
    _check("birth", second[13:19], second[19])
    _check("expiry", second[21:27], second[27])
    _check("optional", second[28:42], second[42])
    _check("composite", second[0:10] + second[13:20] + second[21:43], second[43])
    surname, _, given_names = first[5:].partition("<<")
    if not surname.strip("<"):
        raise MrzRefused(field="name", reason="empty")
    return PassportZone(
        document_code=_text(first[0:2]),
        issuing_state=_text(first[2:5]),
        surname=_text(surname),
        given_names=_text(given_names),
        number=_text(second[0:9]),
        nationality=_text(second[10:13]),
        birth=second[13:19],
        expiry=second[21:27],
        optional=_text(second[28:42]),
    )


def _letters(field: str, text: str) -> None:
    if not set(string.ascii_uppercase + "<").issuperset(text):
        raise MrzRefused(field=field, reason="character")


def _digits(field: str, text: str) -> None:
    if not set(string.digits).issuperset(text):
        raise MrzRefused(field=field, reason="character")


def _check(field: str, text: str, printed: str) -> None:
    empty_optional = field == "optional" and not text.strip("<") and printed in "<0"
    if printed != str(check_digit(text)) and not empty_optional:
        raise MrzRefused(field=field, reason="check digit")


def _text(part: str) -> str:
    """Return a field without its trailing fillers, with single fillers as spaces."""
    return part.rstrip("<").replace("<", " ")
