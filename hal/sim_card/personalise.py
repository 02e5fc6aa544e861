# SPDX-License-Identifier: Apache-2.0
"""One card under work: read who it is, write a profile to it, read it back and compare.

Decides what a status word means in each phase. Rules:

1. Nothing is written before the ICCID was read again and is the expected one, the IMSI was read and is empty, the profile fits the
   card's own lengths, and the key was accepted.
2. The key: its counter is asked first; with one try left it is not presented; it is sent once, whatever the answer.
3. A refusal before the first update is :class:`UnknownCard` (nothing is lost), after it :class:`WriteFailed`; a memory error is
   :class:`CardDefective` at any time.
4. A read-back happens after a cold reset, compares every file, and counts what cannot be read as different.

Does not choose the card, retry an update, or decide what becomes of the card afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hal.sim_card import codecs, commands, fcp
from hal.sim_card.channel import Response, Transport, exchange
from hal.sim_card.errors import (
    CardChanged,
    CardDefective,
    KeyBlocked,
    KeyWrong,
    MalformedCardData,
    NotBlank,
    ProfileUnfit,
    UnknownCard,
    WriteFailed,
)
from hal.sim_card.layout import ICCID, IMSI, Ef, contents
from hal.sim_card.planner import AFTER_RESET, Position, Step, read_plan, read_step, select, update_step, write_plan
from hal.sim_card.status import Action, Sw

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.deadline import Deadline
    from hal.sim_card.cards import CardType
    from hal.sim_card.profile import Profile

READABLE = (Action.DONE, Action.COUNTED)
"""63Cx outside VERIFY: done, after internal retries."""
LAST_TRY = 1


class _Refused(Exception):
    """The card ended a command with this status word; the phase decides what it means."""

    def __init__(self, sw: Sw) -> None:
        super().__init__(sw.name)
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the card says it is. ``imsi`` is None when the card does not let it be read, empty when it is blank."""

    iccid: str
    imsi: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did, by file name."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a read-back found: the files that differ, and the numbers as read (empty where unreadable)."""

    mismatched: tuple[str, ...]
    iccid: str
    imsi: str


class CardAtWork:
    """A card that was just reset. ``lengths`` of its files are filled in as they become known."""

    def __init__(self, transport: Transport, card_type: CardType, lengths: dict[str, int] | None = None) -> None:
        self._transport, self._type = transport, card_type
        self._at = AFTER_RESET
        fixed = {item.ef.name: item.ef.length for item in card_type.items if item.ef.length is not None}
        self.lengths: dict[str, int] = {**fixed, **(lengths or {})}
        self._contents: dict[str, bytes] = {}

    # ---- the three things it does

    def identify(self, deadline: Deadline) -> Identity:
        """Read ICCID and IMSI; raises :class:`UnknownCard`, :class:`CardDefective`, :class:`MalformedCardData`."""
        try:
            iccid = codecs.decode_iccid(self._read(ICCID, deadline))
        except _Refused as refused:
            raise _lost(refused.sw) from None
        try:
            return Identity(iccid, codecs.decode_imsi(self._read(IMSI, deadline)))
        except _Refused as refused:
            if refused.sw.action is Action.FORBIDDEN:
                return Identity(iccid, None)
            raise _lost(refused.sw) from None

    def write(self, profile: Profile, expected_iccid: str, deadline: Deadline) -> Written:
        """Write ``profile`` to the card whose ICCID is ``expected_iccid``; raises what :mod:`hal.sim_card.errors` names."""
        identity = self.identify(deadline)
        if identity.iccid != expected_iccid:
            raise CardChanged
        if identity.imsi != "":
            raise NotBlank
        if profile.adm_ref != self._type.adm:
            raise ProfileUnfit(item="adm_ref")
        self.measure(deadline)
        plan = write_plan(self._type, profile, self.lengths, self._contents, self._at)
        if not self._type.iccid_writable and "ICCID" not in plan.skipped:
            raise ProfileUnfit(item="ICCID")
        if plan.steps:
            self._unlock(profile, deadline)
        written: list[str] = []
        for step in plan.steps:
            try:
                self._run(step, plan.expected[step.ef.name], deadline)
            except _Refused as refused:
                if refused.sw.action is Action.DEFECTIVE:
                    raise CardDefective(sw=int(refused.sw), updates=len(written)) from None
                raise WriteFailed(sw=int(refused.sw), updates=len(written)) from None
            written.append(step.ef.name)
        return Written(tuple(written), plan.skipped)

    def read_back(self, profile: Profile, deadline: Deadline) -> Comparison:
        """Read every file and compare it with ``profile``; raises only for the link, a defective or an unknown card."""
        self.measure(deadline)
        wanted = contents(self._type.items, profile, self.lengths)
        efs = [item.ef for item in self._type.items]
        found = {step.ef.name: self._read_for_comparison(step, deadline) for step in read_plan(efs, self.lengths, self._at, self._type.aid)}
        mismatched = tuple(ef.name for ef in efs if found[ef.name] != wanted[ef.name])
        return Comparison(mismatched, _number(codecs.decode_iccid, found.get("ICCID")), _number(codecs.decode_imsi, found.get("IMSI")))

    def measure(self, deadline: Deadline) -> None:
        """Ask the card for the lengths that are not known; raises :class:`UnknownCard`, :class:`CardDefective`."""
        for item in self._type.items:
            if item.ef.name not in self.lengths:
                try:
                    self.lengths[item.ef.name] = self._length(item.ef, deadline)
                except _Refused as refused:
                    raise _lost(refused.sw) from None

    # ---- the key

    def _unlock(self, profile: Profile, deadline: Deadline) -> None:
        """Present the key under rule 2; raises :class:`KeyBlocked`, :class:`KeyWrong`, :class:`UnknownCard`, :class:`CardDefective`."""
        asked = Sw(self._transport.transmit(commands.ask_tries(profile.adm_ref), deadline)[1])
        if asked.action is Action.DONE:
            return
        if asked.action is Action.BLOCKED:
            raise KeyBlocked(left=0)
        if asked.action is not Action.COUNTED:
            raise _lost(asked)
        left = asked & 0x0F
        if left <= LAST_TRY:
            raise KeyBlocked(left=left)
        answer = Sw(self._transport.transmit(commands.verify(profile.adm_ref, profile.adm), deadline)[1])
        match answer.action:
            case Action.DONE:
                return
            case Action.COUNTED if answer & 0x0F:
                raise KeyWrong(left=answer & 0x0F)
            case Action.COUNTED | Action.BLOCKED:
                raise KeyBlocked(left=0)
            case Action.FORBIDDEN:
                raise KeyWrong(left=left - 1)
        raise _lost(answer)

    # ---- files

    def _length(self, ef: Ef, deadline: Deadline) -> int:
        """Return the bytes of one update of ``ef``. A transparent file tells them by refusing a read of 256: one exchange."""
        if ef.sfi and not ef.record:
            for command in select(ef, self._at, self._type.aid):
                self._send(command, deadline)
            self._at = Position(ef.directory, ef.fid)
            response = exchange(self._transport, commands.read_binary(ef.sfi, commands.MAX_READ), deadline, correct_length=False)
            if response.sw.action is Action.CORRECT_LENGTH:
                return response.sw.low or commands.MAX_READ
            if response.sw.action in READABLE and len(response.data) < commands.MAX_READ:
                self._contents[ef.name] = response.data
                return len(response.data)
            if response.sw.action not in (*READABLE, Action.MISSING):
                raise _Refused(response.sw)
        return self._describe(ef, deadline).unit

    def _describe(self, ef: Ef, deadline: Deadline) -> fcp.FileInfo:
        """Select ``ef`` and return what the card says of it; a file of another structure is :class:`UnknownCard`."""
        for command in select(replace(ef, sfi=0), self._at, self._type.aid)[:-1]:
            self._send(command, deadline)
        info = fcp.parse(self._send(commands.select_fid(ef.fid, describe=True), deadline).data)
        self._at = Position(ef.directory, ef.fid)
        if info.directory or bool(info.record_length) != bool(ef.record) or info.records < ef.record:
            raise UnknownCard
        return info

    def _read(self, ef: Ef, deadline: Deadline) -> bytes:
        data = self._run(read_step(ef, self.lengths[ef.name], self._at, self._type.aid), None, deadline)
        self._contents[ef.name] = data
        return data

    def _read_for_comparison(self, step: Step, deadline: Deadline) -> bytes | None:
        try:
            return self._run(step, None, deadline)
        except _Refused as refused:
            if refused.sw.action is Action.DEFECTIVE:
                raise CardDefective(sw=int(refused.sw)) from None
            return None

    def _run(self, step: Step, data: bytes | None, deadline: Deadline) -> bytes:
        """Send a step (``data`` = what it updates, None = it reads) and return what was read.

        A card that does not know the short identifier is addressed by SELECT instead. Raises :class:`_Refused`.
        """
        for command in step.select:
            self._send(command, deadline)
        self._at = Position(step.ef.directory)
        try:
            found = b"".join(self._send(command, deadline).data for command in step.access)
        except _Refused as refused:
            if refused.sw != Sw.NO_FILE or not step.ef.sfi:
                raise
        else:
            self._at = Position(step.ef.directory, step.ef.fid)
            return found
        plain = replace(step.ef, sfi=0)
        if data is None:
            return self._run(read_step(plain, self.lengths[plain.name], self._at, self._type.aid), None, deadline)
        return self._run(update_step(plain, data, self._at, self._type.aid), data, deadline)

    def _send(self, command: bytes, deadline: Deadline) -> Response:
        response = exchange(self._transport, command, deadline)
        if response.sw.action not in READABLE:
            raise _Refused(response.sw)
        return response


def _lost(sw: Sw) -> CardDefective | UnknownCard:
    """Return the error for a refusal before anything was written."""
    return CardDefective(sw=int(sw)) if sw.action is Action.DEFECTIVE else UnknownCard(sw=int(sw))


def _number(decode: Callable[[bytes], str], data: bytes | None) -> str:
    try:
        return decode(data) if data is not None else ""
    except MalformedCardData:
        return ""
