# SPDX-License-Identifier: Apache-2.0
"""A card of the simulated kind in the hand, and one session that issues it: what the operator's modes are tested with.

The card is the simulator's own code without its wire; between it and the operator stands the least a terminal does at T=0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2

from simulators.rig.blanks import announcement
from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS
from tests.contract.backend.operator_messages import Operator, Request, Unit, b64, digest, person, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = b"\x90\x00"
USIM = bytes.fromhex("00A4040C07A0000000871002")


class HeldCard:
    """One card of model ``kind``."""

    def __init__(self, kind: str, iccid: str) -> None:
        persona = CARDS[kind].numbered(iccid)
        self.card = Card(persona, Memory(persona.contents(), persona.tries(), name=iccid, store=None))

    def send(self, apdu: bytes) -> bytes:
        """Return data and status word, after fetching what waits."""
        answer = self.card.process(apdu)
        data = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.card.process(bytes([apdu[0], 0xC0, 0, 0, answer[-1]]))
            data += answer[:-2]
        return data + answer[-2:]

    def read(self, path: str) -> bytes:
        return self.card.content(path)

    def authenticate(self, challenge: Sequence[bytes]) -> tuple[bytes, int]:
        """Return what a terminal reports of an answer to ``challenge``, session keys cut off, and the status word."""
        assert self.send(USIM) == OK
        rand, autn, _ = challenge
        answer = self.send(bytes.fromhex("0088008122") + b"\x10" + rand + b"\x10" + autn)
        data, sw = answer[:-2], int.from_bytes(answer[-2:], "big")
        return data[: 2 + data[1]] if data else b"", sw


@dataclass
class Issued:
    """One approved session: its approval, the opened issue data, the card."""

    operator: Operator
    unit: Unit
    request: Request
    approval: dict[int, Any]
    plain: bytes
    card: HeldCard
    answers: list[list[Any]] = field(default_factory=list)
    rounds: int = 0
    commands: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> dict[int, Any]:
        data: dict[int, Any] = cbor2.loads(self.plain)
        return data

    @property
    def session(self) -> bytes:
        return self.request.session

    @property
    def approval_id(self) -> bytes:
        return bytes(self.approval[7])

    @property
    def iccid(self) -> str:
        return str(self.request.claims[264][1])

    def run_script(self) -> None:
        """Carry the steps out; every answer must be accepted."""
        self.card.card.power_up()
        for position, (command, accepted, keep) in enumerate(self.data[4]):
            answer = self.card.send(command)
            sw = int.from_bytes(answer[-2:], "big")
            words = (0x9000, sw) if sw >> 8 == 0x91 else (sw,)
            assert any(one & mask == word & mask for word, mask in accepted for one in words), f"{sw:04X}"
            if keep:
                self.answers.append([position, sw, answer[:-2]])

    def relay(self, sequence: int, answers: Sequence[bytes]) -> tuple[list[bytes], bool]:
        """Ask for one round."""
        status, body = self.ask_relay(sequence, answers)
        assert status == 200, body
        return [unb64(command) for command in body["commands"]], body["done"]

    def ask_relay(self, sequence: int, answers: Sequence[bytes], **changes: Any) -> tuple[int, dict[str, Any]]:
        body = {"approval": self.approval_id, "sequence": str(sequence), "answers": [b64(answer) for answer in answers], **changes}
        return self.unit.ask(self.session, "relay", **body)

    def run_relay(self) -> None:
        """Carry the whole relay through."""
        said: list[bytes] = []
        answers: list[bytes] = []
        while True:
            commands, done = self.relay(self.rounds, answers)
            self.rounds += 1
            self.commands += commands
            if done:
                break
            answers = [self.card.send(command) for command in commands]
            said += answers
        self.answers += [[position, int.from_bytes(answer[-2:], "big"), answer[:-2]] for position, answer in enumerate(said)][-8:]

    def prove_key(self) -> None:
        """Answer the challenge; its place is behind the last step or command."""
        behind = len(self.data[4]) if isinstance(self.data[4], list) else len(self.commands) if isinstance(self.data[4], int) else 0
        data, sw = self.card.authenticate(self.data[11])
        self.answers.append([behind, sw, data])

    def report(self, verdict: str, **changes: Any) -> str:
        """Report and return what the operator acknowledges."""
        claims = {"c262": self.answers, **changes} if self.answers else changes
        read_back = [self.iccid, digest(self.plain)] if verdict in {"written", "answered"} else None
        result = self.unit.result(self.request, verdict, approval_id=self.approval_id, read_back=read_back, **claims)
        status, answer = self.unit.report(self.session, result)
        assert status == 200, answer
        return str(self.unit.ack(result, answer)[257])

    def number(self) -> dict[str, Any]:
        return self.operator.rows("numbers", self.session)[0]


def issue(
    unit: Unit, mode: str, kind: str = "blank-usim", *, iccid: str = "", fields: dict[int, Any] | None = None, **words: Any
) -> Issued:
    """Let the operator issue a fresh card of model ``kind`` in ``mode``; no challenge unless ``challenge=True``."""
    told = announcement(CARDS[kind])
    del told["iccid"]
    if not iccid:
        iccid = unit.operator.blank(**{"challenge": False, **told, "mode": mode, **words})
    request = unit.request(iccid, fields or person())
    status, answer = unit.submit(request)
    assert (status, answer["outcome"]) == (200, "approved"), answer
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    assert approval[264] == mode
    plain = unit.open_profile(request, answer)
    assert approval[261] == digest(plain)
    return Issued(unit.operator, unit, request, approval, plain, HeldCard(kind, iccid))
