# SPDX-License-Identifier: Apache-2.0
"""Everything that is known to go wrong between the SIM writer and a card, as data: fault, where, and what must come of it.

Each row is walked through the shipped driver behind a real PC/SC service by ``test_card_fault_matrix``; many also through a whole terminal
by ``test_card_fault_sessions``. ``hal/sim_card/FAULTS.md`` is :func:`render` of these rows, and a test compares the two.

Write it anew: ``python -m tests.crash.sim_card.fault_matrix``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = Path(__file__).parents[3] / "hal" / "sim_card" / "FAULTS.md"

IDENTIFY, WRITE, READ_BACK = "identify", "write", "read_back"
STEPS: Mapping[str, tuple[str, ...]] = {IDENTIFY: ("card", "recheck"), WRITE: ("write",), READ_BACK: ("verify",)}
"""Operation of the driver → the steps of a session it is asked in."""

EVERY, ENDS, FIRST = "every", "first, middle, last", "first"
"""At which of the operation's events a row is tried."""

UNTOUCHED = "nothing written"
NO_IMSI = "without an IMSI"
LAST = "without an IMSI; whole when it was the last update"
HALF = "without an IMSI, or with half of one"
WHOLE = "whole, not proven"
DONE = "whole"

NEVER_ASKED, STOCK, SCRAPPED, USED = "never asked", "back to stock", "scrapped", "used"
"""What becomes of the blank in the operator's books; in the first two the number is free again, too."""

OK, DIFFERS = "ok", "differs"
"""Words for what is no error of the driver: it succeeds; it reads back something else than the profile."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault at one operation. ``at``: the event counted; ``do``: the fault planned there; ``act``: what is done while it is held there;
    ``before``: what is done before the operation. ``kind`` is the terminal's one word for it, ``codes`` the outcome by step.
    """

    name: str
    text: str
    op: str
    kind: str
    card: str
    codes: tuple[str, ...]
    books: str
    at: str = "apdu"
    points: str = EVERY
    do: Mapping[str, Any] = field(default_factory=dict)
    act: str = ""
    before: str = ""

    @property
    def id(self) -> str:
        """Return a name of its own."""
        return f"{self.name}-{self.op}"


def _each(name: str, text: str, ends: Mapping[str, tuple[str, str, str, str]], **more: Any) -> list[Row]:
    """Return a row for each operation; ``ends``: operation → kind, card, codes, books."""
    return [Row(name, text, op, kind, card, tuple(codes.split()), books, **more) for op, (kind, card, codes, books) in ends.items()]


def _lost(kind: str, card: str, write: str, verify: str, before: str) -> dict[str, tuple[str, str, str, str]]:
    """Return the ends of a fault that ends every operation with the same word."""
    return {
        IDENTIFY: (kind, UNTOUCHED, f"{before} {before}", STOCK),
        WRITE: (kind, card, write, SCRAPPED),
        READ_BACK: (kind, WHOLE, verify, SCRAPPED),
    }


PULLED = _lost("card_removed", NO_IMSI, "R711", "R711", "R701")
HANGS = _lost("hangs", NO_IMSI, "R708", "R709", "R513")
CLOSED = _lost("link_closed", LAST, "R711", "R709", "R513")
MEMORY = ("6581", "6400", "6500", "9240")
REFUSED = ("6A84", "6982", "6985", "6D00", "6F00", "6281", "6C10", "6110", "62F1", "9F10")


def _rows() -> list[Row]:
    found = _each("pulled-before", "pulled before the command reaches the card", PULLED, do={"do": "remove", "when": "before"})
    found += _each("pulled-during", "pulled while the card has the command in hand", PULLED, do={"do": "hold"}, act="pull")
    after = {**PULLED, WRITE: ("card_removed", LAST, "R711", SCRAPPED)}
    found += _each("pulled-after", "pulled after the command, before the answer", after, do={"do": "remove", "when": "after"})
    found += _each(
        "torn",
        "pulled in the middle of the memory write, half of it done",
        {WRITE: ("card_removed", HALF, "R711", SCRAPPED)},
        at="update",
        do={"do": "tear"},
    )
    found += _each("contact", "contact lost for a moment", PULLED, points=ENDS, do={"do": "hangup"})
    found += _each("reader-hangs", "reader does not come back from a command", HANGS, do={"do": "stall"})
    found += _each(
        "service-restarted", "pcscd killed in a command and started again", CLOSED, points=ENDS, do={"do": "hold"}, act="restart"
    )
    found += _each(
        "service-down",
        "pcscd killed in a command and not back in time",
        {**HANGS, WRITE: ("hangs", LAST, "R708", SCRAPPED)},
        points=ENDS,
        do={"do": "hold"},
        act="down",
    )
    ended = _lost("worker_ended", LAST, "R711", "R709", "R513")
    found += _each("worker-killed", "the terminal's own worker process dies", ended, points=ENDS, do={"do": "hold"}, act="kill")
    found += _each("swapped-during", "another card put in during a command", PULLED, points=ENDS, do={"do": "hold"}, act="swap")
    swapped = {WRITE: ("card_changed", UNTOUCHED, "R707", STOCK), READ_BACK: (DIFFERS, WHOLE, "R709", SCRAPPED)}
    found += _each("swapped-before", "another card put in before the operation", swapped, points=FIRST, before="swap")
    return found + _words() + _keys() + _hostile()


def _words() -> list[Row]:
    """Return the rows of single status words."""
    defective = {
        IDENTIFY: ("card_defective", UNTOUCHED, "R703 R703", STOCK),
        READ_BACK: ("card_defective", WHOLE, "R709", SCRAPPED),
    }
    at_update = {WRITE: ("card_defective", NO_IMSI, "R708", SCRAPPED)}
    refused = {WRITE: ("write_failed", NO_IMSI, "R708", SCRAPPED)}
    carried = {WRITE: (OK, DONE, "ACTIVE", USED)}
    found = []
    for sw in MEMORY:
        found += _each(f"memory-{sw}", f"memory error {sw}", at_update, at="update", do={"do": "sw", "sw": sw})
        found += _each(f"memory-{sw}", f"memory error {sw}", defective, points=ENDS if sw == "6581" else FIRST, do={"do": "sw", "sw": sw})
    for sw in REFUSED:
        text = "card full (6A84)" if sw == "6A84" else f"update answered {sw}, not carried out"
        found += _each(f"refused-{sw}", text, refused, at="update", points=EVERY if sw == "6A84" else ENDS, do={"do": "sw", "sw": sw})
    found += _each("busy", "busy for ever (9300)", refused, at="update", points=ENDS, do={"do": "sw", "sw": "9300", "times": 9})
    for sw, text in (
        ("9110", "proactive command waits (9110)"),
        ("63C2", "done after internal retries (63C2)"),
        ("9202", "the same in 2G (9202)"),
    ):
        found += _each(f"done-{sw}", text, carried, at="update", points=ENDS, do={"do": "sw", "sw": sw, "executed": True})
    found += _each("busy-once", "busy once (9300)", carried, at="update", points=ENDS, do={"do": "sw", "sw": "9300"})
    found += _each(
        "length", "length learned from another card refused (6700)", carried, at="update", points=ENDS, do={"do": "sw", "sw": "6700"}
    )
    lies = {WRITE: (OK, NO_IMSI, "R709", SCRAPPED)}
    return found + _each(
        "lies", "the last update answered 9000 and not carried out", lies, at="update", points="last", do={"do": "sw", "sw": "9000"}
    )


def _keys() -> list[Row]:
    """Return the rows of the administrative key."""

    def spoiled(name: str, text: str, kind: str, **more: Any) -> Row:
        return Row(name, text, WRITE, kind, UNTOUCHED, ("R708",), SCRAPPED, points=FIRST, **more)

    return [
        spoiled("key-wrong", "administrative key wrong", "key_wrong", before="wrong key"),
        spoiled("key-last-try", "one try left: the key is not presented", "key_blocked", before="last try"),
        spoiled("key-blocked", "administrative key blocked", "key_blocked", before="no try"),
        spoiled("key-6983", "key answered 6983", "key_blocked", at="verify", do={"do": "sw", "sw": "6983"}),
        spoiled("key-9840", "key answered 9840", "key_blocked", at="verify", do={"do": "sw", "sw": "9840"}),
        spoiled("key-63C0", "key answered 63C0", "key_blocked", at="verify", do={"do": "sw", "sw": "63C0"}),
        *_each(
            "key-untold",
            "the tries left are not told (6A88)",
            {WRITE: ("unknown_card", UNTOUCHED, "R707", STOCK)},
            at="verify",
            points=FIRST,
            do={"do": "sw", "sw": "6A88"},
        ),
    ]


def _hostile() -> list[Row]:
    """Return the rows of cards that never come to an end, or do not begin."""
    endless = _lost("protocol", UNTOUCHED, "R708", "R709", "R703")
    found = []
    for sw in ("6110", "62F1", "9F10"):
        found += _each(f"endless-{sw}", f"more to fetch for ever ({sw})", endless, points=FIRST, do={"do": "sw", "sw": sw, "times": 0})
    mute = {
        IDENTIFY: ("no_card", UNTOUCHED, "R701 R701", STOCK),
        WRITE: ("no_card", UNTOUCHED, "R711", SCRAPPED),
        READ_BACK: ("no_card", WHOLE, "R711", SCRAPPED),
    }
    found += _each("mute", "the card does not answer to reset", mute, at="atr", points=FIRST, before="mute")
    return found + _each("absent", "the card is gone before the operation", mute, points=FIRST, before="pull")


MATRIX: tuple[Row, ...] = tuple(_rows())

HEAD = """# What can go wrong with a card in the writer

Each line was tried at every place it names, through the shipped driver, a real PC/SC service and a card at the wire
(`tests/crash/sim_card`); this file is written by `python -m tests.crash.sim_card.fault_matrix` and compared with it.

* The driver's word is the `kind` of the one error. `ok`: it succeeds; `differs`: the read-back is not equal.
* The outcome of `identify` is the same whether the card is looked at first (step `card`: the operator was never asked) or again after the
  approval (step `recheck`: the approval is cancelled), unless two are given.
* `scrapped`: the operator counts the card as spoiled and gives the number back; the approval is spent. A card that kept a part of the
  profile has no IMSI until everything else is written, and is never activated.
* After each, the next card is served by the same terminal; a worker that hung or died was replaced.

| fault | during | tried at | driver's word | card | outcome | operator |
|---|---|---|---|---|---|---|
"""
EVENTS = {"apdu": "command", "update": "update", "verify": "key command", "atr": "reset"}


def _line(row: Row) -> str:
    place = "its beginning" if row.before else f"{row.points} {EVENTS[row.at]}"
    codes = " / ".join(dict.fromkeys(row.codes))
    return f"| {row.text} | `{row.op}` | {place} | `{row.kind}` | {row.card} | {codes} | {row.books} |"


def render() -> str:
    """Return the document."""
    return HEAD + "".join(f"{_line(row)}\n" for row in MATRIX)


def points(row: Row, count: int) -> tuple[int, ...]:
    """Return the numbers of the events, of ``count``, at which ``row`` is tried."""
    match row.points:
        case "every":
            return tuple(range(1, count + 1))
        case "last":
            return (count,)
        case "first":
            return (1,)
    return tuple(dict.fromkeys((1, (count + 1) // 2, count)))


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
