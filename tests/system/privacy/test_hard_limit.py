# SPDX-License-Identifier: Apache-2.0
"""Personal data on a real terminal at the hard limit: gone from every file, the session ended, the operator told (DS-08, RC-1).

Time passes by what the journal notes of it: an age is written as the terminal itself would have written it before the power went.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from firmware.core import events
from firmware.core.retention import Age
from firmware.core.session import fold
from firmware.core.states import Advising, Closed, State
from firmware.journal import ItemGone, Journal
from firmware.runtime.clock import Clock
from tests.crash.terminal.test_power_cuts import ROWS, run_until_cut
from tests.support import canary
from tests.support.truth import PERSONAL, check_operator, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Station

DAY_S, HOUR_MS = 86_400, 3_600_000
OTHER_BOOT = b"before the power"


@contextmanager
def journal_of(station: Station) -> Iterator[Journal]:
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        yield journal


def off_for(station: Station, seconds: int) -> None:
    """Make the open session one that was last seen ``seconds`` ago, in another boot."""
    note(station, Age(0, int(time.time()) - seconds, OTHER_BOOT, 1000, crossed=False))


def lived(station: Station, but_for_s: int) -> None:
    """Make the open session one that has all but ``but_for_s`` seconds of a day behind it, in this boot."""
    now = Clock(0).now()
    note(station, Age(24 * HOUR_MS - but_for_s * 1000, now.at, now.boot_id, now.boot_ms, crossed=False))


def note(station: Station, age: Age) -> None:
    with journal_of(station) as journal:
        (session,) = journal.open_sessions()
        journal.note_ages({session: age})


def state_of(station: Station, session: str) -> State:
    """Return where a session stands and assert that it holds nothing of a person."""
    identity = bytes.fromhex(session)
    with journal_of(station) as journal:
        for name in (*PERSONAL, "biometric/live"):
            if name != "card_answers":
                with pytest.raises(ItemGone):
                    journal.item(identity, name)
        return fold(tuple(events.decode(row.kind, row.payload) for row in journal.rows(identity))).state


ENDS = {"record-signed": "R511", "card-rechecked": "R711", "read-back": "R710"}
"""Last row before the power went → how the session ends a day later. Every state: tests/unit/retention."""


@pytest.mark.clause("DS-08", "RC-1", "TB-20")
@pytest.mark.slow
@pytest.mark.parametrize("row", ENDS)
def test_terminal_off_past_the_limit_erases_at_its_start_before_anything_else(station: Station, row: str) -> None:
    """It cannot even reach its devices: the controller is gone, and the reader and the operator do not answer."""
    session = run_until_cut(station, f"after:{ROWS.index(row) + 1}") or ""
    off_for(station, DAY_S + 60)
    for endpoint in ("any", "any_done"):
        station.fault("backend", at=endpoint, do="status", status=503, code="OUT_OF_ORDER", count=1000)
    screen = station.start()
    screen.wait("view", state="starting")  # the first thing shown, and the data is gone by then
    station.stop(signal.SIGKILL)
    state = state_of(station, session)
    assert isinstance(state, Advising)
    assert state.outcome == ENDS[row]
    assert canary.in_files(station) == {}
    station.clear()
    screen = station.start()
    screen.ready()
    wait_until_settled(station, session)
    assert station.stop() == 0
    final = state_of(station, session)
    assert final == Closed(ENDS[row])
    check_operator(station.operator(), session, "ACTIVE" if ENDS[row] == "R710" else ENDS[row])


@pytest.mark.slow
def test_terminal_off_for_less_than_the_limit_carries_the_session_on(station: Station) -> None:
    session = run_until_cut(station, f"after:{ROWS.index('record-signed') + 1}")
    off_for(station, DAY_S - 600)
    assert station.start().result() | {"session": session, "outcome": "ACTIVE"} == station.screen.last("result")  # type: ignore[union-attr]  # just started


@pytest.mark.clause("DS-08", "RC-1")
@pytest.mark.slow
def test_limit_reached_while_the_operator_is_silent_ends_the_running_session(station: Station) -> None:
    session = run_until_cut(station, f"after:{ROWS.index('record-signed') + 1}")
    lived(station, 10)
    station.fault("backend", at="approve", do="hold")
    screen = station.start()
    result = screen.result()
    station.device("backend", "clear_faults")
    assert (result["session"], result["outcome"]) == (session, "R511")
    screen.ready()
    wait_until_settled(station, result["session"])
    assert canary.in_files(station) == {}
    assert canary.in_memory(station) == {}
    assert station.stop() == 0
    assert state_of(station, result["session"]) == Closed("R511")
    assert station.device("sim_card", "state")["updates"] == 0
    check_operator(station.operator(), result["session"], "R511")


@pytest.mark.clause("TB-20", "DS-08")
@pytest.mark.slow
def test_end_that_the_operator_does_not_hear_of_for_a_day_stops_new_work_until_it_does(station: Station) -> None:
    """TB-20: too old is R511, and handing over is what opens the counter again."""
    station.device("backend", "refuse", code="R404")
    station.fault("backend", at="result", do="status", status=503, code="OUT_OF_ORDER", count=1000)
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    result: dict[str, Any] = screen.result()
    assert result["outcome"] == "R404"
    station.stop(signal.SIGKILL)
    assert isinstance(state_of(station, result["session"]), Advising)
    off_for(station, DAY_S + 60)
    screen = station.start()
    assert screen.wait("view", state="out_of_service")["code"] == "R511"
    station.device("backend", "clear_faults")
    screen.ready()
    assert station.stop() == 0
    assert state_of(station, result["session"]) == Closed("R404")


@pytest.mark.clause("DS-07")
@pytest.mark.slow
def test_receipt_that_does_not_get_printed_does_not_delay_the_erasing(station: Station) -> None:
    """DS-07: what follows the acknowledgement is bounded by ``after_ack_s``, and a restart prints nothing any more."""
    before = len(station.device("printer", "receipts")["receipts"])
    session = run_until_cut(station, f"after:{ROWS.index('acknowledged') + 1}") or ""
    screen = station.start()
    screen.ready()
    assert station.stop() == 0
    assert state_of(station, session) == Closed("ACTIVE")
    assert len(station.device("printer", "receipts")["receipts"]) == before
