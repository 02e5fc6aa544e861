# SPDX-License-Identifier: Apache-2.0
"""What a driver's error means to the engineer at the bench: a sentence, an exit code, the next step.

Decides that, and runs card work where a hanging reader cannot hold the command.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar, cast

from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.deadline import Deadline
    from hal.errors import HalError

T = TypeVar("T")

GRACE_S = 1.0
"""What the driver gets beyond the deadline to give up by itself."""

REFUSALS: dict[str, tuple[ExitCode, str, str]] = {
    "no_card": (
        ExitCode.NOT_FOUND,
        "There is no card in the reader, or it does not answer.",
        "clean the card, put it in chip down, repeat",
    ),
    "link_closed": (ExitCode.NOT_FOUND, "The reader or the PC/SC service is not there.", "rnt doctor --only pcscd,sim-writer"),
    "link": (ExitCode.BUSY, "Another program holds the card.", "systemctl stop rnt-terminal, then repeat"),
    "deadline": (ExitCode.BUSY, "The card or its reader did not answer in time.", "repeat with a longer --timeout"),
    "card_removed": (ExitCode.FAILED, "The card left the reader, or stopped answering.", "put it back, then rnt card info"),
    "protocol": (ExitCode.FAILED, "The card answered what no card may answer.", "repeat with --trace; then try another card"),
    "unknown_card": (ExitCode.FAILED, "No known card model fits this card.", "rnt card info shows what it is"),
    "not_blank": (ExitCode.UNSAFE, "The card has a subscriber, or hides whether it has.", "take a blank card"),
    "card_changed": (ExitCode.UNSAFE, "Another card than the one you were shown lies in the reader.", "rnt card info, then repeat"),
    "profile_unfit": (ExitCode.USAGE, "The profile does not fit this card ({item}).", "correct the profile, or take another card model"),
    "key_wrong": (
        ExitCode.NOT_AUTHORISED,
        "The card refused the administrative key; {left} tries are left.",
        "find the right key before the next try; the last one blocks the card for good",
    ),
    "key_blocked": (
        ExitCode.UNSAFE,
        "The administrative key has one try left, or the card does not tell, and was not presented.",
        "take another card; only when you are sure of the key: --last-try",
    ),
    "card_defective": (ExitCode.FAILED, "The card's memory fails ({sw}).", "scrap the card"),
    "mac_failure": (ExitCode.VERIFICATION, "The key on the card is another one.", "scrap the card"),
    "authenticate_refused": (ExitCode.FAILED, "The card did not answer the challenge ({sw}).", "rnt card info"),
    "packet_refused": (ExitCode.FAILED, "The card did not take the packet ({sw}).", "ask the operator for a new one"),
    "script_unfit": (
        ExitCode.FAILED,
        "The operator's commands have not the form that may be sent to a card.",
        "ask the operator for new ones",
    ),
    "write_failed": (ExitCode.FAILED, "The card refused an update ({sw}).", "scrap the card"),
}
"""The driver's word → exit code, sentence, next step."""
BLOCKED = (ExitCode.UNSAFE, "The administrative key is blocked: nobody can write this card any more.", "scrap the card")
OTHERWISE = (ExitCode.FAILED, "The card or its reader failed ({kind}).", "repeat with --trace")
TOUCHED = " It may hold a part of the profile."
UNTOUCHED = " Nothing was written."
TOUCHED_HINT = "rnt card verify tells what it holds"


def stopped(error: HalError, *, updates: int | None = None) -> Stopped:
    """Return how a command ends on ``error``. ``updates``: commands sent that may have changed its files, None = none was meant."""
    code, sentence, hint = REFUSALS.get(error.kind, OTHERWISE)
    if error.kind == "key_blocked" and error.data.get("left") == 0:
        code, sentence, hint = BLOCKED
    data = {name: f"{value:04X}" if name == "sw" and isinstance(value, int) else value for name, value in error.data.items()}
    message = sentence.format_map(_Known({"kind": error.kind, **data}))
    if updates is None:
        return Stopped(code, message, hint)
    touched = updates > 0
    return Stopped(code, message + (TOUCHED if touched else UNTOUCHED), TOUCHED_HINT if touched and hint != "scrap the card" else hint)


class _Known(dict[str, object]):
    """What a sentence does not find is a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def apart(work: Callable[[], T], deadline: Deadline) -> T:
    """Run ``work`` in a thread of its own and return what it returns, or raise what it raises.

    A PC/SC call cannot be interrupted; the thread of one that hangs is left to the process's end. Raises :class:`Stopped` (busy) then.
    """
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except BaseException as error:  # noqa: BLE001  # carried to the caller, whatever it is
            answers.put((None, error))

    threading.Thread(target=run, name="card", daemon=True).start()
    try:
        result, error = answers.get(timeout=deadline.left() + GRACE_S)
    except queue.Empty:
        code, sentence, _ = REFUSALS["deadline"]
        raise Stopped(code, f"{sentence} It may still be at work.", "restart pcscd, then rnt card info") from None
    if error:
        raise error
    return cast("T", result)
