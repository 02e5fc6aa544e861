# SPDX-License-Identifier: Apache-2.0
"""How sure the identity of each party is, computed again from what the record holds; what the terminal states of it is only compared.

Rules (message text, ``assurance``; requirements, documents.md)
* a failed check leaves nothing: 0
* chip of a document the SAM opens: 4; another chip: 3 with ``passive-authentication``; ``mrz`` or ``ocr``: 2 with ``number`` and
  ``attested``; anything else but those documents: 1 with ``attested`` or ``second-person``
* without ``face-match`` and ``liveness`` one less, but ``attested`` with ``second-person`` gives 1 at least
* whoever states another level, or a comparison of faces the record has no face of, is not believed: R802
* a document the SAM opens comes from its chip: R115. A person's document that amounts to nothing is no identity: R207
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BY_SAM = frozenset({"D01", "D08", "D10"})
COMPARED = frozenset({"face-match", "liveness"})
TWO_STAFF = frozenset({"attested", "second-person"})
VISUAL = "V"
"""The modifier of who is looked at by two members of staff instead of being compared."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a record says of one party; ``face`` is its score, ``None`` where no face was compared."""

    document: str
    source: str
    checks: tuple[tuple[str, bool], ...]
    face: int | None
    level: int


def level(document: str, source: str, checks: Iterable[tuple[str, bool]]) -> int:
    """Return what a kind of document read from ``source`` and the checks made amount to, 0 … 4."""
    made = tuple(checks)
    if not document or not all(passed for _, passed in made):
        return 0
    names = frozenset(name for name, _ in made)
    best = _with_a_face(document, source, names)
    if names >= COMPARED:
        return best
    return max(best - 1, 1 if best and names >= TWO_STAFF else 0)


def claimed(claims: Mapping[int, Any]) -> list[Claimed]:
    """Return the subscriber, where a document was asked for, and the other parties in order."""
    parties = [Claimed(party[2], party[3], _checks(party[4]), party.get(5, [None])[0], party[6]) for party in claims[277]]
    return [Claimed(claims.get(258, ""), claims.get(259, ""), _checks(claims[261]), claims.get(274, [None])[0], claims[276]), *parties]


def believed(claims: Mapping[int, Any]) -> None:
    """Raise the :class:`Refusal` of a record that claims what it does not amount to; return when it may be believed."""
    subscriber, *others = claimed(claims)
    for party in (subscriber, *others):
        if party.document in BY_SAM and party.source != "chip":
            raise Refusal("R115")
        compared = COMPARED & {name for name, _ in party.checks}
        if party.level != level(party.document, party.source, party.checks) or (party.face is None and compared):
            raise Refusal("R802")
    if VISUAL in claims[278] and subscriber.face is not None:
        raise Refusal("R802")


def somebody(claims: Mapping[int, Any]) -> None:
    """Raise R207 where a person's document amounts to nothing; a unit's papers are the reviewer's to judge."""
    if any(party.document.startswith("D") and not party.level for party in claimed(claims)):
        raise Refusal("R207")


def _checks(pairs: Iterable[Any]) -> tuple[tuple[str, bool], ...]:
    return tuple((str(name), bool(passed)) for name, passed in pairs)


def _with_a_face(document: str, source: str, names: frozenset[str]) -> int:
    """Return the level the document reaches with a live face."""
    if source == "chip":
        if document in BY_SAM:
            return 4
        return 3 if "passive-authentication" in names else 0
    if document in BY_SAM:
        return 0
    if source in {"mrz", "ocr"} and names >= {"number", "attested"}:
        return 2
    return 1 if names & TWO_STAFF else 0
