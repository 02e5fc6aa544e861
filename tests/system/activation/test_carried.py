# SPDX-License-Identifier: Apache-2.0
"""The operator cannot be reached, and somebody carries: the submission out, the answer in, by a stick's folder or line by line.

What comes back this way is judged as what comes over the network: the same codes, the same single use, and the card is written once.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.core import events
from firmware.journal import Journal
from tests.support.station import Station
from tests.support.truth import assert_no_personal_data, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Screen

pytestmark = pytest.mark.slow
CUT = str(Path(__file__).parents[2] / "crash" / "terminal" / "cut_terminal.py")
APPROVED_ROW = 10
"""Number of the row that says "approved" in a session of T01."""


@pytest.fixture(scope="module")
def carrying_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        (station.root / "stick").mkdir()
        with station.terminal_toml.open("a", encoding="utf-8") as file:
            file.write(f'\n[patience]\nperson_s = 3\ncard_back_s = 1.5\n[offline]\nfolder = "{station.root}/stick"\n')
        station.provision()
        yield station
    finally:
        station.close()


@pytest.fixture
def station(carrying_station: Station) -> Iterator[Station]:
    carrying_station.clear()
    carrying_station.forget_numbers()
    carrying_station.fresh_card()
    yield carrying_station
    carrying_station.stop()
    carrying_station.clear()
    shutil.rmtree(carrying_station.root / "stick")
    (carrying_station.root / "stick").mkdir()


def waiting_for_the_answer(station: Station, *entry: str) -> tuple[Screen, dict[str, Any]]:
    """Bring a session to where only the operator is wanting and cannot be reached; returns screen and view."""
    screen = station.start(*entry)
    screen.ready()
    station.fault("backend", at="any", do="hangup", times=0)
    station.device("desk", "start")
    return screen, screen.wait("view", prompt="carry")


def answered(station: Station, view: dict[str, Any], **more: Any) -> list[str]:
    """Carry the submission to the operator's desk; returns the lines of the answer."""
    lines: list[str] = station.device("backend", "carried", lines=view["carry"]["parts"], **more)["lines"]
    return lines


def put_on_the_stick(station: Station, view: dict[str, Any], lines: list[str]) -> None:
    path = station.root / "stick" / f"rnt-{view['session']}-answer.txt"
    half = path.with_suffix(".half")
    half.write_text("\n".join(lines) + "\n")
    half.rename(path)


def say(station: Station, **intent: Any) -> dict[str, Any]:
    """Post one intent to the terminal's screen socket; returns the answer."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(station.root / "run" / "kiosk.sock"))
        channel.sendall(json.dumps(intent).encode() + b"\n")
        with channel.makefile("rb") as stream:
            return next(answer for line in stream if (answer := json.loads(line))["type"] == "intent")


def number_of(station: Station, session: str) -> str | None:
    return next((row["state"] for row in station.operator()["numbers"] if row["session"] == session), None)


def test_carried_on_a_stick_the_answer_writes_the_card_once_and_is_reported_when_the_line_is_back(station: Station) -> None:
    screen, view = waiting_for_the_answer(station)
    stick = station.root / "stick"
    assert (stick / view["carry"]["file"]).read_text().split() == view["carry"]["parts"]
    assert_no_personal_data(station)
    put_on_the_stick(station, view, answered(station, view))
    result = screen.result()
    assert result["outcome"] == "R710"  # written; the operator has still to hear of it
    assert result["approval_id"]
    assert list(stick.iterdir()) == []
    station.clear()
    screen.ready()
    wait_until_settled(station, result["session"])
    assert number_of(station, result["session"]) == "active"


def test_carried_line_by_line_a_foreign_answer_is_told_and_the_right_one_taken(station: Station) -> None:
    screen, view = waiting_for_the_answer(station)
    lines = answered(station, view)
    assert say(station, intent="carried", part="RNT1:A:0000000000000000:1/1:AAAA")["ok"]
    assert screen.wait("view", prompt="carry")["carry"]["refused"]
    for line in lines:
        assert say(station, intent="carried", part=line)["ok"]
        if line != lines[-1]:
            screen.wait("view", prompt="carry")
    assert screen.result()["outcome"] == "R710"


@pytest.mark.parametrize(
    ("variant", "code"),
    [("bad_signature", "R704"), ("wrong_record", "R704"), ("expired", "R705"), ("wrong_card", "R707"), ("wrong_nonce", "R707")],
)
def test_carried_approval_that_is_wrong_has_the_code_it_has_on_the_network(station: Station, variant: str, code: str) -> None:
    screen, view = waiting_for_the_answer(station)
    updates = station.device("sim_card", "state")["updates"]
    put_on_the_stick(station, view, answered(station, view, variant=variant))
    assert screen.result()["outcome"] == code
    assert station.device("sim_card", "state")["updates"] == updates


def test_carried_refusal_and_a_cancelled_carrying_write_nothing(station: Station) -> None:
    screen, view = waiting_for_the_answer(station)
    station.device("backend", "refuse", code="R404")
    put_on_the_stick(station, view, answered(station, view))
    assert screen.result()["outcome"] == "R404"
    station.clear()
    screen.ready()
    station.fresh_card()
    station.fault("backend", at="any", do="hangup", times=0)
    station.device("desk", "start")
    screen.wait("view", prompt="carry")
    assert say(station, intent="cancel")["ok"]
    assert screen.result()["outcome"] == "R207"
    assert station.device("sim_card", "state")["updates"] == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_power_cut_between_carrying_in_and_the_write_spends_the_approval_once(station: Station, when: str) -> None:
    """Cut with the answer in hand and not yet durable, or durable and not yet used: either way one card, one approval."""
    station.start().ready()  # the operator hears of what earlier tests left: rows are counted from here
    station.stop()
    screen, view = waiting_for_the_answer(station, CUT, "--cut", f"{when}:{APPROVED_ROW}")
    lines = answered(station, view)
    put_on_the_stick(station, view, lines)
    assert station.terminal is not None
    assert station.terminal.wait(40) == -signal.SIGKILL
    station.terminal = None
    screen = station.start()
    if when == "before":
        again = screen.wait("view", prompt="carry")
        assert again["carry"]["parts"] == view["carry"]["parts"]  # the very bytes that were signed
        put_on_the_stick(station, view, lines)
    result = screen.result()
    assert (result["session"], result["outcome"]) == (view["session"], "R710")
    station.clear()
    screen.ready()
    station.stop()
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        history = [events.decode(row.kind, row.payload) for row in journal.rows(bytes.fromhex(view["session"]))]
    assert sum(isinstance(event, events.Approved) for event in history) == 1
    assert sum(isinstance(event, events.Written) for event in history) == 1
