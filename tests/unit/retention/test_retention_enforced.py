# SPDX-License-Identifier: Apache-2.0
"""What a start and the watch do to sessions past the limit, on a real journal: erased, ended with the right code, still to be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware.core import events, states
from firmware.core.mode import Mode
from firmware.core.retention import Age
from firmware.core.session import CARD_ANSWERS, fold, step
from firmware.journal import ItemGone, Journal, Spend
from firmware.runtime import retention
from firmware.runtime.clock import Moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORE_KEY = bytes(range(32))
A, B = b"a" * 16, b"b" * 16
HOUR, DAY = 3600, 86_400
AT = 1_900_000_000
BOOT, NEXT = b"1" * 16, b"2" * 16
RECORD, NONCE, CARD, DATA, APPROVAL, ANSWERS = (bytes([i]) * n for i, n in ((1, 32), (2, 16), (3, 32), (5, 32), (6, 16), (8, 32)))
HISTORY: tuple[events.Event, ...] = (
    events.Opened(AT, BOOT, 1000, "RNT-000001", "T01", ("card",)),
    events.CardIdentified(CARD),
    events.RecordSigned(AT + 10, BOOT, 5000, RECORD, NONCE, 1),
    events.Approved(APPROVAL, RECORD, NONCE, "RNT-000001", CARD, Mode.SCRIPT, DATA, BOOT, 60_000),
    events.CardRechecked(BOOT, 6000, CARD),
    events.Written(30, ANSWERS),
    events.ReadBack(True, "89860012345678901234"),
    events.Acknowledged("active", b"\7" * 32),
)
ENDS: dict[int, tuple[str, str | None, bool]] = {
    1: ("R511", None, True),
    2: ("R511", None, True),
    3: ("R511", "cancelled", False),
    4: ("R511", "cancelled", False),
    5: ("R711", "voided", False),
    6: ("R711", "voided", False),
    7: ("R710", "answered", False),
    8: ("ACTIVE", None, True),
}
"""Rows durable → outcome, what the operator is told, whether that is the end."""
PERSONAL = b"personal" * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, STORE_KEY) as opened:
        yield opened


def write(journal: Journal, session: bytes, rows: int) -> None:
    """Write the first ``rows`` rows of a session, with a text and a picture, and what the card answered once it was written."""
    for number, event in enumerate(HISTORY[:rows], start=1):
        items = {"masked": PERSONAL, "biometric/live": PERSONAL} if number == min(rows, 3) else {}
        spend = None
        if isinstance(event, events.Written):
            items |= {CARD_ANSWERS: b"answers"}
        if isinstance(event, events.CardRechecked):
            spend = Spend(APPROVAL, NONCE, RECORD)
        journal.append(session, *events.encode(event), items=items, spend=spend)


def stands(journal: Journal, session: bytes) -> states.State:
    return fold(tuple(events.decode(row.kind, row.payload) for row in journal.rows(session))).state


def moment(seconds: int, *, boot: bytes = BOOT) -> Moment:
    return Moment(AT + seconds, boot, 1000 + seconds * 1000 if boot == BOOT else 5000)


def held(journal: Journal, session: bytes) -> list[str]:
    found = []
    for name in ("masked", "biometric/live", CARD_ANSWERS):
        try:
            journal.item(session, name)
        except ItemGone:
            continue
        found.append(name)
    return found


@pytest.mark.parametrize("rows", ENDS)
@pytest.mark.parametrize("off", [False, True], ids=["running", "power-off"])
def test_session_past_the_limit_is_erased_and_ends_with_its_code(journal: Journal, rows: int, off: bool) -> None:  # noqa: FBT001  # the parameter under test
    outcome, told, closed = ENDS[rows]
    write(journal, A, rows)
    boot = NEXT if off else BOOT
    assert retention.enforce(journal, moment(DAY - 1, boot=boot)) == {}
    assert held(journal, A)[:2] == ["masked", "biometric/live"]
    assert retention.enforce(journal, moment(DAY, boot=boot)) == {A: outcome}
    state = stands(journal, A)
    assert isinstance(state, states.Closed if closed else states.Advising)
    assert state.outcome == outcome
    assert (A in journal.open_sessions()) is not closed
    if isinstance(state, states.Advising):
        assert (state.advice.status, state.advice.record) == (told, RECORD)
        assert held(journal, A) == ([CARD_ANSWERS] if state.advice.answers else [])
        assert step(state, events.Acknowledged("released", b"")).close
    else:
        assert held(journal, A) == []
    assert retention.enforce(journal, moment(3 * DAY, boot=boot)) == {}


def test_row_of_the_end_says_nothing_of_the_person(journal: Journal) -> None:
    write(journal, A, 3)
    retention.enforce(journal, moment(DAY))
    assert journal.rows(A)[-1].kind == "expired"
    assert journal.rows(A)[-1].payload == events.encode(events.Expired(AT + DAY))[1]


@pytest.mark.parametrize("picture", [100, 60_000])
def test_bytes_at_the_hard_limit_are_in_no_file_any_more(path: Path, picture: int) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, *events.encode(HISTORY[0]), items={"masked": PERSONAL, "biometric/live": bytes(picture)})
        sealed = [
            blob[at : at + 16]
            for table, key in (("item", "session_key"), ("biometric", "biometric_key"))
            for row in journal._store.query(f"SELECT i.sealed, k.wrapped FROM {table} i JOIN {key} k USING (session)")  # noqa: S608  # tables of ours
            for blob in row
            for at in range(0, len(blob) - 15, 512)
        ]
        everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert sum(piece in everything for piece in sealed) >= 0.9 * len(sealed)
        assert PERSONAL not in everything
        retention.begin(journal, moment(2 * DAY, boot=NEXT))
        assert journal.open_sessions() == ()
        left = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert [piece for piece in sealed if piece in left] == []


def test_limit_of_a_pack_comes_sooner_and_none_comes_later(journal: Journal) -> None:
    write(journal, A, 3)
    assert retention.overdue(journal, moment(12 * HOUR), 12) == (A,)
    assert retention.overdue(journal, moment(12 * HOUR), 24) == ()
    assert retention.overdue(journal, moment(DAY), 48) == (A,)


def test_session_being_run_is_not_ended_behind_its_back(journal: Journal) -> None:
    write(journal, A, 3)
    journal.append(B, *events.encode(HISTORY[0]), items={"masked": PERSONAL})
    assert retention.enforce(journal, moment(DAY), running=A) == {B: "R511"}
    assert journal.holding() == (A,)


def test_life_is_carried_over_boots_by_what_was_noted(path: Path) -> None:
    """Twenty hours with power, noted; the clock of the next boot shows no time at all; four hours later the day is over."""
    with Journal.open(path, STORE_KEY) as journal:
        write(journal, A, 3)
        retention.note(journal, moment(20 * HOUR))
    with Journal.open(path, STORE_KEY) as journal:
        resumed = Moment(AT + 20 * HOUR, NEXT, 1000)
        retention.begin(journal, resumed)
        assert journal.noted_ages()[A] == Age((20 * HOUR + 1) * 1000, AT + 20 * HOUR + 1, NEXT, 1000, crossed=True)
        four_hours = 4 * HOUR * 1000
        assert retention.overdue(journal, Moment(AT + 20 * HOUR, NEXT, four_hours - 1), 24) == ()
        assert retention.overdue(journal, Moment(AT + 20 * HOUR, NEXT, four_hours), 24) == (A,)


def test_clock_set_back_while_the_power_was_off_erases_at_the_start(journal: Journal) -> None:
    write(journal, A, 3)
    retention.note(journal, moment(HOUR))
    retention.begin(journal, Moment(AT - DAY, NEXT, 2000))
    assert held(journal, A) == []
    assert stands(journal, A).outcome == "R511"  # type: ignore[union-attr]  # the state says so


def test_age_of_what_waits_for_the_operator_is_known_after_erasing(journal: Journal) -> None:
    write(journal, A, 3)
    retention.enforce(journal, moment(DAY))
    assert retention.ages(journal, moment(30 * HOUR))[A].lived_ms == 30 * HOUR * 1000
    assert journal.holding() == ()


def test_note_for_a_session_that_is_not_open_is_refused(journal: Journal) -> None:
    with pytest.raises(ValueError, match="not open"):
        journal.note_ages({A: Age(0, AT, BOOT, 0, crossed=False)})


def test_note_goes_with_the_session(journal: Journal) -> None:
    write(journal, A, 1)
    retention.note(journal, moment(HOUR))
    assert set(journal.noted_ages()) == {A}
    retention.enforce(journal, moment(DAY))
    assert journal.noted_ages() == {}
    assert journal._store.query("SELECT count(*) FROM age") == [(0,)]


def test_session_of_rows_this_software_does_not_know_is_left_alone(journal: Journal) -> None:
    journal.append(A, "of-another-software", b"", items={"masked": PERSONAL})
    write(journal, B, 3)
    retention.begin(journal, moment(2 * DAY))
    assert journal.holding() == (A,)
    assert journal.noted_ages().keys() == {B}


def test_erasing_needs_no_key_but_what_is_kept_waits_for_it(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        write(journal, A, 3)
        journal.append(B, *events.encode(HISTORY[0]))
        for event in HISTORY[1:4]:
            journal.append(B, *events.encode(event))
        journal.append(B, *events.encode(HISTORY[4]), spend=Spend(APPROVAL, NONCE, RECORD))
        journal.append(B, *events.encode(HISTORY[5]), items={CARD_ANSWERS: b"answers"})
    with Journal.open(path, None) as journal:
        assert retention.enforce(journal, moment(2 * DAY), keyless=True) == {A: "R511"}
    with Journal.open(path, STORE_KEY) as journal:
        assert held(journal, A) == []
        assert held(journal, B) == [CARD_ANSWERS]
        assert retention.enforce(journal, moment(2 * DAY)) == {B: "R711"}
        assert held(journal, B) == [CARD_ANSWERS]
