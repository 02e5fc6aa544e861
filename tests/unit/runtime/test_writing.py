# SPDX-License-Identifier: Apache-2.0
"""Issuing a card in each mode against stand-ins of the card's worker and the operator: what is sent, and what a failure leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from firmware.backend.answers import RelayRound
from firmware.backend.errors import BackendRefusedRequest, BackendUnreachable, Why
from firmware.core import cbor, effects, events, report, states
from firmware.core.mode import Mode
from firmware.core.record import Card
from firmware.core.report import CardAnswer, Verdict
from firmware.core.session import CARD_ANSWERS, fold
from firmware.journal import ItemGone, JournalCorrupt
from firmware.runtime.runner import Session
from firmware.runtime.unit import Stop
from firmware.runtime.workers import DeviceFailed
from firmware.runtime.writing import Writer
from tests.unit.core_codecs.test_core_issue_data import AUTN, CHALLENGE, DATA, RAND, RES
from tests.unit.runtime.test_session_end import SESSION, leave_open, not_settled, signed_session, unit_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from firmware.runtime.unit import Unit

T = TypeVar("T")
BOOT = b"B" * 16
CARD = Card(DATA[Mode.FIELDS][1], b"\x3b\x00", "blank")
SELECT, INITIALIZE, SECURED = bytes.fromhex("00a4040000"), bytes.fromhex("8050000008") + bytes(8), bytes.fromhex("84e2000000")
SAID = (CardAnswer(0, 0x9000, b"receipt"),)
TOLD = [[0, 0x9000, b"receipt".hex()]]


class Worker:
    """The card's worker: answers each operation from its script (a value, an error, or a list of both in turn); keeps what it was asked."""

    waited_us = 0

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, op: str, *, timeout: float = 0, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109  # as the worker's own
        assert timeout > 0
        self.asked.append((op, arguments))
        answer = self.answers.get(op, DeviceFailed("card", "link_closed", {}))
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return cast("dict[str, Any]", answer)

    @property
    def ops(self) -> list[str]:
        return [op for op, _ in self.asked]


@dataclass
class Operator:
    """The operator: relay rounds and codes in turn, and every report it is sent."""

    rounds: list[RelayRound | Exception] = field(default_factory=list)
    codes: list[bytes | Exception] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    report_error: Exception = field(default_factory=lambda: BackendRefusedRequest(409, "INCOMPATIBLE_STATE"))
    waited_us: int = 0

    def relay(self, *arguments: Any) -> RelayRound:
        self.asked.append(arguments)
        return _told(self.rounds.pop(0))

    def unlock(self, *arguments: Any) -> bytes:
        self.asked.append(arguments)
        return _told(self.codes.pop(0))

    def report(self, _: bytes, message: bytes) -> bytes:
        self.reports.append(message)
        raise self.report_error


def _told(answer: T | Exception) -> T:
    if isinstance(answer, Exception):
        raise answer
    return answer


def failed(kind: str, **data: Any) -> DeviceFailed:
    return DeviceFailed("card", kind, data)


def carried(*answers: str) -> dict[str, Any]:
    return {"answers": list(answers), "apdus": len(answers)}


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made, _ = unit_at(tmp_path)
    yield made
    made.journal.close()


def history(mode: Mode, data: dict[int, Any]) -> tuple[tuple[events.Event, ...], dict[str, bytes]]:
    """Return the rows and items of a session whose card may now be issued."""
    opened, *steps, _, signed = signed_session()
    digest = hashlib.sha256(cbor.encode(data)).digest()
    approved = events.Approved(b"A" * 16, b"R" * 32, b"N" * 16, "RNT-000001", CARD.digest, mode, digest, BOOT, 60_000)
    rows = (opened, *steps, events.CardIdentified(CARD.digest), signed, approved, events.CardRechecked(BOOT, 6000, CARD.digest))
    return rows, {"card": cbor.encode(CARD.to_claim()), "profile": cbor.encode(data), "masked": cbor.encode(["张*", "99**"])}


def begun(unit: Unit, mode: Mode, worker: Worker, operator: Operator | None = None, **changes: Any) -> tuple[Writer, effects.Permit]:
    """Return a writer in a session that has just been permitted to issue its card in ``mode``, and the permit."""
    rows, items = history(mode, DATA[mode] | {int(name[1:]): value for name, value in changes.items()})
    unit.devices = cast("Any", {**unit.devices, "sim_card": worker})
    unit.backend = cast("Any", operator or Operator())
    leave_open(unit.journal, *rows, items=items)
    effect = fold(rows).effect
    assert isinstance(effect, effects.WriteCard)
    return Writer(unit, SESSION), effect.permit


def stopped(writer: Writer, permit: effects.Permit) -> tuple[str, bool]:
    with pytest.raises(Stop) as caught:
        asyncio.run(writer.write(permit))
    return caught.value.code, caught.value.touched


# ---- what every mode holds to


@pytest.mark.parametrize("mode", Mode)
def test_data_or_card_that_the_permit_does_not_name_is_r707_and_nothing_is_sent(unit: Unit, mode: Mode) -> None:
    worker = Worker()
    writer, permit = begun(unit, mode, worker)
    for item, value in (
        ("profile", cbor.encode(DATA[mode] | {3: "8612000000009"})),
        ("card", cbor.encode(Card("89", b"", "x").to_claim())),
    ):
        kept = unit.journal.item(SESSION, item)
        unit.journal.append(SESSION, "step-done", b"", items={item: value})
        assert stopped(writer, permit) == ("R707", False)
        unit.journal.append(SESSION, "step-done", b"", items={item: kept})
    assert worker.asked == []


@pytest.mark.parametrize("mode", [Mode.FIELDS, Mode.SCRIPT])
@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("card_changed", ("R707", False)),
        ("unknown_card", ("R707", False)),
        ("packet_refused", ("R708", False)),
        ("script_unfit", ("R707", False)),
        ("write_failed", ("R708", True)),
        ("card_defective", ("R708", True)),
        ("card_removed", ("R711", True)),
        ("worker_ended", ("R711", True)),
        ("hangs", ("R708", True)),
        ("something_new", ("R803", True)),
    ],
)
def test_failure_of_the_write_says_whether_the_card_was_touched(unit: Unit, mode: Mode, kind: str, end: tuple[str, bool]) -> None:
    worker = Worker(write=failed(kind), run_script=failed(kind, sw=0x6A82))
    assert stopped(*begun(unit, mode, worker)) == end


# ---- script


def test_script_is_sent_once_and_its_kept_answers_are_the_events(unit: Unit) -> None:
    worker = Worker(run_script={"answers": TOLD, "apdus": 5})
    writer, permit = begun(unit, Mode.SCRIPT, worker)
    result = asyncio.run(writer.write(permit))
    stored = report.encode_answers(SAID)
    assert result.event == events.Written(5, hashlib.sha256(stored).digest())
    assert result.items == {CARD_ANSWERS: stored}
    assert worker.ops == ["run_script"]
    assert worker.asked[0][1]["expected_iccid"] == CARD.iccid
    assert [step["keep"] for step in worker.asked[0][1]["steps"]] == [True, False]


def test_script_that_stops_keeps_what_the_card_said_before(unit: Unit) -> None:
    writer, permit = begun(unit, Mode.SCRIPT, Worker(run_script=failed("write_failed", sw=0x6985, step=1, answers=TOLD)))
    event = asyncio.run(writer.write(permit)).event
    assert isinstance(event, events.Refused)
    assert (event.code, event.touched, event.answers) == ("R708", True, hashlib.sha256(report.encode_answers(SAID)).digest())


def test_more_than_the_message_has_room_for_voids_the_card(unit: Unit) -> None:
    answers = [[n, 0x9000, "00" * 257] for n in range(2)]
    assert stopped(*begun(unit, Mode.SCRIPT, Worker(run_script={"answers": answers, "apdus": 2}))) == ("R708", True)


# ---- unlock


def test_unlock_gives_the_card_the_answer_to_its_own_challenge(unit: Unit) -> None:
    challenge, code = bytes(range(8)), bytes(range(8, 16))
    worker = Worker(get_challenge={"challenge": challenge.hex(), "apdus": 3}, write={"apdus": 20})
    operator = Operator(codes=[BackendUnreachable(Why.CLOSED), code])
    writer, permit = begun(unit, Mode.UNLOCK, worker, operator)
    assert asyncio.run(writer.write(permit)).event == events.Written(20)
    assert operator.asked == [(SESSION, permit.approval, challenge)] * 2
    assert worker.ops == ["get_challenge", "write"]
    assert worker.asked[0][1] == {"expected_iccid": CARD.iccid, "unlock_ref": 1}
    assert (worker.asked[1][1]["auth_code"], worker.asked[1][1]["challenge_of"]) == (code.hex(), challenge.hex())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BackendUnreachable(Why.CLIENT_CERTIFICATE), "R505"),
        (BackendRefusedRequest(409, "INCOMPATIBLE_STATE"), "R802"),
        (BackendRefusedRequest(403, "PERMISSION_DENIED"), "R505"),
    ],
)
def test_unlock_refused_by_the_operator_leaves_the_card_untouched(unit: Unit, error: Exception, code: str) -> None:
    worker = Worker(get_challenge={"challenge": "00" * 8, "apdus": 3})
    assert stopped(*begun(unit, Mode.UNLOCK, worker, Operator(codes=[error]))) == (code, False)
    assert worker.ops == ["get_challenge"]


@pytest.mark.parametrize(("kind", "code"), [("card_changed", "R707"), ("key_blocked", "R703"), ("card_removed", "R701"), ("hangs", "R513")])
def test_card_that_gives_no_challenge_is_untouched(unit: Unit, kind: str, code: str) -> None:
    operator = Operator()
    assert stopped(*begun(unit, Mode.UNLOCK, Worker(get_challenge=failed(kind)), operator)) == (code, False)
    assert operator.asked == []


# ---- relay


def rounds(*commands: tuple[bytes, ...]) -> list[RelayRound | Exception]:
    return [*(RelayRound(one, done=False) for one in commands), RelayRound((), done=True)]


def test_relay_carries_both_ways_and_keeps_the_last_answers(unit: Unit) -> None:
    worker = Worker(relay=[carried("6f009000", "aa9000"), carried("9000")])
    operator = Operator(rounds=rounds((SELECT, INITIALIZE), (SECURED,)))
    writer, permit = begun(unit, Mode.RELAY, worker, operator)
    result = asyncio.run(writer.write(permit))
    stored = report.encode_answers((CardAnswer(2, 0x9000, b""),))
    assert (result.event, result.items) == (events.Written(3, hashlib.sha256(stored).digest()), {CARD_ANSWERS: stored})
    said = [bytes.fromhex("6f009000"), bytes.fromhex("aa9000")]
    assert [asked[2:] for asked in operator.asked] == [(0, []), (1, said), (2, [b"\x90\x00"])]
    assert [asked["commands"] for _, asked in worker.asked] == [[SELECT.hex(), INITIALIZE.hex()], [SECURED.hex()]]
    assert worker.asked[0][1]["first"] is True
    assert worker.asked[0][1]["expected_iccid"] == CARD.iccid
    assert worker.asked[1][1]["first"] is False


def test_relay_reports_no_more_than_its_last_sixteen_answers(unit: Unit) -> None:
    worker = Worker(relay=[carried(*[f"{n:02x}9000" for n in range(20)])])
    writer, permit = begun(unit, Mode.RELAY, worker, Operator(rounds=rounds((SECURED,) * 20)))
    kept = report.decode_answers(asyncio.run(writer.write(permit)).items[CARD_ANSWERS])
    assert kept == tuple(CardAnswer(n, 0x9000, bytes([n])) for n in range(4, 20))


Ends = Callable[[], tuple[Worker, Operator]]
BROKEN: dict[str, tuple[tuple[str, bool], Ends]] = {
    "operator silent from the start": (
        ("R801", False),
        lambda: (Worker(), Operator(rounds=[BackendUnreachable(Why.CONNECT)] * 3)),
    ),
    "operator done before it began": (("R802", False), lambda: (Worker(), Operator(rounds=rounds()))),
    "more commands than ordered at once": (("R708", False), lambda: (Worker(), Operator(rounds=rounds((SECURED,) * 41)))),
    "command that may not pass": (
        ("R707", False),
        lambda: (Worker(relay=failed("script_unfit", position=0)), Operator(rounds=rounds((SECURED,)))),
    ),
    "another card in the slot": (("R707", False), lambda: (Worker(relay=failed("card_changed")), Operator(rounds=rounds((SELECT,))))),
    "another model of card": (("R707", False), lambda: (Worker(relay=carried("6a82")), Operator(rounds=rounds((SELECT, INITIALIZE))))),
    "card pulled in the first round": (("R711", True), lambda: (Worker(relay=failed("card_removed")), Operator(rounds=rounds((SELECT,))))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_relay_that_breaks_before_the_card_spoke(unit: Unit, name: str) -> None:
    end, make = BROKEN[name]
    assert stopped(*begun(unit, Mode.RELAY, *make())) == end


LATER: dict[str, tuple[str, Any, list[RelayRound | Exception]]] = {
    "operator refuses": ("R708", [], [BackendRefusedRequest(409, "INCOMPATIBLE_STATE")]),
    "operator silent": ("R708", [], [BackendUnreachable(Why.CLOSED)] * 3),
    "more than ordered": ("R708", [], rounds((SECURED,) * 40)),
    "command that may not pass": ("R708", [failed("script_unfit", position=0)], rounds((SECURED,))),
    "card exchanged": ("R711", [failed("card_changed")], rounds((SECURED,))),
    "card pulled": ("R711", [failed("card_removed")], rounds((SECURED,))),
    "card falls silent": ("R708", [failed("deadline")], rounds((SECURED,))),
}


@pytest.mark.parametrize("name", LATER)
def test_relay_that_breaks_after_the_card_spoke_voids_it_with_its_last_answers(unit: Unit, name: str) -> None:
    code, card, operator = LATER[name]
    worker = Worker(relay=[carried("aa9000"), *card])
    first: list[RelayRound | Exception] = [RelayRound((SELECT,), done=False)]
    writer, permit = begun(unit, Mode.RELAY, worker, Operator(rounds=first + list(operator)))
    event = asyncio.run(writer.write(permit)).event
    stored = report.encode_answers((CardAnswer(0, 0x9000, b"\xaa"),))
    assert isinstance(event, events.Refused)
    assert (event.code, event.touched, event.answers) == (code, True, hashlib.sha256(stored).digest())


# ---- proof


def verify(unit: Unit, mode: Mode, worker: Worker, *, recovering: bool = False) -> tuple[events.ReadBack, tuple[CardAnswer, ...]]:
    writer, _ = begun(unit, mode, worker, k11=CHALLENGE)
    if not mode.read_back_proves:
        unit.journal.append(SESSION, "written", b"", items={CARD_ANSWERS: report.encode_answers(SAID)})
    result = asyncio.run(writer.verify(mode, recovering=recovering))
    assert isinstance(result.event, events.ReadBack)
    stored = result.items.get(CARD_ANSWERS, b"")
    assert result.event.answers == (hashlib.sha256(stored).digest() if stored else b"")
    return result.event, report.decode_answers(stored) if stored else ()


GOOD = {
    "read_back": {"equal": True, "iccid": CARD.iccid, "imsi": "460001234567890", "apdus": 4},
    "identify": {"iccid": CARD.iccid, "imsi_present": True},
    "prove_key": {"data": (b"\xdb\x08" + RES).hex(), "apdus": 3},
    "await_card": {},
}
BEHIND = {Mode.FIELDS: 0, Mode.UNLOCK: 0, Mode.SCRIPT: 2, Mode.RELAY: 1}


@pytest.mark.parametrize("recovering", [False, True])
@pytest.mark.parametrize("mode", Mode)
def test_key_is_proven_in_every_mode_and_the_answer_joins_the_others(unit: Unit, mode: Mode, recovering: bool) -> None:  # noqa: FBT001  # a parameter
    worker = Worker(**GOOD)
    event, answers = verify(unit, mode, worker, recovering=recovering)
    assert (event.equal, event.iccid) == (True, CARD.iccid)
    earlier = () if mode.read_back_proves else SAID
    assert answers == (*earlier, CardAnswer(BEHIND[mode], 0x9000, b"\xdb\x08" + RES))
    assert ("prove_key", {"rand": RAND.hex(), "autn": AUTN.hex()}) in worker.asked


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "proof", [failed("mac_failure"), failed("authenticate_refused", sw=0x6985), {"data": (b"\xdb\x08" + bytes(8)).hex(), "apdus": 3}]
)
def test_key_that_is_not_proven_is_not_equal(unit: Unit, mode: Mode, proof: Any) -> None:
    assert not verify(unit, mode, Worker(**GOOD | {"prove_key": proof}))[0].equal


@pytest.mark.parametrize("mode", [Mode.SCRIPT, Mode.RELAY])
def test_other_card_than_the_one_that_answered_is_not_equal_and_is_not_challenged(unit: Unit, mode: Mode) -> None:
    worker = Worker(**GOOD | {"identify": {"iccid": "89860000000000000099", "imsi_present": True}})
    assert not verify(unit, mode, worker)[0].equal
    assert "prove_key" not in worker.ops


# ---- what is told later


def test_answers_outlive_the_erasing_and_are_told_byte_for_byte_until_the_operator_has_them(unit: Unit) -> None:
    operator, worker = Operator(), Worker(run_script={"answers": TOLD, "apdus": 5}, **GOOD)
    begun(unit, Mode.SCRIPT, worker, operator)
    kind, payload = events.encode(events.Written(5, hashlib.sha256(report.encode_answers(SAID)).digest()))
    unit.journal.append(SESSION, kind, payload, items={CARD_ANSWERS: report.encode_answers(SAID)})
    asyncio.run(Session(unit, SESSION, not_settled).resume())
    assert worker.ops.count("run_script") == 0
    with pytest.raises(ItemGone):
        unit.journal.item(SESSION, "masked")
    assert asyncio.run(Session(unit, SESSION, not_settled).advise_again()) is False
    results = [report.read_result(message).result for message in operator.reports]
    assert len(results) == 3  # while the subscriber waits, after the erasing, and once more later
    assert {(result.verdict, result.answers) for result in results} == {(Verdict.ANSWERED, SAID)}


def test_restart_in_the_middle_of_a_script_is_told_as_void_and_asks_the_card_nothing(unit: Unit) -> None:
    operator, worker = Operator(), Worker(counters={"apdus": 1, "bytes": 1})
    begun(unit, Mode.SCRIPT, worker, operator)
    asyncio.run(Session(unit, SESSION, not_settled).resume())
    assert set(worker.ops) == {"counters"}
    result = report.read_result(operator.reports[-1]).result
    assert (result.verdict, result.code, result.answers) == (Verdict.VOIDED, "R711", None)


def test_answers_that_are_not_those_of_the_rows_stop_the_terminal(unit: Unit) -> None:
    begun(unit, Mode.SCRIPT, Worker(**GOOD))
    kind, payload = events.encode(events.Written(5, bytes(32)))
    unit.journal.append(SESSION, kind, payload, items={CARD_ANSWERS: report.encode_answers(SAID)})
    with pytest.raises(JournalCorrupt):
        asyncio.run(Session(unit, SESSION, not_settled).resume())
    assert isinstance(fold(tuple(events.decode(row.kind, row.payload) for row in unit.journal.rows(SESSION))).state, states.Reporting)
