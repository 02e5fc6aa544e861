# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault matrix in whole sessions of one terminal that is never started again: the code on the screen, the operator's books.

Every session ends with the code and the books of its row; the last one of all is an activation by the same process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.sim_card import fault_matrix as matrix
from tests.crash.sim_card.fault_matrix import MATRIX, STEPS, Row
from tests.support.station import Screen, Station
from tests.support.truth import assert_clean_end, check_operator, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_S = 1.5
ROWS = {row.id: row for row in MATRIX}
CASES: tuple[tuple[str, str, int], ...] = (
    ("pulled-before-identify", "card", 2),
    ("reader-hangs-identify", "card", 1),
    ("memory-6581-identify", "card", 1),
    ("mute-identify", "card", 1),
    ("pulled-during-identify", "recheck", 2),
    ("reader-hangs-identify", "recheck", 2),
    ("service-restarted-identify", "recheck", 1),
    ("worker-killed-identify", "recheck", 1),
    ("pulled-before-write", "write", 1),
    ("pulled-after-write", "write", 9),
    ("torn-write", "write", 5),
    ("reader-hangs-write", "write", 3),
    ("service-restarted-write", "write", 3),
    ("service-down-write", "write", 6),
    ("worker-killed-write", "write", 2),
    ("swapped-during-write", "write", 5),
    ("refused-6A84-write", "write", 7),
    ("key-wrong-write", "write", 1),
    ("key-last-try-write", "write", 1),
    ("key-untold-write", "write", 1),
    ("pulled-during-read_back", "verify", 3),
    ("service-restarted-read_back", "verify", 2),
    ("memory-6581-read_back", "verify", 5),
    ("done-9110-write", "write", 1),
)
"""Row, step of the session, number of the command (step ``write``: of the update)."""


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    station = Station("--option", "id_reader=--no-pace")
    try:
        text = station.terminal_toml.read_text("utf-8").replace("[sim_card]\n", f"[sim_card]\nanswer_s = {ANSWER_S}\n")
        station.terminal_toml.write_text(f"{text}\n[patience]\nperson_s = 20\n", "utf-8")
        station.provision()
        yield Counter(station)
    finally:
        station.close()


class Counter:
    """A station whose terminal runs on from case to case."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.screen: Screen = station.start()
        self.screen.ready()
        self.scrapped: list[str] = []
        self.updates = 0
        self._good_session()

    def _good_session(self) -> None:
        """Activate one card, and learn how many updates that takes."""
        self.station.fresh_card()
        assert self.run()["outcome"] == "ACTIVE"
        self.updates = self.state()["updates"]

    def run(self) -> dict[str, Any]:
        self.station.device("desk", "start")
        return self.end()

    def end(self) -> dict[str, Any]:
        result = self.screen.result()
        self.screen.ready()
        return result

    def state(self) -> dict[str, Any]:
        return self.station.device("sim_card", "state")

    def held(self, event: str) -> None:
        """Wait until the card holds an event of this name; the one held before may still be on its way out."""
        end = time.monotonic() + 15
        while self.station.device("sim_card", "wait_held", timeout=10)["held"] != event:
            assert time.monotonic() < end, f"no {event} was held"

    # ---- one case

    def case(self, row: Row, step: str, point: int) -> tuple[dict[str, Any], str]:
        """Run a session with the fault of ``row``; returns its result and the ICCID of its card."""
        station = self.station
        station.clear()
        station.forget_numbers()
        iccid = station.fresh_card() if row.before != "wrong key" else self._card_of_another_key()
        if step == "card":
            self._plan(row, "apdu", point)
            station.device("desk", "start")
        else:
            station.fault("backend", at="approve", do="hold")
            station.device("desk", "start")
            assert station.device("backend", "wait_held", timeout=20)["held"]
            station.device("sim_card", "clear_faults")
            before = self.state()["apdus"]
            if step == "verify":
                station.fault("sim_card", at=f"update#{self.updates}", do="hold")
            else:
                self._plan(row, "update" if step == "write" and row.at == "apdu" else row.at, point)
            station.device("backend", "release")
            if step == "verify":
                self.held("update")
                self._plan(row, "apdu", self.state()["apdus"] - before + 1 + point)
                station.device("sim_card", "release")
        if row.act:
            self._act(row.act, "update" if step == "write" else "apdu")
        return self.end(), iccid

    def _card_of_another_key(self) -> str:
        """Put in a blank whose key the operator does not have."""
        iccid = f"8986013{len(self.scrapped):012d}"
        self.station.device("sim_card", "insert", card="blank-usim", iccid=iccid)
        self.station.device("backend", "blank", iccid=iccid, adm="00" * 8)
        return iccid

    def _plan(self, row: Row, at: str, point: int) -> None:
        if row.before == "mute":
            self.station.device("sim_card", "remove")
            self.station.fault("sim_card", at="atr", do="noise", hex="00", times=0)
            self.station.device("sim_card", "insert")
        elif row.before == "last try":
            self.station.fault("sim_card", at="verify#1", do="sw", sw="63C1")
        elif row.do:
            endless = row.do.get("times") == 0
            self.station.fault("sim_card", at=at if endless else f"{at}#{point}", **row.do)

    def _act(self, act: str, event: str) -> None:
        station = self.station
        self.held(event)
        match act:
            case "pull":
                station.device("sim_card", "remove")
            case "swap":
                station.device("sim_card", "insert", card="blank-usim-2")
            case "restart" | "down":
                station.device("pcscd", act)
            case "kill":
                station.kill_worker("sim_card")
        station.device("sim_card", "release")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_card_faults_in_sessions_end_with_their_code_and_books_and_the_terminal_goes_on(counter: Counter) -> None:
    station, wrong = counter.station, []
    for name, step, point in CASES:
        row = ROWS[name]
        code = row.codes[STEPS[row.op].index(step)]
        result, iccid = counter.case(row, step, point)
        if row.act == "down":
            station.device("pcscd", "up")
        wrong += judge(counter, row, step, code, result, iccid)
    assert wrong == []
    station.clear()
    station.forget_numbers()
    station.fresh_card()
    last = counter.run()
    assert last["outcome"] == "ACTIVE"
    books = station.operator()
    assert sorted(blank["iccid"] for blank in books["blanks"] if blank["state"] == "scrapped") == sorted(counter.scrapped)
    assert station.terminal is not None
    assert station.terminal.poll() is None
    assert_clean_end(station, last)


def judge(counter: Counter, row: Row, step: str, code: str, result: dict[str, Any], iccid: str) -> list[str]:
    """Return what is wrong with the end of one session."""
    station, case = counter.station, f"{row.id} in {step}"
    wait_until_settled(station, result["session"])
    books = station.operator()
    check_operator(books, result["session"], result["outcome"])
    blank = next(one["state"] for one in books["blanks"] if one["iccid"] == iccid)
    expected = {matrix.STOCK: "blank", matrix.SCRAPPED: "scrapped", matrix.USED: "used"}[row.books]
    if expected == "scrapped":
        counter.scrapped.append(iccid)
    wrong = []
    if result["outcome"] != code:
        wrong.append(f"{case}: {result['outcome']}, not {code}")
    if blank != expected:
        wrong.append(f"{case}: the operator has the card as {blank}, not {expected}")
    if row.act == "swap" and counter.state()["updates"]:
        wrong.append(f"{case}: the other card was written")
    return wrong
