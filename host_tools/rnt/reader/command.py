# SPDX-License-Identifier: Apache-2.0
"""``rnt reader list | info | read | trace | monitor``: the commands, and what each prints.

None of them shows a whole identity, and there is no option that would: whether a card is read right can be told without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hal.id_reader.sam_id import sam_id_text
from host_tools.rnt.command import rnt_command
from host_tools.rnt.outcome import ExitCode, Result
from host_tools.rnt.reader import watch
from host_tools.rnt.reader.desk import Desk
from host_tools.rnt.reader.found import look_around
from host_tools.rnt.reader.monitor import Rounds
from host_tools.rnt.reader.place import reader_options
from host_tools.rnt.reader.seen import Look, look
from host_tools.rnt.reader.watch import Printer

if TYPE_CHECKING:
    from host_tools.rnt.console import Console

LOOKS = 5
"""Status questions ``info`` asks for its figures."""
READ_S = 15.0
RUNS_ON_S = 7 * 86400.0


@rnt_command(timeout=READ_S)
@click.option("--pcscd-socket", metavar="PATH", help="Socket of the PC/SC service, where it is not the system's.")
def list_(_console: Console, pcscd_socket: str | None) -> Result:
    """Print the serial ports, USB devices and PC/SC readers an ID reader may be at, what kind each is, and who has it.

    None is opened.
    """
    found = look_around(pcscd_socket)
    data = {"found": [one.to_json() for one in found]}
    if not found:
        return Result(data, "", ExitCode.NOT_FOUND, "check cable and power; lsusb; dmesg tells whether the machine saw it")
    likely = next((one for one in found if one.kind and not one.held_by), None)
    return Result(data, "\n".join(one.line for one in found), hint=f"rnt reader info {likely.option}" if likely else "")


@rnt_command(timeout=READ_S)
@reader_options
def info(console: Console, **options: Any) -> Result:
    """Print what a reader says of itself: its SAM, its kind and rate, how well it answers."""
    tally = watch.Tally()
    with Desk(console, options, tally) as desk:
        for _ in range(LOOKS):
            desk.do(lambda: desk.reader.check(console.deadline))
        reader, place, registered = desk.reader, desk.chosen.place, desk.chosen.registered
    wanted = place.table.get("baud") if reader.baud else None
    data: dict[str, Any] = {
        "place": place.name,
        "family": place.family.name,
        "kind": reader.kind,
        "baud": reader.baud,
        "sam_id": reader.sam_id.hex() or None,
        "sam_label": sam_id_text(reader.sam_id) if reader.sam_id else None,
        "status": "ok",
        "registered": None if registered is None else bool(registered) and registered == reader.sam_id,
        "figures": tally.to_json(),
    }
    if wanted and wanted != reader.baud:
        console.warn(f"The reader refuses {wanted} baud and stays at {reader.baud}: a card takes {1295 * 10 / (reader.baud or 1):.1f} s.")
    return Result(data, _info_text(data), *_unregistered(data["registered"], options))


@rnt_command(timeout=60.0)
@reader_options
def read(console: Console, **options: Any) -> Result:
    """Wait for a card, read it once, and print what may be seen of it, masked.

    The checks are the terminal's own, with this machine's clock. No option shows more.
    """
    tally = watch.Tally()
    with Desk(console, options, tally) as desk:
        seen = _present(console, desk)
        spent = desk.reader.spent()
    data = {**seen.to_json(), "frames": spent.frames, "bytes": spent.bytes, "figures": tally.to_json()}
    return Result(data, "\n".join(seen.lines()))


@rnt_command(timeout=60.0)
@reader_options
@click.option("--no-card", is_flag=True, help="Do not wait for a card; trace the start and a status question.")
def trace(console: Console, *, no_card: bool, **options: Any) -> Result:
    """Print every exchange with a reader while one card is read, personal bytes blanked.

    The first two figures of a line are milliseconds: until the head of the answer came, and until its end. The same exchange with the same
    end is printed once and counted.
    """
    printer = Printer(console)
    tally = watch.Tally(printer.saw)
    try:
        with Desk(console, options, tally) as desk:
            desk.do(lambda: desk.reader.check(console.deadline))
            seen = None if no_card else _present(console, desk)
    finally:
        printer.flush()
    data: dict[str, Any] = {"card": seen.to_json() if seen else None, "figures": tally.to_json()}
    return Result(data, "" if console.as_json else _figures_text(data["figures"]))


@rnt_command(timeout=RUNS_ON_S)
@reader_options
@click.option("--count", type=click.IntRange(min=1), help="End after so many cards.")
def monitor(console: Console, count: int | None, **options: Any) -> Result:
    """Print cards coming and going, readings and errors, until Ctrl-C.

    Ends by itself after --count cards or --timeout, and when the reader goes away.
    """
    tally = watch.Tally()
    with Desk(console, options, tally) as desk:
        rounds = Rounds(console, desk, count)
        rounds.run()
    return Result({**rounds.to_json(), "figures": tally.to_json()}, rounds.text)


def _present(console: Console, desk: Desk) -> Look:
    """Wait for a card and read it."""
    desk.do(lambda: desk.reader.reset(console.deadline))  # a card that lies there since the last reading is found again
    with console.task("card", "lay a card on the reader"):
        desk.do(lambda: desk.reader.await_card(console.deadline))
    with console.task("read", "reading: leave the card where it is"):
        desk.reader.spent()
        return desk.do(lambda: look(desk.reader.read(console.deadline)))


def _unregistered(registered: bool | None, options: dict[str, Any]) -> tuple[ExitCode, str]:  # noqa: FBT001  # a finding, no switch
    if registered is False:
        return (
            ExitCode.VERIFICATION,
            f"R513: the terminal works with another SAM; rnt provision --terminal {options['terminal']} --sam-id ID",
        )
    return ExitCode.OK, ""


def _info_text(data: dict[str, Any]) -> str:
    registered = {None: "", True: ", the registered one", False: ", NOT the registered one (R513)"}[data["registered"]]
    return "\n".join(
        (
            f"place    {data['place']}",
            f"kind     {data['family']}, {data['kind']}" + (f", {data['baud']} baud" if data["baud"] else ""),
            f"SAM      {data['sam_label'] or 'does not tell its id'}{registered}",
            f"status   {data['status']}",
            _figures_text(data["figures"]),
        )
    )


def _figures_text(figures: dict[str, Any]) -> str:
    failed = ", ".join(f"{count} {reason}" for reason, count in figures["failed"].items()) or "none failed"
    quick = f"; {figures['answer_ms']} ms, slowest {figures['slowest_ms']} ms" if figures["answer_ms"] is not None else ""
    return f"answers  {figures['exchanges']} exchanges, {failed}, {figures['stray_bytes']} stray bytes{quick}"
