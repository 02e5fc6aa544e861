# SPDX-License-Identifier: Apache-2.0
"""The fault matrix, walked: every row at every place it names, through the worker process, a real pcscd and a card at the wire.

Each case ends in the one word of its row, with the card as the row says, and the next card is served by the same worker object.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from firmware.runtime import refusals
from tests.crash.sim_card import fault_matrix as matrix
from tests.crash.sim_card.card_lane import IMSI, NO_IMSI, PROFILE, SECRET, Lane
from tests.crash.sim_card.fault_matrix import IDENTIFY, MATRIX, READ_BACK, WRITE, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

LANES = 10
RESUMED = 9
"""One in so many cards pulled in a write is put back and finished."""
Counts = dict[str, dict[str, int]]
"""Operation → event → how many there are when nothing goes wrong."""


@pytest.fixture(scope="module")
def lanes() -> Iterator[list[Lane]]:
    with ThreadPoolExecutor(LANES) as pool:
        started = list(pool.map(lambda _: Lane(), range(LANES)))
    try:
        yield started
    finally:
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(Lane.close, started))


def profile(number: int = 0) -> dict[str, Any]:
    return {**PROFILE, "iccid": f"898601777{number:011d}"}


def meet(lane: Lane) -> Counts:
    """Write, read back and identify a first card of the model, then count what the next one takes."""
    lane.must("write", profile=profile(), expected_iccid=lane.fresh())
    found: Counts = {}
    for op in (IDENTIFY, WRITE, READ_BACK):
        if op == WRITE:
            lane.fresh()
            lane.must("identify")
        arguments = request(lane, op, profile())
        before = lane.control("state")
        lane.must(op, **arguments)
        after = lane.control("state")
        found[op] = {"apdu": after["apdus"] - before["apdus"], "update": after["updates"] - before["updates"]}
    lane.iccid = ""
    return found


def request(lane: Lane, op: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``op``."""
    match op:
        case "write":
            return {"profile": wanted, "expected_iccid": lane.iccid}
        case "read_back":
            return {"profile": wanted}
    return {}


def prepare(lane: Lane, row: Row, wanted: dict[str, Any]) -> None:
    """Do what the row says happened before the operation."""
    match row.before:
        case "swap":
            lane.swap()
        case "pull":
            lane.control("remove")
        case "mute":
            lane.control("remove")
            lane.control("fault", fault={"at": "atr", "do": "noise", "hex": "00", "times": 0})
            lane.control("insert")
        case "wrong key":
            wanted["adm"] = "00" * 8
        case "last try" | "no try":
            wrong = {**wanted, "adm": "00" * 8}
            tries = 2 if row.before == "last try" else 3
            for _ in range(tries):
                lane.ask("write", profile=wrong, expected_iccid=lane.iccid, ordered=True)


def walk(lane: Lane, row: Row, point: int, number: int) -> str:
    """Try ``row`` at its event ``point``; returns what was wrong, empty when nothing."""
    wanted = profile(number)
    if row.before in {"wrong key", "last try", "no try"}:
        lane.iccid = ""
    if row.op == READ_BACK:
        wanted = profile()
        lane.written(wanted)
    else:
        lane.blank()
    lane.control("clear_faults")
    arguments = request(lane, row.op, wanted)
    prepare(lane, row, wanted)
    updates = lane.updates
    if row.do:
        lane.control("fault", fault={"at": f"{row.at}#{point}" if row.do.get("times", 1) == 1 else row.at, **row.do})
    kind, data = lane.ask(row.op, meanwhile=lane.during(row.act) if row.act else None, **arguments)
    wrong = check(lane, row, updates, kind, data)
    recover(lane, row, kind)
    if not wrong and row.name.startswith("pulled") and row.op == WRITE and point % RESUMED == 0:
        lane.must("write", profile=wanted, expected_iccid=lane.iccid, resume=True)
        wrong = "" if lane.must("read_back", profile=wanted)["equal"] else "a resumed write did not finish it"
    return f"{row.id} at {point}: {wrong}" if wrong else ""


def check(lane: Lane, row: Row, updates: int, kind: str, data: dict[str, Any]) -> str:
    """Return what is wrong with the answer or the card, empty when nothing."""
    if row.kind == matrix.DIFFERS:
        kind = matrix.DIFFERS if kind == "ok" and not data["equal"] else kind
    if kind != row.kind:
        return f"told {kind} {data}"
    other = "swap" in {row.before, row.act}
    if other and lane.updates:
        return f"the other card has seen {lane.updates} updates"
    imsi, untouched = lane.file("ADF.USIM/IMSI"), other or lane.updates == updates
    right = {
        matrix.UNTOUCHED: untouched,
        matrix.NO_IMSI: imsi == NO_IMSI,
        matrix.LAST: imsi in {NO_IMSI, IMSI},
        matrix.HALF: imsi != IMSI,
        matrix.WHOLE: untouched,
        matrix.DONE: imsi == IMSI,
    }
    return "" if right[row.card] else f"the card is not {row.card!r}: IMSI {imsi.hex()}, {lane.updates} updates"


def recover(lane: Lane, row: Row, kind: str) -> None:
    """Undo what the fault left, and have the next card found by the same worker."""
    if row.act == "down":
        lane.pcscd.control("up")
    lane.control("release")
    if kind in {"ok", "write_failed", "card_defective", "key_wrong", "key_blocked", "unknown_card", "protocol", "card_changed"}:
        lane.control("clear_faults")
        if row.op == WRITE:
            lane.iccid = _bears(lane)
    else:
        lane.heal()
        lane.iccid = _bears(lane)
    if row.before in {"last try", "no try", "wrong key"} or row.card == matrix.HALF or row.before == "swap":
        lane.iccid = ""


def _bears(lane: Lane) -> str:
    """Return the ICCID the card in the slot bears now."""
    digits = lane.file("MF/ICCID").hex()
    return "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2)).rstrip("f")


def cases(rows: list[Row], counts: Counts) -> list[tuple[Row, int, int]]:
    """Return (row, point, number of the case)."""
    found = []
    for row in rows:
        count = counts[row.op].get(row.at, 1)
        found += [(row, point) for point in matrix.points(row, count)]
    return [(row, point, number) for number, (row, point) in enumerate(found, 1)]


def run(lanes: list[Lane], rows: list[Row]) -> None:
    """Walk ``rows`` on all lanes at once and fail with everything that was wrong."""
    with ThreadPoolExecutor(LANES) as pool:
        counts = list(pool.map(meet, lanes))
        assert all(one == counts[0] for one in counts), counts
        left, lock = iter(cases(rows, counts[0])), threading.Lock()

        def work(lane: Lane) -> list[str]:
            wrong: list[str] = []
            while True:
                with lock:
                    case = next(left, None)
                if case is None:
                    return [one for one in wrong if one]
                wrong.append(walk(lane, *case))

        wrong = [one for found in pool.map(work, lanes) for one in found]
    assert wrong == []
    told = " ".join(answer for lane in lanes for answer in lane.answers).lower()
    assert [secret for secret in SECRET if secret in told] == []


GROUPS = {
    "pulled": ("pulled-before", "pulled-during", "pulled-after", "torn", "contact"),
    "hangs": ("reader-hangs",),
    "service": ("service-restarted", "service-down", "worker-killed", "swapped-during", "swapped-before"),
}
REST = [row for row in MATRIX if not any(row.name in names for names in GROUPS.values())]


@pytest.mark.slow
@pytest.mark.parametrize("group", [*GROUPS, "answers"])
def test_card_fault_ends_in_its_one_word_with_the_card_as_told(lanes: list[Lane], group: str) -> None:
    run(lanes, [row for row in MATRIX if row.name in GROUPS[group]] if group in GROUPS else REST)


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.id)
def test_card_fault_has_the_code_of_its_step_and_place_in_the_books(row: Row) -> None:
    if row.kind in {matrix.OK, matrix.DIFFERS}:
        return
    for step, code in zip(matrix.STEPS[row.op], row.codes, strict=True):
        ends = refusals.stop(step, row.kind)
        assert (ends.code, ends.touched) == (code, row.books == matrix.SCRAPPED)


def test_card_fault_rows_are_each_there_once_and_fill_the_document() -> None:
    assert [name for name, count in Counter(row.id for row in MATRIX).items() if count > 1] == []
    assert matrix.DOCUMENT.read_text("utf-8") == matrix.render(), "python -m tests.crash.sim_card.fault_matrix writes it"
