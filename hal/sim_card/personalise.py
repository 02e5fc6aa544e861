# SPDX-License-Identifier: Apache-2.0
"""One card under work: read who it is, write a profile to it, read it back and compare.

Decides what a status word means in each phase. Rules:

1. Nothing is written before the ICCID was read again and is the expected one, the IMSI is known to be empty, the profile fits the
   card's own lengths, and the key was accepted.
2. Keys are presented under the rules of :mod:`hal.sim_card.keys`.
3. A refusal before the first update is :class:`UnknownCard` (nothing is lost), after it :class:`WriteFailed`; a memory error is
   :class:`CardDefective` at any time.
4. A read-back happens after a cold reset, compares every file that can be read, and counts what cannot be read as different. K and OPc
   are not read: they are proven by :meth:`CardAtWork.authenticate`.
5. A resumed write takes a card that bears the old or the new ICCID, and no IMSI or the profile's own; it reads first and writes only
   what differs, nothing when all is right.
6. A card that refuses class 00 (6E00) is asked in class A0. Where its model's row says what it is then, work goes on as that; any other
   is unknown, and told by the word and by whether class A0 was answered.
7. A length that was learned from another card of the model and is refused (6700: nothing was written to that file) has every file of
   this card measured, and the rest planned anew, once.

Does not choose the card, send an update that was refused once more, or decide what becomes of the card afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hal.sim_card import commands, keys
from hal.sim_card.access import CardFiles, Layout, Refused
from hal.sim_card.authenticate import Answer, authenticate
from hal.sim_card.channel import exchange
from hal.sim_card.codecs import basic
from hal.sim_card.errors import (
    AuthenticateRefused,
    CardChanged,
    CardDefective,
    MacFailure,
    MalformedCardData,
    NotBlank,
    ProfileUnfit,
    UnknownCard,
    WriteFailed,
)
from hal.sim_card.files import MF_FID
from hal.sim_card.keys import lost
from hal.sim_card.layout import ICCID, IMSI, Target, contents, home, targets
from hal.sim_card.planner import Plan, Step, read_plan, write_plan
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hal.deadline import Deadline
    from hal.sim_card.cards import CardType
    from hal.sim_card.channel import Transport
    from hal.sim_card.files import Ef
    from hal.sim_card.profile import Profile

NO_ICCID: tuple[frozenset[str], ...] = (frozenset(), frozenset("0"))
"""What the ICCID of a card without one reads as."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the card says it is. ``imsi`` is None when the card does not let it be read, empty when it is blank."""

    iccid: str
    imsi: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did, by target name."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a read-back found: the files that differ, and the numbers as read (empty where unreadable). ``keys`` were not compared."""

    mismatched: tuple[str, ...]
    iccid: str
    imsi: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """How a write departs from the ordinary: ``resume`` a cut one, present a key at its last try because it is ``ordered``.

    ``known_blank``: the ICCID of a card whose IMSI was read and found empty since it was put in, by whoever asks now.
    """

    resume: bool = False
    ordered: bool = False
    known_blank: str = ""
    unlocked: bool = False
    """The card was opened by its own challenge in this session: no key is presented."""
    challenge: tuple[bytes, bytes] | None = field(default=None, repr=False)
    """RAND and AUTN made with the profile's key: when a resumed card accepts them, its key is left alone."""


ORDINARY = Orders()


class CardAtWork:
    """A card that was just reset. ``layout`` is what is known of its model; ``confirmed``, that this very card agrees with it.

    ``progress`` is called with (updates done, updates in all).
    """

    def __init__(
        self,
        transport: Transport,
        card_type: CardType,
        layout: Layout | None = None,
        *,
        confirmed: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._type = card_type
        self._transport = transport
        self.files = CardFiles(transport, card_type, layout.copy() if layout else Layout())
        self.confirmed = confirmed or layout is None
        self._borrowed = layout is not None
        self._progress = progress or (lambda _done, _all: None)

    @property
    def type(self) -> CardType:
        """The model, under rule 6."""
        return self._type

    @property
    def layout(self) -> Layout:
        """What is known of the card's files."""
        return self.files.layout

    # ---- what it does

    def identify(self, deadline: Deadline) -> Identity:
        """Read ICCID and IMSI; raises :class:`UnknownCard`, :class:`CardDefective`, :class:`MalformedCardData`."""
        iccid = self._iccid(deadline)
        try:
            return Identity(iccid, basic.decode_imsi(self._first("IMSI", IMSI, basic.IMSI_BYTES, deadline)))
        except Refused as refused:
            if refused.sw.action is Action.FORBIDDEN:
                return Identity(iccid, None)
            raise lost(refused.sw) from None

    def confirm(self, deadline: Deadline) -> bool:
        """Whether the model's layout is this card's, by one read; one that is not is forgotten. Raises :class:`CardDefective`."""
        if not self.confirmed:
            probe = self.layout.probe(self._type)
            try:
                agrees = probe is not None and self.files.agrees(probe, deadline)
            except Refused as refused:
                raise lost(refused.sw) from None
            if not agrees:
                self.layout.lengths.clear()
                self.layout.sfis.clear()
            self.confirmed = True
        return bool(self.layout.lengths)

    def plan(self, profile: Profile, deadline: Deadline) -> Plan:
        """Read what the card holds and plan what a write would change; sends nothing that writes."""
        self._find_class(deadline)
        wanted = self._targets(profile)
        self.measure(wanted, deadline)
        self._survey(wanted, deadline)
        return self._planned(wanted)

    def write(self, profile: Profile, expected_iccid: str, deadline: Deadline, orders: Orders = ORDINARY) -> Written:
        """Write ``profile`` to the card whose ICCID is ``expected_iccid``; raises what :mod:`hal.sim_card.errors` names."""
        self._find_class(deadline)
        wanted = self._targets(profile)
        self._check_card(profile, expected_iccid, orders, deadline)
        self._check_key(profile, orders)
        self.measure(wanted, deadline)
        if orders.resume:
            self._survey(wanted, deadline)
        proven = orders.resume and orders.challenge is not None and self._has_key(*orders.challenge, deadline)
        places = [target for target in wanted if target.checked or not proven]
        plan, by_name = self._planned(places), {target.name: target for target in wanted}
        if not self._type.iccid_writable and "ICCID" not in plan.skipped:
            raise ProfileUnfit(item="ICCID")
        if plan.steps:
            if not orders.unlocked:
                keys.present(self.files.transport, profile.adm_ref, profile.adm, deadline, ordered=orders.ordered)
            self._open_key_places(plan, by_name, profile, orders, deadline)
        written = self._carry_out(plan, places, deadline)
        kept = {*plan.skipped, *(target.name for target in wanted if target not in places)}
        return Written(written, tuple(target.name for target in wanted if target.name in kept and target.name not in written))

    def read_back(self, profile: Profile, deadline: Deadline) -> Comparison:
        """Read every file and compare it with ``profile``; raises only for the link, a defective or an unknown card."""
        self._find_class(deadline)
        wanted = self._targets(profile)
        places = tuple(target for target in wanted if target.checked)
        self.measure(places, deadline)
        expected = contents(places, self.layout.lengths)
        found = self._read_all(read_plan(self._type, self._addressed(places), expected, self.files.at), deadline)
        mismatched = tuple(target.name for target in places if found[target.name] != expected[target.name])
        unread = tuple(target.name for target in wanted if not target.checked)
        iccid, imsi = _number(basic.decode_iccid, found.get("ICCID")), _number(basic.decode_imsi, found.get("IMSI"))
        return Comparison(mismatched, iccid, imsi, unread)

    def authenticate(self, rand: bytes, autn: bytes, deadline: Deadline) -> Answer:
        """Put the network's challenge to the USIM; raises as :func:`hal.sim_card.authenticate.authenticate` does."""
        self._find_class(deadline)
        if self._type.second_generation:
            raise AuthenticateRefused
        try:
            self.files.enter_application(deadline)
        except Refused as refused:
            raise lost(refused.sw) from None
        return authenticate(self.files.transport, rand, autn, deadline)

    def measure(self, wanted: Sequence[Target], deadline: Deadline) -> None:
        """Ask the card for the lengths that are not known; raises :class:`UnknownCard`, :class:`CardDefective`."""
        self.confirm(deadline)
        for target in wanted:
            if target.command or target.ef.name in self.layout.lengths:
                continue
            try:
                self.files.measure(target.ef, deadline)
            except Refused as refused:
                raise lost(refused.sw) from None

    # ---- before the first update

    def _targets(self, profile: Profile) -> tuple[Target, ...]:
        return targets(self._type, profile)

    def _check_card(self, profile: Profile, expected_iccid: str, orders: Orders, deadline: Deadline) -> None:
        """Rule 1 and rule 5: the card is the one meant, and blank; raises :class:`CardChanged`, :class:`NotBlank`."""
        if orders.known_blank and not orders.resume and frozenset(orders.known_blank) not in NO_ICCID:
            self.must_be(expected_iccid, deadline)
            if expected_iccid == orders.known_blank:
                return
        identity = self.identify(deadline)
        allowed = {expected_iccid, profile.iccid} if orders.resume else {expected_iccid}
        if identity.iccid not in allowed:
            raise CardChanged
        if identity.imsi != "" and not (orders.resume and identity.imsi == profile.imsi):
            raise NotBlank

    def _check_key(self, profile: Profile, orders: Orders) -> None:
        """Whether the profile's key is the one this model opens with; raises :class:`ProfileUnfit`."""
        if orders.unlocked:
            return
        if profile.adm_ref != self._type.adm:
            raise ProfileUnfit(item="adm_ref")
        if not self._type.adm_form.fits(profile.adm):
            raise ProfileUnfit(item="adm")

    def must_be(self, iccid: str, deadline: Deadline) -> None:
        """Read the ICCID; raises :class:`CardChanged` when it is another one."""
        if self._iccid(deadline) != iccid:
            raise CardChanged

    def _iccid(self, deadline: Deadline) -> str:
        try:
            return basic.decode_iccid(self._first("ICCID", ICCID, basic.ICCID_BYTES, deadline))
        except Refused as refused:
            if refused.sw != Sw.CLASS or self._type.second_generation:
                raise lost(refused.sw) from None
        self._fall_back(deadline)
        return self._iccid(deadline)

    def _find_class(self, deadline: Deadline) -> None:
        """Ask a card of a model that comes in both kinds for its ICCID, unless it told it already: the answer tells the class."""
        if self._type.without_usim is not None and "ICCID" not in self.files.contents:
            self._iccid(deadline)

    def _fall_back(self, deadline: Deadline) -> None:
        """Go on as a 2G card, under rule 6; raises :class:`UnknownCard`."""
        answered = exchange(self._transport, commands.as_2g(commands.select_fid(MF_FID)), deadline, fetch=False).sw
        class_a0 = answered.action in (Action.DONE, Action.FETCH_RESPONSE)
        if not class_a0 or self._type.without_usim is None:
            raise UnknownCard(sw=int(Sw.CLASS), class_a0=class_a0)
        self._type = self._type.without_usim
        self.files = CardFiles(self._transport, self._type, Layout())
        self.confirmed, self._borrowed = True, False

    def _has_key(self, rand: bytes, autn: bytes, deadline: Deadline) -> bool:
        """Whether the card accepts the challenge."""
        try:
            self.authenticate(rand, autn, deadline)
        except (MacFailure, AuthenticateRefused):
            return False
        return True

    def _first(self, name: str, ef: Ef, length: int, deadline: Deadline) -> bytes:
        """Read a file whose length is the standard's, and remember it."""
        data = self.files.read(name, home(ef, self._type), length, deadline)
        self.layout.lengths[name] = len(data)
        return data

    def _survey(self, wanted: Sequence[Target], deadline: Deadline) -> None:
        """Read what the files hold now; what may not be read stays unknown and is written."""
        places = tuple(target for target in wanted if target.checked)
        expected = contents(places, self.layout.lengths)
        found = self._read_all(read_plan(self._type, self._addressed(places), expected, self.files.at), deadline)
        self.files.contents.update({name: data for name, data in found.items() if data is not None})

    def _planned(self, wanted: Sequence[Target]) -> Plan:
        return write_plan(self._type, self._addressed(wanted), self.layout.lengths, self.files.contents, self.files.at)

    def _addressed(self, wanted: Sequence[Target]) -> tuple[Target, ...]:
        return tuple(replace(target, ef=self.layout.place(target.ef)) for target in wanted)

    # ---- steps

    def _open_key_places(self, plan: Plan, by_name: dict[str, Target], profile: Profile, orders: Orders, deadline: Deadline) -> None:
        """Present the keys that K's own place needs, before the first update: what is refused then has spoiled nothing."""
        for reference in sorted({adm for step in plan.steps if (adm := by_name[step.name].adm) is not None}):
            keys.present(self.files.transport, reference, profile.key_adm or b"", deadline, ordered=orders.ordered)

    def _carry_out(self, plan: Plan, wanted: Sequence[Target], deadline: Deadline) -> tuple[str, ...]:
        """Send the updates and return what was written, under rule 7."""
        by_name = {target.name: target for target in wanted}
        done: list[str] = []
        left = list(plan.steps)
        while left:
            self._progress(len(done), len(done) + len(left))
            step = left.pop(0)
            try:
                self.files.run(step, by_name[step.name], deadline)
            except Refused as refused:
                if refused.sw != Sw.LENGTH or not self._borrowed:
                    raise _spoiled(refused.sw, len(done)) from None
                left = self._planned_anew(wanted, plan, done, deadline)
                continue
            done.append(step.name)
        self._progress(len(done), len(done))
        return tuple(done)

    def _planned_anew(self, wanted: Sequence[Target], plan: Plan, done: Sequence[str], deadline: Deadline) -> list[Step]:
        """Measure every file of this card and return the updates that are left; one that was too short is among them."""
        self._borrowed = False
        self.layout.lengths.clear()
        try:
            self.measure(wanted, deadline)
            self.files.contents.update({name: plan.expected[name] for name in done})
            return list(self._planned(wanted).steps)
        except (ProfileUnfit, UnknownCard):
            raise _spoiled(Sw.LENGTH, len(done)) from None

    def _read_all(self, steps: Sequence[Step], deadline: Deadline) -> dict[str, bytes | None]:
        return {step.name: self._read_for_comparison(step, deadline) for step in steps}

    def _read_for_comparison(self, step: Step, deadline: Deadline) -> bytes | None:
        try:
            return self.files.run(step, None, deadline)
        except Refused as refused:
            if refused.sw.action is Action.DEFECTIVE:
                raise CardDefective(sw=int(refused.sw)) from None
            return None


def _spoiled(sw: Sw, updates: int) -> CardDefective | WriteFailed:
    """Return the error for a refusal after the key was accepted."""
    return (CardDefective if sw.action is Action.DEFECTIVE else WriteFailed)(sw=int(sw), updates=updates)


def _number(decode: Callable[[bytes], str], data: bytes | None) -> str:
    try:
        return decode(data) if data is not None else ""
    except MalformedCardData:
        return ""
