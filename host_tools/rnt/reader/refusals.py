# SPDX-License-Identifier: Apache-2.0
"""What an ID reader's error means: the cause in a sentence, the next step, the exit code. ``rnt reader`` and ``rnt doctor`` say the same.

Decides the words only. They name ports, codes and processes, and never anything a card holds.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from host_tools.rnt.outcome import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hal.id_reader.families import Place
    from host_tools.rnt.doctor.processes import Process

    Data = Mapping[str, Any]

TERMINAL = "systemctl stop rnt-terminal"
GRABBERS = {
    "ModemManager": "systemctl disable --now ModemManager, or install board/udev/60-rnt.rules, which keeps it away",
    "brltty": "apt-get remove brltty: it takes adapters of this make for braille displays",
}
"""Who opens serial ports unasked → what to do about it."""
RULES = "install board/udev/60-rnt.rules, udevadm control --reload, add the user to group rnt, plug the reader in again"
REPLUG = "switch the reader off and on (or pull its cable and put it back)"
CCID, HID = "0b", "03"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble: exit code, cause, what to do."""

    code: ExitCode
    cause: str
    fix: str


def trouble(kind: str, data: Data, place: Place, held_by: Sequence[Process]) -> Trouble:
    """Return what error ``kind`` with ``data`` of the reader at ``place`` means; ``held_by`` is who has its device open."""
    return TROUBLES.get(kind, _otherwise)(kind, data, place, held_by)


def in_use(place: Place, held_by: Sequence[Process]) -> Trouble:
    """Return what it means that somebody else has the reader."""
    who = ", ".join(f"{holder.name} (process {holder.pid})" for holder in held_by)
    fix = next((GRABBERS[holder.name] for holder in held_by if holder.name in GRABBERS), "")
    if not fix:
        fix = f"{TERMINAL}; or end that program, then repeat"
    return Trouble(ExitCode.BUSY, f"{place.name} is in use by {who or 'a program of another user (sudo shows which)'}.", fix)


def _closed(_kind: str, data: Data, place: Place, held_by: Sequence[Process]) -> Trouble:
    number = data.get("errno")
    if number in BUSY and (held_by or not place.table.get("usb")):
        return in_use(place, held_by)
    code, cause, fix = CLOSED.get(number, GONE)
    return Trouble(code, cause.format(place.name), fix)


BUSY = (errno.EBUSY, errno.EAGAIN)
NOT_ALLOWED = (ExitCode.NOT_AUTHORISED, "This user may not use {}: the udev rule is missing, or the group.", RULES)
NO_PORT = (ExitCode.NOT_FOUND, "{} is no serial port.", "rnt reader list")
DRIVEN = (
    ExitCode.BUSY,
    "{} is in use by a kernel driver, which no reader has, or by another user's program.",
    "rnt reader list; as root it tells whose: sudo rnt reader list",
)
CLOSED: dict[object, tuple[ExitCode, str, str]] = {
    **dict.fromkeys(BUSY, DRIVEN),
    **dict.fromkeys((errno.EACCES, errno.EPERM), NOT_ALLOWED),
    **dict.fromkeys((errno.ENOTTY, errno.EINVAL), NO_PORT),
    errno.E2BIG: (ExitCode.USAGE, "Several devices are called {}.", "rnt reader list; name it by its place: --usb 1-1.1"),
    errno.ENOSYS: (ExitCode.NOT_FOUND, "{} cannot be opened: libusb is not installed.", "apt-get install libusb-1.0-0"),
}
"""What the operating system said when the device was opened → what that means."""
GONE = (ExitCode.NOT_FOUND, "No reader is at {}, or it went away.", "check cable and power, then rnt reader list")


def _unknown(_kind: str, data: Data, place: Place, _held_by: Sequence[Process]) -> Trouble:
    classes = str(data.get("classes", "")).split(",")
    if CCID in classes:
        cause = f"{place.name} is a smart-card reader (CCID); pcscd drives it, not this driver."
        return Trouble(ExitCode.FAILED, cause, "switch the reader to SAM mode with its maker's tool, or name it as a PC/SC reader")
    if HID in classes:
        cause = f"{place.name} types what it reads like a keyboard; such a reading proves nothing."
        return Trouble(ExitCode.FAILED, cause, "switch the reader to SAM mode with its maker's tool")
    cause = f"{place.name} has none of the pipes a reader has (interface class {', '.join(classes) or 'none'})."
    return Trouble(ExitCode.FAILED, cause, "rnt reader list; name the reader by its place: --usb 1-1.1")


def _silent(_kind: str, data: Data, place: Place, held_by: Sequence[Process]) -> Trouble:
    heard = str(data.get("heard") or "")
    if heard == "checksum":
        cause = f"What is at {place.name} answers in frames with another checksum: a variant this driver does not speak."
        return Trouble(ExitCode.FAILED, cause, "take a reader of the SAM protocol (XOR checksum); nothing is guessed around")
    if heard:
        cause = f"What is at {place.name} answers, and not as a SAM reader ({heard})."
        return Trouble(ExitCode.FAILED, cause, "rnt reader list: another device may be plugged in there; else another reader")
    taken = f"; {held_by[0].name} (process {held_by[0].pid}) has it open too and may take its answers" if held_by else ""
    return Trouble(ExitCode.FAILED, f"Nothing answers at {place.name}{taken}.", f"check the reader's power; {REPLUG}; rnt reader list")


def _fault(_kind: str, data: Data, _place: Place, _held_by: Sequence[Process]) -> Trouble:
    code = data.get("code")
    said = f"code {code:02X}" if isinstance(code, int) else "no code"
    if code == 0x66:  # noqa: PLR2004  # SW3 of the protocol's table
        cause = f"The reader's SAM is not authorised ({said}); R513 would be told to the clerk."
        return Trouble(ExitCode.FAILED, cause, "have the reader's maker authorise its SAM, or replace the reader")
    if code == 0x60:  # noqa: PLR2004  # as above
        cause = f"The self-test of the reader's SAM failed ({said})."
        return Trouble(ExitCode.FAILED, cause, f"{REPLUG}; if it stays, replace the reader")
    return Trouble(ExitCode.FAILED, f"The reader reports a fault ({said}).", f"{REPLUG}; if it stays, replace the reader")


def _fixed(code: ExitCode, cause: str, fix: str) -> Callable[[str, Data, Place, Sequence[Process]], Trouble]:
    return lambda _kind, _data, _place, _held_by: Trouble(code, cause, fix)


def _otherwise(kind: str, _data: Data, place: Place, _held_by: Sequence[Process]) -> Trouble:
    return Trouble(ExitCode.FAILED, f"The reader at {place.name} failed ({kind}).", "rnt reader trace shows every exchange")


TROUBLES: dict[str, Callable[[str, Data, Place, Sequence[Process]], Trouble]] = {
    "link_closed": _closed,
    "unknown_reader": _unknown,
    "deadline": _silent,
    "reader_fault": _fault,
    "link": _fixed(ExitCode.BUSY, "Another program holds the card, or the line does not fall silent.", f"{TERMINAL}, then repeat"),
    "reader_silent": _fixed(ExitCode.FAILED, "The reader stopped answering and did not come back.", REPLUG),
    "no_card": _fixed(ExitCode.NOT_FOUND, "No card lies on the reader.", "lay a card on it and repeat"),
    "card_lifted": _fixed(ExitCode.FAILED, "The card was lifted before it was read.", "leave the card on the reader and repeat"),
    "card_rejected": _fixed(ExitCode.VERIFICATION, "Reader and card do not accept each other.", "try another card; then another reader"),
    "protocol": _fixed(ExitCode.FAILED, "The reader answers what no reader may answer.", "rnt reader trace shows every exchange"),
    "unknown_document": _fixed(ExitCode.FAILED, "The card has a layout nobody knows (R103).", "no card of that kind can be used"),
    "block_refused": _fixed(ExitCode.FAILED, "The card holds what no card may hold (R107).", "try another card"),
}
"""The driver's word → what it means."""
