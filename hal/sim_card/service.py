# SPDX-License-Identifier: Apache-2.0
"""The SIM writer as the terminal's worker knows it: operations in, plain values out.

Decides when the card is reset and what is remembered from one operation to the next. Rules:

1. Every operation looks at the card that lies in the reader now, after a cold reset.
2. What was learned of a model's files is used for the next card of that model once one read of that card has agreed with it.
3. That a card is blank is remembered only from ``identify`` to ``write``, for one ICCID and one stay in the reader; the ICCID is read
   again all the same.
4. Two things outlive an operation, a card's challenge and a relay: the card is not reset until ``write`` or the next round. Any other
   operation in between ends them.

Configuration: ``reader`` (exact PC/SC name), and optionally ``pcscd_socket``, ``answer_s`` (seconds one call may take). The device is
opened by the first operation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hal.link.pcsc import ANSWER_S, CardRemoved, PcscLink
from hal.sim_card import cards, proactive, profile, scripts, unlock
from hal.sim_card.errors import CardChanged, MacFailure, ProfileUnfit
from hal.sim_card.layouts import Layouts
from hal.sim_card.personalise import CardAtWork, Orders
from hal.sim_card.pins import run_pin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hal.deadline import Deadline
    from hal.sim_card.profile import Profile
    from hal.worker import Operation


@dataclass(frozen=True, slots=True)
class _Seen:
    """A card met before: its model, ICCID, stay in the reader, whether it was blank then."""

    card_type: str
    iccid: str
    stay: int
    blank: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """A card that must not be reset: it waits for the code to its ``challenge``, or (empty) for the next round of a relay."""

    met: _Met
    stay: int
    challenge: bytes = b""


class SimCardService:
    """The operations of :file:`README.md`.

    Raises ``HalError`` only. ``progress`` may be set by a program that holds the service itself: it is called with (done, all) while a
    card is written.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._link = PcscLink(config["reader"], config.get("pcscd_socket"), answer_s=config.get("answer_s", ANSWER_S))
        self._layouts = Layouts(config.get("layouts"))
        self._seen: _Seen | None = None
        """The card that was found to agree with its model's layout."""
        self._held: _Held | None = None
        self.progress: Callable[[int, int], None] = lambda _done, _all: None
        self.operations: Mapping[str, Operation] = {
            "await_card": self._await_card,
            "identify": self._identify,
            "plan": self._plan,
            "write": self._write,
            "get_challenge": self._get_challenge,
            "run_script": self._run_script,
            "relay": self._relay,
            "read_back": self._read_back,
            "prove_key": self._prove_key,
            "authenticate": self._authenticate,
            "envelope": self._envelope,
            "pin": self._pin,
            "counters": self._counters,
        }

    @property
    def link_us(self) -> int:
        """Microseconds spent inside PC/SC calls."""
        return self._link.link_us

    @link_us.setter
    def link_us(self, value: int) -> None:
        self._link.link_us = value

    def stalled(self) -> bool:
        """Return whether the reader hangs: one call takes longer than ``answer_s``."""
        return self._link.stalled()

    def close(self) -> None:
        """Power the card off."""
        self._link.close()

    # ---- operations

    def _await_card(self, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        return {"atr": self._link.wait_for_card(deadline).hex()}

    def _identify(self, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        atr, card = self._reset(deadline)
        identity = card.work.identify(deadline)
        blank = identity.imsi == ""
        if card.known and card.work.confirm(deadline):
            self._seen = _Seen(card.type.name, identity.iccid, self._link.stay, blank)
        else:
            self._seen = _Seen("", identity.iccid, self._link.stay, blank)
        return {"atr": atr.hex(), "card_type": card.type.name, "iccid": identity.iccid, "blank": blank, "imsi_present": not blank}

    def _plan(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        wanted = profile.from_json(arguments["profile"])
        before = self._counts()
        _, card = self._reset(deadline)
        plan = card.work.plan(wanted, deadline)
        self._layouts.learn(card.type, card.work.layout)
        steps = [
            {
                "file": step.name,
                "directory": step.ef.directory.name,
                "fid": f"{step.ef.fid:04X}",
                "sfi": step.ef.sfi,
                "record": step.ef.record,
                "selects": len(step.select),
                "updates": len(step.access),
                "length": step.length,
                "bytes": sum(len(command) + 2 for command in step.sent),
            }
            for step in plan.steps
        ]
        return {"card_type": card.type.name, "steps": steps, "skipped": list(plan.skipped), **self._since(before)}

    def _write(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        wanted, expected = profile.from_json(arguments["profile"]), str(arguments["expected_iccid"])
        before, seen, unlocked = self._counts(), self._seen, wanted.unlock_ref is not None
        card = self._unlocked(wanted, arguments, deadline) if unlocked else self._reset(deadline, expected)[1]
        self._seen = None
        known_blank = seen.iccid if seen and seen.blank and seen.stay == self._link.stay else ""
        challenge = arguments.get("challenge")
        pair = (_bytes(challenge, "rand", 16), _bytes(challenge, "autn", 16)) if isinstance(challenge, dict) else None
        orders = Orders(bool(arguments.get("resume")), bool(arguments.get("ordered")), known_blank, unlocked, pair)
        done = card.work.write(wanted, expected, deadline, orders)
        self._layouts.learn(card.type, card.work.layout)
        self._seen = _Seen(card.type.name, wanted.iccid, self._link.stay, blank=False)
        return {**self._since(before), "written": list(done.written), "skipped": list(done.skipped)}

    def _get_challenge(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        before, reference = self._counts(), arguments.get("unlock_ref")
        card = self._expected(arguments, deadline)
        transport = card.work.files.transport
        if reference is not None:
            if _reference(reference) != card.type.unlock:
                raise ProfileUnfit(item="unlock_ref")
            unlock.check_tries(transport, reference, deadline, ordered=bool(arguments.get("ordered")))
        value = unlock.challenge(transport, deadline)
        self._held = _Held(card, self._link.stay, value)
        return {"challenge": value.hex(), **self._since(before)}

    def _unlocked(self, wanted: Profile, arguments: dict[str, Any], deadline: Deadline) -> _Met:
        """Give the card that waits the code to its challenge, with no reset in between; nothing was written when this raises."""
        code, answered = _bytes(arguments, "auth_code", None), _bytes(arguments, "challenge_of", unlock.CHALLENGE_BYTES)
        held, self._held = self._held, None
        if not 8 <= len(code) <= 16:  # noqa: PLR2004  # what EXTERNAL AUTHENTICATE takes
            raise ProfileUnfit(item="auth_code")
        if held is None or held.challenge != answered or held.stay != self._link.stay:
            raise CardChanged
        if wanted.unlock_ref is None or wanted.unlock_ref != held.met.type.unlock:
            raise ProfileUnfit(item="unlock_ref")
        try:
            unlock.authenticate(held.met.work.files.transport, wanted.unlock_ref, code, deadline)
        except CardRemoved:
            raise CardChanged from None  # it left, before anything was written
        return held.met

    def _run_script(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        script, before = scripts.steps(arguments.get("steps")), self._counts()
        self._expected(arguments, deadline)
        self._seen = None
        carried = scripts.run(self._link, script, deadline)
        return {"answers": carried.answers, "fetched": carried.fetched, **self._since(before)}

    def _relay(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        commands, before = scripts.relayed(arguments.get("commands")), self._counts()
        held, self._held = self._held, None
        if arguments.get("first") is True:
            held = _Held(self._expected(arguments, deadline), self._link.stay)
        if held is None or held.challenge or held.stay != self._link.stay:
            raise CardChanged
        self._seen = None
        answers = scripts.relay(self._link, commands, deadline)
        self._held = held
        return {"answers": answers, **self._since(before)}

    def _read_back(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        wanted = profile.from_json(arguments["profile"])
        before = self._counts()
        _, card = self._reset(deadline, wanted.iccid)
        found = card.work.read_back(wanted, deadline)
        self._layouts.learn(card.type, card.work.layout)
        return {
            "equal": not found.mismatched,
            "mismatched": list(found.mismatched),
            "unread": list(found.keys),
            "iccid": found.iccid,
            "imsi": found.imsi,
            **self._since(before),
        }

    def _prove_key(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        rand, autn = _bytes(arguments, "rand", 16), _bytes(arguments, "autn", 16)
        before = self._counts()
        _, card = self._reset(deadline)
        return {"data": card.work.authenticate(rand, autn, deadline).coded.hex(), **self._since(before)}

    def _authenticate(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        rand, autn = _bytes(arguments, "rand", 16), _bytes(arguments, "autn", 16)
        before = self._counts()
        _, card = self._reset(deadline)
        answer = card.work.authenticate(rand, autn, deadline)
        if answer.result == "res" and arguments.get("xres") is not None and answer.data.hex() != str(arguments["xres"]).lower():
            raise MacFailure(res=False)
        return {"result": answer.result, "data": answer.data.hex(), **self._since(before)}

    def _envelope(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        packet = _bytes(arguments, "data", None)
        before = self._counts()
        self._reset(deadline)
        self._seen = None
        fetched = proactive.announce(self._link, deadline)
        receipt = proactive.send_packet(self._link, packet, deadline)
        return {"data": receipt.data.hex(), "sw": int(receipt.sw), "fetched": fetched + receipt.fetched, **self._since(before)}

    def _pin(self, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        _, card = self._reset(deadline)
        return run_pin(card.work.files.transport, arguments, deadline)

    def _counters(self, _: dict[str, Any], __: Deadline) -> dict[str, Any]:
        return self._since((0, 0))

    # ---- the card in the reader

    def _reset(self, deadline: Deadline, iccid: str = "") -> tuple[bytes, _Met]:
        """Reset the card and go to work on it; ``iccid`` is the one it is believed to have."""
        self._held = None
        atr = self._link.power_cycle(deadline)
        card_type = cards.identify(atr)
        layout, seen = self._layouts.get(card_type), self._seen
        confirmed = bool(iccid) and seen is not None and (seen.card_type, seen.iccid, seen.stay) == (card_type.name, iccid, self._link.stay)
        return atr, _Met(CardAtWork(self._link, card_type, layout, confirmed=confirmed, progress=self.progress), known=layout is not None)

    def _expected(self, arguments: dict[str, Any], deadline: Deadline) -> _Met:
        """Reset the card and read its ICCID; raises :class:`CardChanged` when it is not the one expected."""
        iccid = arguments.get("expected_iccid")
        if not isinstance(iccid, str):
            raise ProfileUnfit(item="expected_iccid")
        card = self._reset(deadline)[1]
        card.work.must_be(iccid, deadline)
        return card

    def _counts(self) -> tuple[int, int]:
        return self._link.apdus, self._link.octets

    def _since(self, before: tuple[int, int]) -> dict[str, Any]:
        return {"apdus": self._link.apdus - before[0], "bytes": self._link.octets - before[1]}


@dataclass(frozen=True, slots=True)
class _Met:
    """A card after its reset; ``known``: something was learned of its model before."""

    work: CardAtWork
    known: bool

    @property
    def type(self) -> cards.CardType:
        """Its model: of the reset answer's rows, the one its first answer agreed with."""
        return self.work.type


def _reference(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 0xFF:  # noqa: PLR2004  # one byte
        raise ProfileUnfit(item="unlock_ref")
    return value


def _bytes(arguments: dict[str, Any], name: str, length: int | None) -> bytes:
    """Return a hex argument; raises :class:`ProfileUnfit` naming it, never its value."""
    value = arguments.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){1,255}", value):
        raise ProfileUnfit(item=name)
    if length is not None and len(value) != 2 * length:
        raise ProfileUnfit(item=name)
    return bytes.fromhex(value)
