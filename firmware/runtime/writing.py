# SPDX-License-Identifier: Apache-2.0
"""The card in the writer: issuing it in the mode of its permit, and reading back what proves it. One row of a table for each mode.

Rules
* Nothing is sent that a permit does not name: mode, card and issue data are those of the approval, or nothing is sent at all.
* A failure says whether the card may have been changed. Before the first command that can, it goes back to stock; after it, it is void.
* Nothing that may have reached a card is sent to it again.
* What the card itself says (script, relay, challenge) is stored with the event it belongs to, as the sealed item ``card_answers``; events,
  logs and errors have its digest at most. Challenges and codes of a card that is unlocked are in memory only.

What follows from an event is the core's decision; the conversation of a relay is in :mod:`firmware.runtime.relaying`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from firmware.core import cbor
from firmware.core.errors import Malformed
from firmware.core.events import ReadBack, Refused, Written
from firmware.core.issue_data import RelayOrder, Script, parse_issue_data
from firmware.core.mode import Mode
from firmware.core.profile import Profile, UnlockKey
from firmware.core.record import Card
from firmware.core.report import CardAnswer, decode_answers, encode_answers
from firmware.core.session import CARD_ANSWERS
from firmware.runtime import refusals
from firmware.runtime.asking import ask
from firmware.runtime.relaying import Relay, RelayBroke
from firmware.runtime.timing import DEVICE_S, WRITE_S
from firmware.runtime.unit import Result, Stop
from firmware.runtime.workers import DeviceFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firmware.core.challenge import Challenge
    from firmware.core.effects import Permit
    from firmware.core.issue_data import IssueData
    from firmware.runtime.unit import Unit

D = TypeVar("D", Profile, Script, RelayOrder)
_OK: Final = 0x9000
_KEY_NOT_PROVEN: Final = frozenset({"mac_failure", "authenticate_refused"})


class Writer:
    """The card of one session. ``imsi`` is the card's once it was read back; ``apdus`` and ``card_bytes`` count what crossed to it."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self.unit = unit
        self.session = session
        self.imsi = ""
        self.apdus = 0
        self.card_bytes = 0
        self._counted_before: tuple[int, int] | None = None
        self._writing: Mapping[Mode, Callable[[Permit, IssueData, str], Awaitable[Result]]] = {
            Mode.FIELDS: self._fields,
            Mode.SCRIPT: self._script,
            Mode.UNLOCK: self._unlock,
            Mode.RELAY: self._relay,
        }
        self._reading: Mapping[Mode, Callable[[IssueData], Awaitable[ReadBack]]] = {
            Mode.FIELDS: self._compare,
            Mode.SCRIPT: self._recognise,
            Mode.UNLOCK: self._compare,
            Mode.RELAY: self._recognise,
        }

    async def write(self, permit: Permit) -> Result:
        """Issue the card that the permit names, in its mode, with its data; ends in ``Written``, or ``Refused`` with what the card said."""
        plaintext = self.unit.journal.item(self.session, "profile")
        card = Card.from_claim(cbor.decode(self.unit.journal.item(self.session, "card")))
        if self.unit.trust.provider.suite.digest(plaintext) != permit.issue_data or card.digest != permit.card:
            raise Stop("R707")
        return await self._writing[permit.mode](permit, parse_issue_data(permit.mode, plaintext), card.iccid)

    async def verify(self, mode: Mode, *, recovering: bool) -> Result:
        """Read back what the mode lets the terminal compare. While recovering, a card that is not there is simply not equal."""
        data = parse_issue_data(mode, self.unit.journal.item(self.session, "profile"))
        try:
            if recovering:
                await self.unit.devices["sim_card"].call("await_card", timeout=self.unit.config.patience.card_back_s)
            found = await self._reading[mode](data)
            if not found.equal or data.challenge is None:
                return Result(found)
            return await self._with_key_proven(found, mode, data, data.challenge)
        except DeviceFailed as failure:
            if recovering:
                return Result(ReadBack(equal=False, iccid=""))
            raise refusals.stop("verify", failure.kind) from failure

    async def call(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Ask the card's worker; raises :class:`DeviceFailed`."""
        return await self.unit.devices["sim_card"].call(op, timeout=WRITE_S, **arguments)

    # ---- writing, by mode

    async def _fields(self, _: Permit, data: IssueData, iccid: str, **unlocked: str) -> Result:
        """Write the profile's files, opened by its administrative key or by what ``unlocked`` brings."""
        profile = _as(Profile, data).to_card_dict()
        try:
            done = await self.call("write", profile=profile, expected_iccid=iccid, **unlocked)
        except DeviceFailed as failure:
            raise refusals.stop("write", failure.kind) from failure
        return Result(Written(int(done["apdus"])))

    async def _unlock(self, permit: Permit, data: IssueData, iccid: str) -> Result:
        """Have the operator answer the card's challenge, then write the profile's files without a reset in between."""
        key = _as(Profile, data).key
        if not isinstance(key, UnlockKey):
            raise Stop(refusals.INTERNAL)
        try:
            asked = await self.call("get_challenge", expected_iccid=iccid, unlock_ref=key.reference)
        except DeviceFailed as failure:
            raise refusals.stop("challenge", failure.kind) from failure
        challenge = str(asked["challenge"])
        backend = self.unit.backend
        code = await ask(lambda: backend.unlock(self.session, permit.approval, bytes.fromhex(challenge)))
        return await self._fields(permit, data, iccid, auth_code=code.hex(), challenge_of=challenge)

    async def _script(self, _: Permit, data: IssueData, iccid: str) -> Result:
        """Send the prepared commands, once; the card's kept answers are its proof."""
        steps = [step.to_card_dict() for step in _as(Script, data).steps]
        try:
            done = await self.call("run_script", expected_iccid=iccid, steps=steps)
        except DeviceFailed as failure:
            return self._failed(refusals.stop("write", failure.kind), _card_answers(failure.data.get("answers", [])))
        return self._answered(int(done["apdus"]), _card_answers(done["answers"]))

    async def _relay(self, permit: Permit, data: IssueData, iccid: str) -> Result:
        """Carry the operator's commands and the card's answers until the operator is done."""
        relay = Relay(self.unit, self.session, permit.approval, _as(RelayOrder, data).most)
        try:
            await relay.run(iccid)
        except RelayBroke as broke:
            return self._failed(broke.stop, relay.last)
        return self._answered(relay.apdus, relay.last)

    def _answered(self, apdus: int, answers: tuple[CardAnswer, ...]) -> Result:
        stored, digest = _sealable(answers)
        return Result(Written(apdus, digest), {CARD_ANSWERS: stored})

    def _failed(self, stop: Stop, answers: tuple[CardAnswer, ...]) -> Result:
        """Return the end of a write that a failure means, with what the card said before it."""
        if not (stop.touched and answers):
            raise stop
        stored, digest = _sealable(answers)
        return Result(Refused(self.unit.clock.now().at, stop.code, touched=True, answers=digest), {CARD_ANSWERS: stored})

    # ---- reading back, by mode

    async def _compare(self, data: IssueData) -> ReadBack:
        """Read every file of the profile and compare."""
        found = await self.call("read_back", profile=_as(Profile, data).to_card_dict())
        self.imsi = str(found["imsi"])
        return ReadBack(equal=bool(found["equal"]), iccid=str(found["iccid"]), apdus=int(found["apdus"]))

    async def _recognise(self, data: IssueData) -> ReadBack:
        """See that the card in the slot is the one that answered; what it holds is for the operator to judge."""
        found = await self.call("identify")
        self.imsi = data.imsi if found["imsi_present"] else ""
        return ReadBack(equal=found["iccid"] == data.iccid, iccid=str(found["iccid"]))

    async def _with_key_proven(self, found: ReadBack, mode: Mode, data: IssueData, challenge: Challenge) -> Result:
        """Put the operator's challenge to the card; its answer joins the others."""
        try:
            done = await self.call("prove_key", rand=challenge.rand.hex(), autn=challenge.autn.hex())
        except DeviceFailed as failure:
            if failure.kind not in _KEY_NOT_PROVEN:
                raise
            return Result(ReadBack(equal=False, iccid=found.iccid, apdus=found.apdus))
        said = bytes.fromhex(done["data"])
        earlier = () if mode.read_back_proves else decode_answers(self.unit.journal.item(self.session, CARD_ANSWERS))
        stored, digest = _sealable((*earlier, CardAnswer(_position_behind(data, earlier), _OK, said)))
        event = ReadBack(challenge.proves(said), found.iccid, found.apdus + int(done["apdus"]), digest)
        return Result(event, {CARD_ANSWERS: stored})

    # ---- what the summary tells

    async def count_traffic(self) -> None:
        """Take note of the commands and bytes exchanged with the card since the first call; a silent writer leaves the last count."""
        try:
            counted = await self.unit.devices["sim_card"].call("counters", timeout=DEVICE_S)
        except DeviceFailed:
            return
        now = int(counted["apdus"]), int(counted["bytes"])
        before = self._counted_before or now
        if now < before:  # the writer was replaced: what its successor counted is all that is known
            before = (0, 0)
        self._counted_before = before
        self.apdus, self.card_bytes = max(0, now[0] - before[0]), max(0, now[1] - before[1])


def _as(form: type[D], data: IssueData) -> D:
    if not isinstance(data, form):
        raise Stop(refusals.INTERNAL)
    return data


def _card_answers(told: Any) -> tuple[CardAnswer, ...]:
    """Read the worker's answers, ``[position, status word, hex]`` each."""
    return tuple(CardAnswer(int(position), int(sw), bytes.fromhex(data)) for position, sw, data in told)


def _sealable(answers: tuple[CardAnswer, ...]) -> tuple[bytes, bytes]:
    """Return the item of these answers and its digest; a :class:`Stop` when the message text has no room for them."""
    try:
        stored = encode_answers(answers)
    except Malformed as error:
        raise Stop("R708", touched=True) from error
    return stored, hashlib.sha256(stored).digest()


def _position_behind(data: IssueData, earlier: tuple[CardAnswer, ...]) -> int:
    """Return the number under which the answer to the challenge is reported: one past the last step or relayed command."""
    if isinstance(data, Script):
        return len(data.steps)
    return earlier[-1].position + 1 if earlier else 0
