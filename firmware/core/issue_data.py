# SPDX-License-Identifier: Apache-2.0
"""The issue data (``messages.cddl``: issue-data): what the operator sends to have one card issued, opened and read strictly.

Rules
* Only the data an :class:`~firmware.core.approval.Approval` names is opened, in the form of the mode it names: R707 when the sealed bytes
  or the plaintext are others, R704 when what the operator approved cannot be opened or is no data of that mode.
* A card that has an ICCID keeps it: data for another one is R707. A blank without (all F or all 0) gets the data's.
* ``repr`` shows nothing; the data lives in memory and in the journal's sealed items, never in an event, log or error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, international
from firmware.core.challenge import Challenge, read_challenge
from firmware.core.errors import CannotOpen, IssueDataRefused, Malformed
from firmware.core.mode import Mode
from firmware.core.profile import Profile, iccid, read_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from firmware.core.approval import Approval
    from firmware.core.record import Card
    from firmware.core.suite import Provider

MAX_STEPS: Final = 64
MAX_RELAYED: Final = 256
MIN_COMMAND, MAX_COMMAND = 4, 261
"""Length of a short APDU in bytes: header alone; header, Lc, 255 bytes, Le."""
MAX_PATTERNS: Final = 16
_INFO: Final = b"rnt/profile/1"
_CHALLENGE: Final = 11
_BLANK: Final = (frozenset("F"), frozenset("0"))
"""What the ICCID of a card without one reads as, if it reads at all."""


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One command of a script; ``accepted`` are (status word, mask) pairs of which one must fit, ``keep``: its answer is proof."""

    command: bytes
    accepted: tuple[tuple[int, int], ...]
    keep: bool

    def to_card_dict(self) -> dict[str, Any]:
        """Return the JSON form the SIM card service takes."""
        return {"apdu": self.command.hex(), "accepted": [list(pair) for pair in self.accepted], "keep": self.keep}


@dataclass(frozen=True, slots=True, repr=False)
class Script:
    """Prepared commands for one card, and the numbers it has afterwards. The card judges the commands, the operator its answers."""

    iccid: str
    imsi: str
    msisdn: str
    steps: tuple[Step, ...]
    challenge: Challenge | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RelayOrder:
    """Leave for the operator to talk to one card through the terminal, in at most ``most`` commands."""

    iccid: str
    imsi: str
    msisdn: str
    most: int
    challenge: Challenge | None = None


IssueData = Profile | Script | RelayOrder


def issue_data_info(record_digest: bytes) -> bytes:
    """Return what the sealed issue data is bound to, for the record with this digest."""
    return _INFO + record_digest


def open_issue_data(
    sealed: bytes, *, private_key: bytes, approval: Approval, provider: Provider = international.PROVIDER
) -> tuple[IssueData, bytes]:
    """Return the approved data and its plaintext; ``private_key`` is the session's key whose public half stands in the record.

    :class:`~firmware.core.errors.IssueDataRefused` with R707 or R704.
    """
    if provider.suite.digest(sealed) != approval.sealed:
        raise IssueDataRefused("R707", "sealed issue data")
    try:
        plaintext = provider.open_sealed(sealed, private_key=private_key, info=issue_data_info(approval.record))
    except CannotOpen:
        raise IssueDataRefused("R704", "issue data cannot be opened") from None
    if provider.suite.digest(plaintext) != approval.issue_data:
        raise IssueDataRefused("R707", "issue data")
    try:
        data = parse_issue_data(approval.mode, plaintext)
    except Malformed:
        raise IssueDataRefused("R704", "no issue data of this mode") from None
    if _has_iccid(approval.card) and data.iccid != approval.card.iccid:
        raise IssueDataRefused("R707", "issue data of another card")
    return data, plaintext


def parse_issue_data(mode: Mode, plaintext: bytes) -> IssueData:
    """Return the data of ``mode`` in its plaintext bytes; :class:`~firmware.core.errors.Malformed` when it is none."""
    return _READERS[mode](cbor.decode(plaintext))


def _script(value: Any) -> Script:
    c = claims.fields(value, _COMMON, _OPTIONAL)
    steps = claims.array(c[4])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise Malformed("steps")
    return Script(*_numbers(c), tuple(_step(step) for step in steps), _challenge(c))


def _step(value: Any) -> Step:
    command, accepted, keep = claims.array(value, 3)
    if not MIN_COMMAND <= len(claims.octets(command)) <= MAX_COMMAND:
        raise Malformed("command")
    if not 1 <= len(claims.array(accepted)) <= MAX_PATTERNS:
        raise Malformed("accepted")
    return Step(command, tuple(_pattern(pattern) for pattern in accepted), claims.flag(keep))


def _pattern(value: Any) -> tuple[int, int]:
    sw, mask = claims.array(value, 2)
    return claims.uint(sw, 0xFFFF), claims.uint(mask, 0xFFFF)


def _relay_order(value: Any) -> RelayOrder:
    c = claims.fields(value, _COMMON, _OPTIONAL)
    most = claims.uint(c[4], MAX_RELAYED)
    if most == 0:
        raise Malformed("most commands")
    return RelayOrder(*_numbers(c), most, _challenge(c))


_COMMON: Final = frozenset({1, 2, 3, 4})
_OPTIONAL: Final = frozenset({_CHALLENGE})
_READERS: Final[Mapping[Mode, Callable[[Any], IssueData]]] = {
    Mode.FIELDS: lambda value: read_profile(value, unlocked=False),
    Mode.UNLOCK: lambda value: read_profile(value, unlocked=True),
    Mode.SCRIPT: _script,
    Mode.RELAY: _relay_order,
}


def _numbers(c: Mapping[int, Any]) -> tuple[str, str, str]:
    return iccid(c[1]), claims.digits(c[2], 6, 15), claims.digits(c[3], 3, 15)


def _challenge(c: Mapping[int, Any]) -> Challenge | None:
    return read_challenge(c[_CHALLENGE]) if _CHALLENGE in c else None


def _has_iccid(card: Card) -> bool:
    return not any(set(card.iccid) <= blank for blank in _BLANK)
