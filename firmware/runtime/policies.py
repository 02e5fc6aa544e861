# SPDX-License-Identifier: Apache-2.0
"""The policy packs of one terminal: the floor that ships with the software, and the signed packs the operator sent.

Rules
* The signed packs lie in one file, ``policy/packs.cbor`` (deterministic CBOR: an array of signed messages), put in place as a whole.
* They are verified at every start. Packs that may not be used, or that the operator demands and are not here, mean R510: no new session.
  What was begun before goes on to its end.
* A pack older than the newest of its id that ever held here is R510 too, wherever it came from: the journal keeps that floor. It covers the
  floor pack of the software itself.
* A plan this software cannot carry out whole is refused before anything is asked of the customer.

What a pack says and whether packs fit together is :mod:`firmware.core.policy`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from firmware import packs as shipped
from firmware.core import cbor
from firmware.core.errors import Malformed, PackFault, PackRefused, PolicyRefused
from firmware.core.policy import PackSet, Performers, Plan, assemble, check_demanded, check_performable, read_pack, resolve, shortfall
from firmware.core.policy.plan import RECORDING, STORING, WRITING
from firmware.core.policy.vocabulary import RANK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from firmware.core.keyring import Trust
    from firmware.core.policy import SignedPack

PACKS: Final = "policy/packs.cbor"
"""Relative to the state directory."""
MAX_BYTES: Final = 256 * 1024
_CAPTURED: Final = (
    "notice-digest chip-data chip-portrait-commitment reader-identity live-photo-commitment face-score document-image watermark "
    "agreement-digest resale-ban fraud-warning accessibility-mark network-token old-iccid owner-release request-form consent-object "
    "second-person-reason sealed-capsule unit-document-image seal-image user-list purpose issuer-level"
)
_OPERATORS_EVIDENCE: Final = "history-version risk-level masked-count refund-account restore-free debts-cleared"
"""What the operator holds in its own books: versions, its own order, the account that pays, what the answer shows."""
_CHECKED: Final = (
    "origin kind number birth dates clock started not-expired age original face-match liveness attested second-person "
    "guardian-relation proxy-scope unit-seal issuer-level offline-quota offline-age"
)
_OPERATORS_CHECKS: Final = (
    "online not-reported-lost operator-not-customer quota cool-down old-numbers-registered owner-match same-person no-dispute no-debt "
    "quota-new-owner registry purpose-licensed cash-free user-rows reviewer proxy-quota port-code install-address withdrawal-wins"
)
PERFORMERS: Final = Performers(
    steps=frozenset(RANK),
    evidence=frozenset(f"{_CAPTURED} {_OPERATORS_EVIDENCE}".split()),
    checks=frozenset(f"{_CHECKED} {_OPERATORS_CHECKS}".split()),
    closings=frozenset({WRITING, RECORDING, STORING}),
)
"""What the capture performs, and what the operator does when it is asked to approve; a plan that needs anything else is R410.

Nobody performs yet: reading a machine readable zone or a passport's chip, and what internet-of-things cards need (risk assessment, device
list, function limits, device lock, white list)."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The packs of this terminal, and those of them that were signed, which say when they hold."""

    packs: PackSet
    signed: tuple[SignedPack, ...] = ()
    channel: int = 5
    refused: PackRefused | None = None
    """Why no session may begin, when the packs may not be used."""

    @property
    def versions(self) -> dict[str, int]:
        """Return the version of each pack; of one that stands twice the newer."""
        found: dict[str, int] = {}
        for pack in self.packs.packs:
            found[pack.pack_id] = max(pack.version, found.get(pack.pack_id, 0))
        return found

    def above(self, floor: Mapping[str, int]) -> Policies:
        """Return these policies, refused when a pack is older than ``floor`` says of its id."""
        older = [pack for pack, version in self.versions.items() if version < floor.get(pack, 0)]
        return replace(self, refused=PackRefused(PackFault.OLDER, older[0])) if older and self.refused is None else self

    def check_time(self, seconds: int) -> None:
        """Refuse packs that do not all hold at ``seconds`` (Unix): :class:`~firmware.core.errors.PackRefused`."""
        if self.refused is not None:
            raise self.refused
        for signed in self.signed:
            signed.check_time(seconds)

    def code(self, seconds: int) -> str:
        """Return the code that keeps new sessions out at ``seconds``, or an empty text."""
        try:
            self.check_time(seconds)
        except PackRefused as refused:
            return refused.code
        return ""

    def plan(self, transaction: str, document: str, seconds: int, modifiers: Collection[str] = ()) -> Plan:
        """Return what a session does; :class:`~firmware.core.errors.PolicyRefused` when there is none this terminal can carry out."""
        if code := self.code(seconds):
            raise PolicyRefused(code, "packs")
        plan = self.again(transaction, document, modifiers)
        check_performable(plan, PERFORMERS)
        return plan

    def again(self, transaction: str, document: str, modifiers: Collection[str] = ()) -> Plan:
        """Return the plan of a session that has begun, now that its document is known."""
        return resolve(transaction, document, self.packs, modifiers=modifiers, level=self.channel)

    def shortfall(self, plan: Plan, reached: int) -> str:
        """Return the code of an identity less sure than ``plan`` asks, or an empty text: R211 where an own hall would do, else R207."""
        return shortfall(plan, self.packs, reached)


def verify(messages: Iterable[bytes], trust: Trust, seconds: int) -> Policies:
    """Return the policies of signed packs; :class:`~firmware.core.errors.PackRefused` when they may not be used."""
    found = [read_pack(message, keyring=trust.keyring, operator=trust.operator_id, seconds=seconds) for message in messages]
    check_demanded(found, trust.packs)
    packs = assemble(shipped.load(shipped.FLOOR), [signed.pack for signed in found])
    return Policies(packs, tuple(found), trust.channel)


def load(state_dir: Path, trust: Trust, seconds: int) -> Policies:
    """Return what holds on this terminal; packs that may not be used are told, never left out."""
    try:
        return verify(stored(state_dir), trust, seconds)
    except PackRefused as refused:
        return Policies(shipped.floor(), channel=trust.channel, refused=refused)


def stored(state_dir: Path) -> list[bytes]:
    """Return the signed packs of a state directory; none when none were sent. ``PackRefused`` when the file is damaged."""
    try:
        with (state_dir / PACKS).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PackRefused(PackFault.MALFORMED, value=f"{PACKS}: {error.strerror}") from error
    try:
        messages = cbor.decode(data, MAX_BYTES)
    except Malformed:
        raise PackRefused(PackFault.MALFORMED, value=PACKS) from None
    if type(messages) is not list or not all(type(message) is bytes for message in messages):
        raise PackRefused(PackFault.MALFORMED, value=PACKS)
    return messages


def to_install(messages: Iterable[bytes], trust: Trust, state_dir: Path, seconds: int) -> dict[str, bytes]:
    """Return the file to put in place for signed packs, relative to the state directory.

    :class:`~firmware.core.errors.PackRefused` when they may not be used, or when one is older than the one it would replace: whoever holds
    an old, looser pack of the operator cannot bring it back.
    """
    listed = list(messages)
    found = verify(listed, trust, seconds)
    known = {pack.pack_id: pack.version for pack in load(state_dir, trust, seconds).packs.packs}
    for signed in found.signed:
        if signed.pack.version < known.get(signed.pack.pack_id, 0):
            raise PackRefused(
                PackFault.GAP, signed.pack.pack_id, f"version {signed.pack.version} would replace {known[signed.pack.pack_id]}"
            )
    return {PACKS: cbor.encode(listed)}


def facts(state_dir: Path, trust: Trust, seconds: int) -> dict[str, Any]:
    """Return what holds on this terminal, for the engineer: the set, its packs, when the first expires, what is wrong."""
    found = load(state_dir, trust, seconds)
    wrong = ""
    try:
        found.check_time(seconds)
    except PackRefused as refused:
        wrong = refused.reason
    return {
        "set": found.packs.name,
        "digest": found.packs.digest.hex(),
        "packs": [{"id": pack.pack_id, "version": pack.version} for pack in found.packs.packs],
        "expires": min((signed.expires for signed in found.signed), default=None),
        "channel": found.channel,
        "refused": wrong,
    }
