# SPDX-License-Identifier: Apache-2.0
"""Which rung may be taken for which fault."""

from hal.id_reader.ladder import Ladder, Rung


def test_rungs_have_the_order_of_the_sheet() -> None:
    assert list(Rung) == ["find", "reset", "reopen", "power_cycle"]


def test_rung_is_taken_once_for_one_fault_and_again_for_the_next() -> None:
    ladder = Ladder()
    ladder.silent("find")
    assert [ladder.take(Rung.FIND), ladder.take(Rung.RESET), ladder.take(Rung.FIND), ladder.take(Rung.RESET)] == [True, True, False, False]
    ladder.answered("find")
    assert ladder.fault == ""
    assert ladder.take(Rung.FIND)
    assert ladder.taken == {"find": 2, "reset": 1}
    assert ladder.helped == {"reset": 1}


def test_answer_to_something_else_ends_no_fault() -> None:
    ladder = Ladder()
    ladder.silent("read")
    ladder.silent("find")
    assert ladder.fault == "read"
    assert ladder.take(Rung.REOPEN)
    for other in ("find", "status"):
        ladder.answered(other)
    assert not ladder.take(Rung.REOPEN)
    ladder.answered("read")
    assert ladder.take(Rung.REOPEN)


def test_card_that_was_read_ends_every_fault() -> None:
    ladder = Ladder()
    ladder.silent("status")
    assert ladder.take(Rung.POWER)
    ladder.answered("read")
    assert (ladder.fault, ladder.helped) == ("", {"power_cycle": 1})


def test_reader_plugged_in_anew_has_no_fault_and_helped_nobody() -> None:
    ladder = Ladder()
    ladder.silent("find")
    assert ladder.take(Rung.RESET)
    ladder.forget()
    assert ladder.take(Rung.RESET)
    ladder.answered("find")
    assert ladder.helped == {}


def test_reader_that_is_well_has_nothing_to_end() -> None:
    ladder = Ladder()
    ladder.answered("read")
    assert (ladder.taken, ladder.helped) == ({}, {})
