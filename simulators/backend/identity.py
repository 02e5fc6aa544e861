# SPDX-License-Identifier: Apache-2.0
"""What the operator judges on the opened items of a record, one outcome code for each fault.

Rules: a document of the first kind discloses everything the chip holds, whoever's it is; the record claims no more than it amounts
to (``assurance``); citizen numbers pass their check digit (GB 11643, ISO 7064 MOD 11-2) and agree with the birth date; the document is
valid today; no check of the terminal failed; the notice was acknowledged; the face was live.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulators.backend.assurance import believed, claimed, somebody
from simulators.backend.errors import Refusal
from simulators.backend.shapes import PARTY_STEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.backend.shapes import Record

CITIZEN_CARD = "D01"
MANDATORY = frozenset({1, 2, 4, 7})
MANDATORY_CITIZEN = frozenset({1, 2, 3, 4, 5, 6, 7, 20})
READ = frozenset({"chip", "mrz", "ocr"})
FACE, LIVE_PORTRAIT, SOURCE = 274, 21, 259
LONG_TERM = "long-term"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_DATE = re.compile(r"[0-9]{8}")


def check_digit(first_17: str) -> str:
    """Return the 18th character of a citizen number."""
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def check_identity(record: Record, values: Mapping[int, str | bytes], *, today: str) -> None:
    """Raise the :class:`Refusal` that fits, or return. ``today`` is YYYYMMDD."""
    citizen = record.claims.get(258) == CITIZEN_CARD
    if not _mandatory(record) <= set(values):
        raise Refusal("R802")
    believed(record.claims)
    if citizen and not _good_number(str(values[2]), str(values[4])):
        raise Refusal("R111")
    if record.claims.get(SOURCE) in READ:
        _check_dates(str(values.get(6, "")), str(values[7]), today)
    checks = [*record.claims[261], *(check for party in record.claims[277] for check in party[4])]
    if not all(passed for _, passed in checks):
        raise Refusal("R207")
    somebody(record.claims)
    anybody = SOURCE in record.claims or record.claims[277]  # where nobody's data is asked for there is nothing to give notice of
    if anybody and "C-1" not in {name for name, _ in record.claims[262]}:
        raise Refusal("R601")
    faces = [record.claims.get(FACE, [0, True]), *(party.get(5, [0, True]) for party in record.claims[277])]
    if not all(live for _, live in faces):
        raise Refusal("R202")


def _mandatory(record: Record) -> frozenset[int]:
    """Return the fields there must be of each party: everything that was read, and the live portrait of a face that was compared."""
    needed: set[int] = set()
    for at, party in enumerate(claimed(record.claims)):
        fields = (MANDATORY_CITIZEN if party.document == CITIZEN_CARD else MANDATORY) if party.source in READ else frozenset()
        needed |= {PARTY_STEP * at + number for number in fields | ({LIVE_PORTRAIT} if party.face is not None else set())}
    return frozenset(needed)


def _good_number(number: str, birth: str) -> bool:
    return bool(_CITIZEN_NUMBER.fullmatch(number)) and check_digit(number[:17]) == number[17] and number[6:14] == birth


def _check_dates(begin: str, end: str, today: str) -> None:
    if (begin and not _DATE.fullmatch(begin)) or (end != LONG_TERM and not _DATE.fullmatch(end)):
        raise Refusal("R802")
    if begin > today:
        raise Refusal("R106")
    if end != LONG_TERM and end < today:
        raise Refusal("R105")
