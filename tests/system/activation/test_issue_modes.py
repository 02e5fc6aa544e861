# SPDX-License-Identifier: Apache-2.0
"""The four ways to issue a card, through the whole counter: real pcscd, real TLS, the operator's own card keys.

What each mode promises when something breaks: a card nobody wrote to goes back to stock, a card in doubt is scrapped, nothing is sent to a
card twice, and what a card said reaches the operator as it was said.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.truth import assert_clean_end, wait_until_settled

if TYPE_CHECKING:
    from tests.support.station import Screen, Station

USIM, UNLOCKABLE = "blank-usim", "usim-unlock"
CARDS = {"fields": USIM, "script": USIM, "unlock": UNLOCKABLE, "relay": USIM}
"""Mode → the model of a card that can be issued so."""


def begin(station: Station) -> Screen:
    """Start the terminal and a customer."""
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    return screen


def books(station: Station, iccid: str, session: str) -> tuple[str, str, str]:
    """Return what the operator holds: the card's state, the terminal's word about it, its own acknowledgement."""
    wait_until_settled(station, session)
    operator = station.operator()
    blank = next(row for row in operator["blanks"] if row["iccid"] == iccid)
    result = next(row for row in operator["results"] if row["session"] == session)
    return blank["state"], result["outcome"], result["ack"]


@pytest.mark.parametrize("mode", CARDS)
def test_activation_in_each_mode_ends_active_with_the_key_proven(station: Station, mode: str) -> None:
    iccid = station.fresh_card(CARDS[mode], mode=mode)
    screen = begin(station)
    result = screen.result()
    assert (result["outcome"], result["iccid"]) == ("ACTIVE", iccid)
    assert screen.last("step", step="approval", phase="end")["detail"]["mode"] == mode
    said = "answered" if mode in {"script", "relay"} else "written"
    assert books(station, iccid, result["session"]) == ("used", said, "active")
    assert result["imsi"] == station.operator()["numbers"][-1]["imsi"]
    assert_clean_end(station, result)


# ---- a key, a proof or a packet that is not right


@pytest.mark.parametrize("mode", ["fields", "script"])
def test_card_with_another_key_than_the_operators_is_r709_and_scrapped(station: Station, mode: str) -> None:
    iccid = station.fresh_card(CARDS[mode], mode=mode, k="00" * 16)
    result = begin(station).result()
    assert result["outcome"] == "R709"
    assert books(station, iccid, result["session"]) == ("scrapped", "voided", "released")
    assert_clean_end(station, result)


def test_script_whose_proof_the_operator_rejects_is_r710_and_scrapped(station: Station) -> None:
    """One command inside the packet fails: the card says so in its receipt, and only the operator can read it."""
    iccid = station.fresh_card(USIM, mode="script", smsp=40)
    result = begin(station).result()
    assert result["outcome"] == "R710"
    assert books(station, iccid, result["session"]) == ("scrapped", "answered", "failed")
    assert_clean_end(station, result)


def test_relay_whose_channel_the_operator_gives_up_is_r710_and_scrapped(station: Station) -> None:
    iccid = station.fresh_card(USIM, mode="relay", mac="00" * 16)
    result = begin(station).result()
    assert result["outcome"] == "R710"
    assert books(station, iccid, result["session"]) == ("scrapped", "answered", "failed")
    assert_clean_end(station, result)


def test_unlock_with_a_wrong_code_is_r708_and_writes_nothing(station: Station) -> None:
    station.fresh_card(UNLOCKABLE, mode="unlock", unlock="00" * 16)
    result = begin(station).result()
    assert result["outcome"] == "R708"
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)


# ---- the operator is not there


@pytest.mark.parametrize(
    ("fault", "outcome"), [({"do": "hangup", "times": 0}, "R801"), ({"do": "status", "status": 409, "code": "INCOMPATIBLE_STATE"}, "R802")]
)
def test_operator_that_gives_no_code_leaves_the_card_untouched(station: Station, fault: dict[str, Any], outcome: str) -> None:
    iccid = station.fresh_card(UNLOCKABLE, mode="unlock")
    station.fault("backend", at="unlock", **fault)
    result = begin(station).result()
    assert result["outcome"] == outcome
    assert station.device("sim_card", "state")["updates"] == 0
    assert books(station, iccid, result["session"]) == ("blank", "cancelled", "released")
    assert_clean_end(station, result)


@pytest.mark.parametrize(("mode", "at"), [("unlock", "unlock_done"), ("relay", "relay_done#2")])
def test_answer_of_the_operator_lost_on_the_way_is_asked_for_again(station: Station, mode: str, at: str) -> None:
    station.fresh_card(CARDS[mode], mode=mode)
    station.fault("backend", at=at, do="hangup")
    result = begin(station).result()
    assert result["outcome"] == "ACTIVE"
    assert_clean_end(station, result)


@pytest.mark.parametrize(("at", "outcome", "card"), [("relay#1", "R802", "blank"), ("relay#3", "R708", "scrapped")])
def test_operator_that_leaves_a_relay_voids_only_a_card_it_spoke_to(station: Station, at: str, outcome: str, card: str) -> None:
    iccid = station.fresh_card(USIM, mode="relay")
    station.fault("backend", at=at, do="status", status=409, code="INCOMPATIBLE_STATE")
    result = begin(station).result()
    assert result["outcome"] == outcome
    assert books(station, iccid, result["session"])[0] == card
    assert_clean_end(station, result)


# ---- cut in the middle


def held_in_the_write(station: Station, nth: int) -> Screen:
    """Run a session until the card has the ``nth`` command of the write in hand."""
    station.fault("backend", at="approve_done", do="hold")
    screen = begin(station)
    assert station.device("backend", "wait_held", timeout=20)["held"]
    station.fault("sim_card", at="apdu", do="hold", times=0)
    station.device("backend", "release")
    while nth:
        assert station.device("sim_card", "wait_held", timeout=20)["held"]
        nth -= screen.step() == "write"
        if nth:
            station.device("sim_card", "release")
    return screen


def cut_power(station: Station) -> None:
    """Kill the terminal and its workers in one moment, and let the card answer again as it should."""
    if station.terminal is None:
        raise AssertionError("no terminal runs")
    pid = station.terminal.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    station.stop(signal.SIGKILL)
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(int(worker), signal.SIGKILL)
    station.device("sim_card", "clear_faults")


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "nth"), [("script", 3), ("relay", 4), ("unlock", 4)])
def test_terminal_killed_in_the_middle_voids_the_card_and_sends_nothing_again(station: Station, mode: str, nth: int) -> None:
    iccid = station.fresh_card(CARDS[mode], mode=mode)
    screen = held_in_the_write(station, nth)
    session = screen.session()
    assert session is not None
    cut_power(station)
    before = station.device("sim_card", "state")
    result = station.start().result()
    after = station.device("sim_card", "state")
    assert (result["session"], result["outcome"]) == (session, "R711")
    assert after["updates"] == before["updates"]
    if mode != "unlock":  # there the card is read back, and found incomplete
        assert after["apdus"] - before["apdus"] <= 1  # the one that was held
    assert books(station, iccid, session) == ("scrapped", "voided", "released")
    assert_clean_end(station, result)


@pytest.mark.slow
def test_sim_worker_killed_in_a_script_voids_the_card(station: Station) -> None:
    iccid = station.fresh_card(USIM, mode="script")
    screen = held_in_the_write(station, 4)
    station.kill_worker("sim_card")
    station.device("sim_card", "clear_faults")
    result = screen.result()
    assert result["outcome"] == "R711"
    assert books(station, iccid, result["session"]) == ("scrapped", "voided", "released")
    assert_clean_end(station, result)
