# SPDX-License-Identifier: Apache-2.0
"""How ``rnt card`` ends on each failure of the driver, and that a hanging reader cannot hold it."""

import threading

import pytest

from hal.deadline import Deadline
from hal.errors import HalError
from hal.sim_card import errors
from host_tools.rnt.card.refusals import REFUSALS, apart, stopped
from host_tools.rnt.outcome import RETRYABLE, ExitCode, Stopped

KINDS = sorted({kind.kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HalError)} - {"hal"})


def error(kind: str, **data: int | str) -> HalError:
    found = HalError("", **data)
    found.kind = kind  # type: ignore[misc]  # stands for the class of that kind
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_the_driver_has_a_sentence_and_a_next_step(kind: str) -> None:
    assert kind in REFUSALS
    stop = stopped(error(kind, item="IMSI", left=1, sw=0x6581), updates=0)
    assert stop.message
    assert stop.hint
    assert "?" not in stop.message
    assert stop.message.endswith("Nothing was written.")


@pytest.mark.parametrize("kind", ["card_removed", "write_failed", "deadline", "card_defective", "protocol", "link_closed"])
def test_error_after_an_update_says_that_the_card_may_hold_a_part(kind: str) -> None:
    assert "may hold a part" in stopped(error(kind), updates=3).message


@pytest.mark.parametrize("kind", ["key_wrong", "key_blocked"])
def test_refused_key_means_that_nothing_was_written(kind: str) -> None:
    assert "Nothing was written" in stopped(error(kind, left=2), updates=0).message


def test_codes_are_those_of_the_contract() -> None:
    expected = {"no_card": ExitCode.NOT_FOUND, "link": ExitCode.BUSY, "not_blank": ExitCode.UNSAFE, "card_changed": ExitCode.UNSAFE}
    assert {kind: stopped(error(kind)).code for kind in expected} == expected
    assert stopped(error("link")).code in RETRYABLE
    assert stopped(error("something_new")).code is ExitCode.FAILED


def test_status_word_is_told_in_hex() -> None:
    assert "6581" in stopped(error("card_defective", sw=0x6581)).message


def test_work_apart_returns_and_raises_as_if_here() -> None:
    assert apart(lambda: 7, Deadline.after(10)) == 7
    with pytest.raises(HalError):
        apart(lambda: (_ for _ in ()).throw(HalError("x")), Deadline.after(10))


def test_work_that_hangs_is_left_and_told_as_busy() -> None:
    release = threading.Event()
    with pytest.raises(Stopped) as caught:
        apart(lambda: release.wait(20), Deadline.after(0.05))
    release.set()
    assert caught.value.code is ExitCode.BUSY
