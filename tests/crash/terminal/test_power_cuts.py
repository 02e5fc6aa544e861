# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the real terminal process at every journal row and at every APDU, enumerated; then it starts again and the world is checked.

The expectation for each row is the rule of :func:`firmware.core.session.resume`, written out here a second time.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firmware.core import events
from firmware.journal import Journal, Spend
from firmware.keystore import SealBroken
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from tests.support.station import Station

CUT = str(Path(__file__).with_name("cut_terminal.py"))

ROWS = (
    "opened", "notice", "document", "check", "portrait", "agreement", "confirm", "card", "record-signed", "approved",
    "card-rechecked", "written", "read-back", "acknowledged", "receipt-done", "erased",
)  # fmt: skip
"""The rows of a good session, in order; row numbers count from 1."""


def expected(when: str, row: int) -> str | None:
    """Return the outcome after a cut before or after row ``row`` became durable; ``None`` when no session began."""
    durable = row if when == "after" else row - 1
    if durable == 0:
        return None
    if durable == len(ROWS):
        return "ACTIVE"
    if durable <= ROWS.index("card") + 1:
        return "R803"
    if (when, ROWS[row - 1]) == ("after", "card-rechecked"):
        return "R711"  # the write had begun for the journal, the card was not touched: it is scrapped all the same
    return "ACTIVE"


def run_until_cut(station: Station, cut: str, *, customer: bool = True) -> str | None:
    """Run the cut terminal until its power is gone; returns the session it was in."""
    screen = station.start(CUT, "--cut", cut)
    if customer:
        screen.ready()
        station.device("desk", "start")
    if station.terminal is None:
        raise AssertionError("the terminal was never started")
    assert station.terminal.wait(40) == -signal.SIGKILL
    station.terminal = None
    return screen.session()


def finish(station: Station, session: str | None, outcome: str | None) -> None:
    """Start the shipped terminal, let it recover, and check how the session ended; no outcome: there was no session."""
    screen = station.start()
    screen.ready()
    session = session or screen.session()
    if outcome is None:
        assert session is None
        return
    assert session is not None
    assert_clean_end(station, {"session": session, "outcome": outcome})


@pytest.mark.clause("T-12", "GA-21")
@pytest.mark.slow
@pytest.mark.parametrize("row", range(1, len(ROWS) + 1), ids=ROWS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_at_row_ends_by_the_rule(station: Station, when: str, row: int) -> None:
    session = run_until_cut(station, f"{when}:{row}")
    finish(station, session, expected(when, row))


@pytest.mark.clause("T-6", "DS-21")
@pytest.mark.slow
@pytest.mark.parametrize("used", ["approval", "nonce", "record"])
def test_approval_spent_before_is_r706_and_writes_nothing(station: Station, used: str) -> None:
    """The terminal is cut before the write, and finds that the journal has seen this approval, nonce or record spent."""
    session = run_until_cut(station, "before:11")
    spend_elsewhere(station, bytes.fromhex(session or ""), used)
    screen = station.start()
    result = screen.result()
    assert result["outcome"] == "R706"
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)


def test_case_opened_while_the_power_was_off_is_r506_and_writes_nothing(station: Station) -> None:
    """The terminal is cut when it holds an approval; started again it has no keys to go on with, and does not touch the card."""
    session = run_until_cut(station, "after:10")
    try:
        station.device("controller", "tamper", open=True)
        screen = station.start()
        assert screen.wait("view", state="out_of_service")["code"] == "R506"
        assert station.device("sim_card", "state")["updates"] == 0
        assert station.stop() == 0
        with pytest.raises(SealBroken):
            station.store_key()
    finally:
        station.replace_controller()
    finish(station, session, "ACTIVE")  # the simulated one has the same secret: the terminal never lost what it had


SCRIPT_CUTS = {
    ("after", "card-rechecked"): "R711",
    ("before", "written"): "R711",
    ("after", "written"): "ACTIVE",
    ("before", "acknowledged"): "ACTIVE",
}
"""Cut → outcome of a session in mode script: only what the card said before the cut, and what was kept of it, can prove the card."""


@pytest.mark.slow
@pytest.mark.parametrize(("when", "row"), SCRIPT_CUTS, ids="-".join)
def test_cut_at_row_of_a_script_ends_by_the_rule(station: Station, when: str, row: str) -> None:
    """ACTIVE here means that the operator was given the card's answers byte for byte: it takes no other."""
    iccid = station.fresh_card(mode="script")
    session = run_until_cut(station, f"{when}:{ROWS.index(row) + 1}")
    sent = station.device("sim_card", "state")["apdus"]
    outcome = SCRIPT_CUTS[when, row]
    finish(station, session, outcome)
    if outcome == "R711":
        assert station.device("sim_card", "state")["apdus"] == sent  # a script that was begun is not begun again
    books = next(row["state"] for row in station.operator()["blanks"] if row["iccid"] == iccid)
    assert books == ("used" if outcome == "ACTIVE" else "scrapped")


def spend_elsewhere(station: Station, session: bytes, used: str) -> None:
    """Spend one of the identities of the approval of ``session`` under another session."""
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        history = [events.decode(row.kind, row.payload) for row in journal.rows(session)]
        approved = next(event for event in history if isinstance(event, events.Approved))
        identities = {"approval_id": os.urandom(16), "nonce": os.urandom(16), "record": os.urandom(32)}
        known = {"approval": ("approval_id", approved.approval), "nonce": ("nonce", approved.nonce), "record": ("record", approved.record)}
        name, value = known[used]
        identities[name] = value
        journal.append(os.urandom(16), "erased", b"\x81\x00", spend=Spend(**identities), close=True)


SECOND = [f"{when}:{row}" for row in range(1, 5) for when in ("before", "after")]


def expected_twice(first: str, second: str) -> str:
    """Return the outcome when the recovery from ``first`` is cut at its own row ``second``."""
    if first == "after:11" or (first, second) == ("after:9", "after:3"):
        return "R711"  # the write had begun for the journal, and nothing was on the card
    return "ACTIVE"


@pytest.mark.slow
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", ["after:9", "after:11", "before:12"])
def test_second_cut_during_recovery_ends_by_the_rule(station: Station, first: str, second: str) -> None:
    session = run_until_cut(station, first)
    run_until_cut(station, second, customer=False)
    finish(station, session, expected_twice(first, second))


def card_is_complete(station: Station) -> bool:
    """Return whether the card in the slot carries the newest number's IMSI, which is written last of all files."""
    number = station.operator()["numbers"][-1]
    digits = str(number["imsi"])
    swapped = ("9" if len(digits) % 2 else "1") + digits + ("" if len(digits) % 2 else "f")
    imsi = "08" + "".join(swapped[i + 1] + swapped[i] for i in range(0, len(swapped), 2))
    return bool(station.device("sim_card", "read_file", path="ADF.USIM/IMSI")["content"] == imsi)


@pytest.fixture(scope="module")
def apdus(cut_station: Station) -> int:
    """Return how many APDUs one undisturbed activation takes that meets the card's model for the first time."""
    station = cut_station
    station.clear()
    station.forget_numbers()
    station.fresh_card()
    station.forget_layouts()
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    assert screen.result()["outcome"] == "ACTIVE"
    station.stop()
    return int(station.device("sim_card", "state")["apdus"])


PARTS = 8


@pytest.mark.clause("T-12", "GA-21")
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_cut_at_every_apdu_ends_complete_or_scrapped(apdus: int, station: Station, part: int) -> None:
    """The terminal is killed while APDU n waits for its answer, for every n of a session (every eighth here, eight parts)."""
    assert apdus > PARTS
    for number in range(1 + part, apdus + 1, PARTS):
        cut_at_apdu(station, number)
        station.clear()
        station.forget_numbers()
        station.fresh_card()


def cut_at_apdu(station: Station, number: int) -> None:
    """Kill the terminal in the middle of APDU ``number`` and check the end against what the card holds."""
    station.forget_layouts()
    station.fault("sim_card", at=f"apdu#{number}", do="hold")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    assert station.device("sim_card", "wait_held", timeout=30)["held"], f"APDU {number} never came"
    updates = station.device("sim_card", "state")["updates"]
    reached = screen.step()
    station.stop(signal.SIGKILL)
    station.device("sim_card", "release")
    station.start().ready()  # the card may still finish the command it had: judge it after the recovery, which writes nothing
    assert_clean_end(station, {"session": screen.session(), "outcome": expected_at(station, reached, updates)})


def expected_at(station: Station, step: str, updates: int) -> str:
    """Return the outcome for a cut in ``step`` after ``updates`` updates, given what the card holds now."""
    if step == "card":
        assert updates == 0
        return "R803"
    if step in {"write", "verify"}:
        return "ACTIVE" if card_is_complete(station) else "R711"
    assert updates == 0
    return "ACTIVE"
