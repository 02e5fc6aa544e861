# SPDX-License-Identifier: Apache-2.0
"""What every family of readers does, whatever it speaks. A new one is a row in ``FAMILIES`` of the bench and is tested here unasked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, HalError, LinkClosed
from hal.id_reader.errors import CardLifted, FrameError, NoCard
from hal.id_reader.families import Place
from simulators.personas import PERSONAS, photo_block, text_block
from tests.support.reader_bench import FAMILIES, FamilyRow, ServiceBench, assert_is, present, starter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.id_reader.driver import IdReader
    from hal.id_reader.watching import Seen


@pytest.fixture(scope="module", params=FAMILIES)
def row(request: pytest.FixtureRequest) -> FamilyRow:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def started(row: FamilyRow) -> Iterator[ServiceBench]:
    benches = starter(row.bench)
    yield next(benches)()
    next(benches, None)


@pytest.fixture
def bench(started: ServiceBench) -> ServiceBench:
    """One reader for all tests of a family; each begins with an empty field that was seen empty."""
    started.simulator.control("clear_faults")
    started.simulator.control("remove")
    while not started.op("card_gone")["gone"]:
        pass  # the reader's own pace; the test's time limit ends it
    return started


def test_open_says_who_the_reader_is_and_at_which_rate(bench: ServiceBench) -> None:
    told = bench.op("open")
    assert told.keys() == {"sam_id", "status", "baud"}
    assert len(bytes.fromhex(told["sam_id"])) in {0, 16}


@pytest.mark.parametrize("key", ["zhang", "rare_name", "residence_permit", "foreigner_2017", "foreigner_2023", "moved"])
def test_card_is_read_byte_for_byte(bench: ServiceBench, row: FamilyRow, key: str) -> None:
    bench.insert(key)
    reading = present(bench)
    if row.appends:
        assert_is(reading, key)
    assert (reading["text"], reading["photo"]) == (text_block(PERSONAS[key]).hex(), photo_block(PERSONAS[key]).hex())
    assert (reading["appended"] is not None) == (row.appends and bool(PERSONAS[key].appended))


def test_one_presentation_is_one_event_and_lifting_is_noticed(bench: ServiceBench) -> None:
    with pytest.raises(DeadlinePassed):
        bench.op("await_card", 0.2)
    bench.insert("li")
    present(bench)
    assert bench.op("card_gone") == {"gone": False}
    with pytest.raises(DeadlinePassed) as still:
        bench.op("await_card", 0.3)
    assert still.value.data == {"left": True}
    bench.simulator.control("remove")
    while not bench.op("card_gone")["gone"]:
        pass
    bench.insert("zhang")
    assert present(bench)["text"] == text_block(PERSONAS["zhang"]).hex()


def test_reading_without_a_card_asks_for_one(bench: ServiceBench) -> None:
    with pytest.raises(NoCard):
        bench.op("read")


def test_card_lifted_in_the_middle_is_its_own_error_and_the_next_one_is_read(bench: ServiceBench, row: FamilyRow) -> None:
    bench.insert("li")
    bench.op("await_card")
    bench.fault(row.in_the_middle, "lifted")
    with pytest.raises(CardLifted):
        bench.op("read")
    bench.insert("zhang")
    assert present(bench)["text"] == text_block(PERSONAS["zhang"]).hex()


def test_reading_with_a_piece_missing_is_repeated_once_and_then_given_up(bench: ServiceBench, row: FamilyRow) -> None:
    bench.insert("zhang")
    bench.op("await_card")
    bench.fault(row.in_the_middle, "short")
    assert bench.op("read")["photo"] == photo_block(PERSONAS["zhang"]).hex()
    bench.insert("li")
    bench.op("await_card")
    bench.fault(row.in_the_middle, "short", times=0)
    with pytest.raises((FrameError, DeadlinePassed)):
        bench.op("read", 2)


def test_reset_finds_the_card_that_lies_there_anew(bench: ServiceBench) -> None:
    bench.insert("li")
    present(bench)
    bench.op("reset")
    assert present(bench)["text"] == text_block(PERSONAS["li"]).hex()


def test_cable_pulled_is_link_closed_and_put_back_it_works(bench: ServiceBench) -> None:
    bench.op("open")
    bench.unplug()
    with pytest.raises(LinkClosed):
        bench.op("await_card", 5)
    bench.plug()
    bench.insert("zhang")
    while True:
        with contextlib.suppress(HalError):
            assert present(bench)["text"] == text_block(PERSONAS["zhang"]).hex()
            return


class Witness:
    """Keeps all it is told."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def saw(self, seen: Seen) -> None:
        self.seen.append(seen)


def test_onlooker_is_told_of_every_exchange_and_of_no_byte_of_the_card(bench: ServiceBench) -> None:
    bench.insert("canary")
    bench.service.close()
    witness, deadline = Witness(), Deadline.after(10)
    reader: IdReader = Place.of(bench.table).connect(watcher=witness)
    try:
        reader.start(deadline)
        reader.await_card(deadline)
        reader.spent()
        before = len(witness.seen)
        reader.read(deadline)
        assert reader.spent().frames == 2 * (len(witness.seen) - before)
    finally:
        reader.close()
    told = b"".join(seen.sent + seen.answer for seen in witness.seen)
    card = text_block(PERSONAS["canary"]) + photo_block(PERSONAS["canary"])
    assert [at for at in range(len(card) - 4) if card[at : at + 4] in told and card[at : at + 4] != b" \0 \0"] == []
    assert sum(seen.left_out for seen in witness.seen) > 1280


def test_family_is_named_by_exactly_one_place(bench: ServiceBench, row: FamilyRow) -> None:
    family = next(name for name, one in FAMILIES.items() if one is row)
    assert Place.of(bench.table).family.name == family
    for wrong in ({}, {"port": "a", "usb": "b"}, {"port": "a", "pcsc": "b"}):
        with pytest.raises(ValueError, match="exactly one"):
            Place.of(wrong)
