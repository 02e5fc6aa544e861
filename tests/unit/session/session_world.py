# SPDX-License-Identifier: Apache-2.0
"""A session that writes a card, event by event, and what the world can answer each state with."""

from __future__ import annotations

from dataclasses import replace

from firmware.core import states
from firmware.core.events import (
    Acknowledged,
    Approved,
    CardIdentified,
    CardRechecked,
    Erased,
    Event,
    Opened,
    ReadBack,
    ReceiptDone,
    RecordSigned,
    Refused,
    ReportGivenUp,
    Restarted,
    StepDone,
    Written,
)
from firmware.core.mode import Mode

PLAN = ("notice", "document", "check", "portrait", "agreement", "confirm", "card")
BOOT, OTHER_BOOT = b"B" * 16, b"b" * 16
RECORD, NONCE, CARD, OTHER_CARD, DATA, APPROVAL = (bytes([i]) * n for i, n in ((1, 32), (2, 16), (3, 32), (4, 32), (5, 32), (6, 16)))
OPENED = Opened(1_900_000_000, BOOT, 1000, "RNT-000001", "T01", PLAN)
APPROVED = Approved(APPROVAL, RECORD, NONCE, "RNT-000001", CARD, Mode.FIELDS, DATA, BOOT, 60_000)
ANSWERS, PROVEN = b"\x08" * 32, b"\x09" * 32
RESTARTED = Restarted(1_900_000_100, BOOT, 9000)

HAPPY: tuple[Event, ...] = (
    OPENED,
    *(StepDone(name, b"") for name in PLAN[:-1]),
    CardIdentified(CARD),
    RecordSigned(1_900_000_010, BOOT, 5000, RECORD, NONCE, 1),
    APPROVED,
    CardRechecked(BOOT, 6000, CARD),
    Written(30),
    ReadBack(True, "89860012345678901234"),
    Acknowledged("active", b"\7" * 32),
    ReceiptDone(True),
    Erased(1_900_000_020),
)


OPAQUE = (Mode.SCRIPT, Mode.RELAY)
"""Modes in which only the operator can judge the card."""
ADVICE = {mode: "answered" if mode in OPAQUE else "written" for mode in Mode}


def happy(mode: Mode) -> tuple[Event, ...]:
    """Return a good session of ``mode``."""
    modes = (replace(event, mode=mode) if isinstance(event, Approved) else event for event in HAPPY)
    return tuple(Written(30, ANSWERS) if isinstance(event, Written) and mode in OPAQUE else event for event in modes)


def follow_ups(state: states.State) -> tuple[Event, ...]:  # noqa: C901, PLR0911  # one case for each state
    """Return the events the world can answer the state's effect with."""
    refused = (Refused(1, "R801"), Refused(1, "R708", touched=True), Refused(1, "R708", touched=True, answers=ANSWERS))
    match state:
        case states.Capturing(todo=todo):
            return (CardIdentified(CARD) if todo[0] == "card" else StepDone(todo[0], b""), *refused)
        case states.Signing():
            return (RecordSigned(1, BOOT, 5000, RECORD, NONCE, 1), *refused)
        case states.Submitting():
            return (*(replace(APPROVED, mode=mode) for mode in Mode), replace(APPROVED, card=OTHER_CARD), *refused)
        case states.Rechecking():
            return (CardRechecked(BOOT, 6000, CARD), CardRechecked(BOOT, 6000, OTHER_CARD), CardRechecked(BOOT, 70_000, CARD), *refused)
        case states.Writing():
            return (Written(30), Written(30, ANSWERS), *refused)
        case states.Verifying() | states.Recovering():
            return (ReadBack(True, "1"), ReadBack(True, "1", 2, PROVEN), ReadBack(False, ""), *refused)
        case states.Reporting():
            return (Acknowledged("active", b""), Acknowledged("failed", b""), ReportGivenUp())
        case states.Receipting() | states.Slipping():
            return (ReceiptDone(True), ReceiptDone(False))
        case states.Erasing():
            return (Erased(1),)
        case states.Advising():
            return (Acknowledged("released", b""),)
        case _:
            return ()
