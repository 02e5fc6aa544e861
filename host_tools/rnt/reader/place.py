# SPDX-License-Identifier: Apache-2.0
"""Which reader is meant, and who has it now.

Decides how a reader is named on the command line: by the keys of ``[id_reader]``, or by the terminal that has one. Opens nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from firmware.runtime.config import ConfigError, load
from firmware.runtime.registered_reader import registered_sam_id
from hal.errors import LinkError
from hal.id_reader.families import FAMILIES, Place
from hal.id_reader.frames import BAUDS
from host_tools.rnt.doctor.processes import Process, holders
from host_tools.rnt.outcome import ExitCode, Result, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from hal.link.usb import Attached

F = TypeVar("F", bound="Callable[..., Result]")

WORDS = {
    "port": ("PATH", "Serial port of the reader."),
    "usb": ("NAME", "USB reader: 0400:c35a, 0400:c35a:SERIAL, or where it is plugged in: 1-1.1."),
    "pcsc": ("NAME", "Reader of numbered blocks: its exact name at the PC/SC service."),
}
"""Key of ``[id_reader]`` → how its option is explained; a key without a row explains itself badly."""
WHICH = "use " + " or ".join(f"--{key} …" for family in FAMILIES for key in family.places) + "; rnt reader list shows what is there"


def reader_options(body: F) -> F:
    """Add the options that name a reader."""
    options = [
        click.option("--terminal", envvar="RNT_DEVICE", metavar="TERMINAL", help="local:/path/terminal.toml: the reader named there."),
        click.option("--pcscd-socket", metavar="PATH", help="Socket of the PC/SC service, where it is not the system's (--pcsc)."),
        click.option("--baud", type=click.Choice([str(baud) for baud in BAUDS]), help="Rate the reader is moved to, for good (--port)."),
    ]
    for key in reversed([key for family in FAMILIES for key in family.places]):
        metavar, words = WORDS.get(key, ("NAME", f"The reader as [id_reader] {key} names it."))
        options.append(click.option(f"--{key}", metavar=metavar, help=words))
    for option in options:
        body = option(body)
    return body


@dataclass(frozen=True, slots=True)
class Chosen:
    """The reader that is meant. ``registered`` is the SAM id its terminal was provisioned with; ``None`` without a terminal."""

    place: Place
    registered: bytes | None = None

    def holders(self) -> list[Process]:
        """Return who has the reader's device open, as far as this user may see."""
        return holders_of(self.place)


def chosen(options: dict[str, Any]) -> Chosen:
    """Return the reader the options name; raises :class:`Stopped` when they name none, or several."""
    keys = [key for family in FAMILIES for key in family.places]
    named = {key: str(options[key]) for key in keys if options.get(key)}
    terminal = options.get("terminal")
    more = {key: value for key in ("baud", "pcscd_socket") if (value := options.get(key))}
    if len(named) > 1 or not (named or terminal):
        raise Stopped(ExitCode.USAGE, "Which reader?" if not named else "Several readers are named.", WHICH)
    if not named:
        return _of_terminal(str(terminal))
    return Chosen(Place.of(named | more))


def _of_terminal(terminal: str) -> Chosen:
    kind, _, path = terminal.partition(":")
    if kind != "local" or not path:
        raise Stopped(ExitCode.USAGE, f"{terminal!r} names no terminal on this machine.", "run rnt on the terminal: --terminal local:/path")
    try:
        config = load(Path(path))
        place = Place.of(asdict(config.id_reader))
    except (ConfigError, ValueError) as error:
        hint = "correct it, or name the reader with --port or --usb"
        raise Stopped(ExitCode.NOT_FOUND, f"The configuration cannot be used: {error}.", hint) from error
    try:
        registered = registered_sam_id(config.terminal.state_dir)
    except (OSError, ValueError):
        registered = b""
    return Chosen(place, registered)


def holders_of(place: Place) -> list[Process]:
    """Return who has the device of ``place`` open. A USB name is looked up on the bus first."""
    if place.table.get("port"):
        return holders(Path(place.name))
    if not place.table.get("usb"):
        return []
    try:
        return [holder for device in devices_named(place.name) for holder in holders(Path(device.node))]
    except (LinkError, ValueError):
        return []


def devices_named(name: str) -> list[Attached]:
    """Return the USB devices ``name`` may mean; a serial number is not looked at. Raises ``ValueError``, ``LinkError`` without libusb."""
    from hal.link.usb import UsbName, attached  # noqa: PLC0415  # a serial reader needs no libusb

    wanted = UsbName.parse(name)
    usb_id = f"{wanted.vendor:04x}:{wanted.product:04x}" if wanted.vendor is not None and wanted.product is not None else ""
    return [device for device in attached() if name == device.place or usb_id == device.usb_id]
