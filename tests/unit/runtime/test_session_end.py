# SPDX-License-Identifier: Apache-2.0
"""What a session leaves behind in the terminal's memory and on its screen when the operator cannot be told yet."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from firmware.backend.errors import BackendError, BackendUnreachable, Why
from firmware.core import cbor, events, states
from firmware.core.keyring import Keyring, Trust
from firmware.core.mode import Mode
from firmware.core.record import Card
from firmware.core.retention import Age
from firmware.core.session import fold
from firmware.journal import Journal
from firmware.keystore import create_key
from firmware.kiosk.server import Kiosk
from firmware.runtime import config
from firmware.runtime.asking import ask
from firmware.runtime.capture import Capture
from firmware.runtime.clock import Clock
from firmware.runtime.runner import Session
from firmware.runtime.terminal import Terminal
from firmware.runtime.unit import Evidence, Interrupt, Stop, Unit
from firmware.runtime.workers import DeviceFailed
from firmware.runtime.writing import Writer
from tests.unit.core_codecs.core_world import RECORD

if TYPE_CHECKING:
    from firmware.core.events import Event

CONFIG = b"""
[terminal]
serial = "RNT-000001"
state_dir = "state"
run_dir = "run"
[backend]
url = "https://localhost:8443"
[id_reader]
port = "reader"
[sim_card]
reader = "writer 00 00"
[controller]
port = "controller"
[camera]
source = "camera.sock"
[printer]
port = "printer"
"""
PLAN = ("notice", "document", "check", "portrait", "agreement", "confirm", "card")
SESSION = b"S" * 16
NOW = int(time.time())
"""Sessions found open began a moment ago: one from another day would be past the hard limit."""
MASKED = ("张*", "9901**********1234")


class AbsentDevice:
    """A device whose worker cannot be had."""

    waited_us = 0

    async def call(self, op: str, **_: Any) -> dict[str, Any]:
        raise DeviceFailed("absent", "link_closed", {"op": op})


class AbsentOperator:
    """An operator that cannot be reached, for one reason."""

    waited_us = 0

    def __init__(self, why: Why) -> None:
        self.error: BackendError = BackendUnreachable(why)

    def submit(self, *_: Any) -> None:
        raise self.error

    report = submit


class Views(Kiosk):
    """The screen, with every view it was given."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.views: list[dict[str, Any]] = []

    def show(self, **view: Any) -> None:
        self.views.append(view)


def unit_at(folder: Path, why: Why = Why.CONNECT) -> tuple[Unit, Views]:
    views = Views()
    unit = Unit(
        config=config.parse(CONFIG),
        journal=Journal.open(folder / "journal.db", os.urandom(32)),
        clock=Clock(0),
        kiosk=views,
        devices=cast("Any", {name: AbsentDevice() for name in ("id_reader", "sim_card", "controller", "camera", "printer")}),
        signer=create_key("file:record.pem", folder),
        trust=Trust("operator", "https://localhost", Keyring([]), bytes(32)),
        backend=cast("Any", AbsentOperator(why)),
        software=bytes(32),
        interrupt=Interrupt(),
    )
    return unit, views


def leave_open(journal: Journal, *history: Event, items: dict[str, bytes] | None = None) -> None:
    """Put a session into the journal as an earlier run of the terminal left it."""
    for event in history:
        kind, payload = events.encode(event)
        journal.append(SESSION, kind, payload, items=(items or {}) if event is history[-1] else {})


def signed_session() -> tuple[Event, ...]:
    boot = b"B" * 16
    return (
        events.Opened(NOW, boot, 1000, "RNT-000001", "T01", PLAN),
        *(events.StepDone(name, b"") for name in PLAN[:-1]),
        events.CardIdentified(bytes(32)),
        events.RecordSigned(NOW, boot, 5000, b"R" * 32, b"N" * 16, 1),
    )


async def not_settled() -> bool:
    return False


@pytest.fixture
def resumed(tmp_path: Path) -> tuple[Session, Views]:
    """Return a session that was found submitted, ended with R801, and still has to be reported."""
    unit, views = unit_at(tmp_path)
    leave_open(unit.journal, *signed_session(), items={"masked": cbor.encode(list(MASKED))})
    session = Session(unit, SESSION, not_settled)
    asyncio.run(session.resume())
    assert unit.journal.open_sessions() == (SESSION,)
    unit.journal.close()
    return session, views


def test_ended_session_waiting_to_be_reported_remembers_nobody(resumed: tuple[Session, Views]) -> None:
    session, _ = resumed
    kept = {name: getattr(session, name) for name in ("_masked", "_evidence", "_capture", "_iccid")}
    assert MASKED[0] not in str(kept)
    assert kept["_masked"] == {}
    assert kept["_capture"] is None


def test_ending_stays_on_the_screen_while_the_operator_is_told(resumed: tuple[Session, Views]) -> None:
    _, views = resumed
    assert (views.views[-1]["state"], views.views[-1]["code"]) == ("closed", "R801")


def test_recovered_sessions_outcome_is_kept_for_the_ready_view(tmp_path: Path) -> None:
    unit, _ = unit_at(tmp_path)
    leave_open(unit.journal, signed_session()[0])
    terminal = Terminal(unit)
    asyncio.run(terminal._recover())
    assert terminal._last is not None
    assert terminal._last["outcome"] == "R803"
    unit.journal.close()


class Recorded(AbsentDevice):
    """A device that answers what it was told to and keeps what it was asked."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def call(self, op: str, **_: Any) -> dict[str, Any]:
        self.asked.append(op)
        if op not in self._answers:
            raise DeviceFailed("recorded", "link_closed", {})
        return self._answers[op]


@pytest.mark.parametrize(("tamper", "code"), [(True, "R506"), (False, "R513")])
def test_recovery_asks_the_controller_before_it_touches_the_card(tmp_path: Path, tamper: bool, code: str) -> None:  # noqa: FBT001  # a parameter
    unit, views = unit_at(tmp_path)
    state = {"state": "tampered" if tamper else "ready", "tamper": tamper}
    controller, writer = Recorded(hello={"version": "1"}, state=state, sim_power={}), Recorded()
    unit.devices = cast("Any", {**unit.devices, "controller": controller, "sim_card": writer})
    signed = signed_session()
    approved = events.Approved(b"A" * 16, b"R" * 32, b"N" * 16, "RNT-000001", bytes(32), Mode.FIELDS, b"P" * 32, b"B" * 16, 60_000)
    leave_open(unit.journal, *signed, approved)
    asyncio.run(Terminal(unit)._recover())
    assert [view["code"] for view in views.views if view["state"] == "closed"] == [code]
    assert ("await_card" in writer.asked) is not tamper
    assert ("sim_power" in controller.asked) is not tamper
    unit.journal.close()


class Opener(Recorded):
    """A card writer during whose last look at the card the case is opened."""

    interrupt: Interrupt

    async def call(self, op: str, **arguments: Any) -> dict[str, Any]:
        if op == "identify":
            self.interrupt.raise_("R506")
        return await super().call(op, **arguments)


def test_interrupt_in_the_moment_the_recheck_ends_keeps_the_card_untouched(tmp_path: Path) -> None:
    unit, views = unit_at(tmp_path)
    card = Card("8986011000000000001", b"\x3b\x00", "blank")
    writer = Opener(await_card={}, identify={"iccid": card.iccid, "atr": card.atr.hex(), "card_type": card.type_name, "blank": True})
    writer.interrupt = unit.interrupt
    unit.devices = cast("Any", {**unit.devices, "sim_card": writer})
    boot = unit.clock.now().boot_id
    opened, *steps, _, _ = signed_session()
    signed = events.RecordSigned(NOW, boot, 5000, b"R" * 32, b"N" * 16, 1)
    approved = events.Approved(b"A" * 16, b"R" * 32, b"N" * 16, "RNT-000001", card.digest, Mode.FIELDS, b"P" * 32, boot, 2**60)
    leave_open(unit.journal, opened, *steps, events.CardIdentified(card.digest), signed, approved)
    asyncio.run(Session(unit, SESSION, not_settled).resume())
    assert "write" not in writer.asked
    assert [view["code"] for view in views.views if view["state"] == "closed"] == ["R506"]
    unit.journal.close()


class Failing(Recorded):
    """A device one of whose operations fails in one way."""

    def __init__(self, op: str, kind: str, **answers: dict[str, Any]) -> None:
        super().__init__(**answers)
        self._failing, self._kind = op, kind

    async def call(self, op: str, **arguments: Any) -> dict[str, Any]:
        if op == self._failing:
            raise DeviceFailed("failing", self._kind, {})
        return await super().call(op, **arguments)


@pytest.mark.parametrize(
    ("reader", "code"),
    [(Failing("await_card", "deadline"), "R101"), (Failing("read", "deadline", await_card={}), "R516")],
    ids=["nothing-shown", "silent-over-a-card"],
)
def test_document_that_does_not_come_and_reader_that_falls_silent_have_their_own_codes(tmp_path: Path, reader: Failing, code: str) -> None:
    unit, _ = unit_at(tmp_path)
    unit.devices = cast("Any", {**unit.devices, "id_reader": reader})
    capture = Capture(unit, unit.policies.again("T01", "D01"), Evidence(SESSION, bytes(16)), lambda **_: None)
    with pytest.raises(Stop) as stop:
        asyncio.run(capture.perform("document"))
    assert stop.value.code == code
    unit.journal.close()


def test_card_traffic_of_a_replaced_writer_is_what_its_successor_counted(tmp_path: Path) -> None:
    unit, _ = unit_at(tmp_path)
    writer = Recorded(counters={"apdus": 100, "bytes": 4000})
    unit.devices = cast("Any", {**unit.devices, "sim_card": writer})
    written = Writer(unit, SESSION)
    for counted, told in ((100, 0), (130, 30), (20, 20), (25, 25)):
        writer._answers["counters"] = {"apdus": counted, "bytes": 10 * counted}
        asyncio.run(written.count_traffic())
        assert (written.apdus, written.card_bytes) == (told, 10 * told)
    unit.journal.close()


class PressedController(AbsentDevice):
    """A controller whose button is pressed at once, and that is unplugged right after it has told so."""

    nonce = ""

    async def call(self, op: str, **arguments: Any) -> dict[str, Any]:
        match op:
            case "arm":
                self.nonce = arguments["nonce"]
                return {}
            case "state":
                return {"state": "ready", "tamper": False, "pressed": self.nonce}
            case _:
                raise DeviceFailed("controller", "link_closed", {})


def test_confirmation_stands_when_the_controller_is_lost_after_it(tmp_path: Path) -> None:
    unit, _ = unit_at(tmp_path)
    unit.devices = cast("Any", {**unit.devices, "controller": PressedController()})
    capture = Capture(unit, unit.policies.again("T01", "D01"), Evidence(SESSION, bytes(16)), lambda **_: None)
    result = asyncio.run(capture.perform("confirm"))
    assert isinstance(result.event, events.StepDone)
    unit.journal.close()


@pytest.mark.parametrize(("why", "code"), [(Why.CLIENT_CERTIFICATE, "R505"), (Why.CONNECT, "R801"), (Why.SERVER_CERTIFICATE, "R801")])
def test_unanswered_submission_has_the_code_of_its_cause(tmp_path: Path, why: Why, code: str) -> None:
    unit, _ = unit_at(tmp_path, why)
    with pytest.raises(Stop) as stop:
        asyncio.run(ask(unit.backend.submit))  # type: ignore[arg-type]  # an operator that cannot be reached reads nothing
    assert stop.value.code == code
    unit.journal.close()


@pytest.mark.clause("TB-20")
@pytest.mark.parametrize(("waiting", "code"), [(19, False), (20, True)])
def test_twenty_sessions_not_handed_over_keep_new_work_out(tmp_path: Path, waiting: int, code: bool) -> None:  # noqa: FBT001  # the parameter under test
    unit, _ = unit_at(tmp_path)
    terminal = Terminal(unit)
    terminal._pending = [Session(unit, bytes([number]) * 16, not_settled) for number in range(waiting)]
    assert (asyncio.run(terminal._readiness()) == "R511") is code
    unit.journal.close()


@pytest.mark.clause("TB-20", "DS-08")
@pytest.mark.parametrize(("hours", "code"), [(23, False), (24, True)])
def test_session_not_handed_over_for_a_day_keeps_new_work_out(tmp_path: Path, hours: int, code: bool) -> None:  # noqa: FBT001  # the parameter under test
    unit, _ = unit_at(tmp_path)
    leave_open(unit.journal, *signed_session())
    now = unit.clock.now()
    unit.journal.note_ages({SESSION: Age(hours * 3_600_000, now.at, now.boot_id, now.boot_ms, crossed=False)})
    terminal = Terminal(unit)
    terminal._pending = [Session(unit, SESSION, not_settled)]
    assert (asyncio.run(terminal._readiness()) == "R511") is code
    unit.journal.close()


GIVEN_UP = states.Advising("R801", states.Advice("cancelled", b"R" * 32, b""))


@pytest.mark.parametrize(("until", "end"), [(1, GIVEN_UP), (4_000_000_000, None)])
def test_capsule_waits_for_the_operator_until_its_hours_are_over(tmp_path: Path, until: int, end: states.State | None) -> None:
    unit, views = unit_at(tmp_path)
    boot = b"B" * 16
    signed = events.RecordSigned(NOW, boot, 5000, b"R" * 32, b"N" * 16, 1)
    opened = events.Opened(NOW, boot, 1000, "RNT-000001", "T16", ("seal",))
    history = (opened, events.StepDone("seal", b""), signed, events.Stored(NOW, until))
    leave_open(unit.journal, *history, items={"record": RECORD.message, "items": b"sealed"})
    with unit.journal:
        assert asyncio.run(Session(unit, SESSION, not_settled).advise_again()) is False
        state = fold(tuple(events.decode(row.kind, row.payload) for row in unit.journal.rows(SESSION))).state
    assert state == (end or states.Kept("RNT-000001", states.Signed(b"R" * 32, b"N" * 16, b"", boot), until))
    assert views.views == []
