# SPDX-License-Identifier: Apache-2.0
"""Checks of the ID reader: its place, and what it answers. No card is looked for, and none read.

Decides what is looked at before the reader is opened: who holds its place, may this user have it, is it a reader at all. What an error of
the reader means is said in :mod:`host_tools.rnt.reader.refusals`, for ``rnt reader`` as well.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from firmware.runtime.reader_power import LEDGER
from firmware.runtime.registered_reader import registered_sam_id
from firmware.runtime.workers import DeviceFailed
from hal.errors import LinkError
from hal.id_reader.families import Place
from hal.id_reader.sam_id import sam_id_text
from host_tools.rnt.doctor import devices
from host_tools.rnt.doctor.check import fail, ok, unknown, warn
from host_tools.rnt.doctor.processes import holders
from host_tools.rnt.reader.place import devices_named, holders_of
from host_tools.rnt.reader.refusals import RULES, trouble

if TYPE_CHECKING:
    from typing import Any

    from host_tools.rnt.doctor.check import Finding, Patient

READ_BITS = 1295 * 10
"""What one card takes on a serial line: text and photo, 10 bits a byte."""


def port(patient: Patient) -> Finding:
    """Look at the reader's place without opening the reader."""
    place = _place(patient)
    if place.table["usb"]:
        return _usb(place)
    if place.table["pcsc"]:
        return _pcsc(place)
    return devices.port(Path(place.name), "ID reader")


def reader(patient: Patient) -> Finding:
    """Have the reader say how it is and who its SAM is, in a worker process."""
    before = port(patient)
    if before.fix:
        return unknown("The ID reader's port cannot be used; see id-reader-port.", before.fix)
    place = _place(patient)
    try:
        answer = devices.ask(patient, "id_reader", "open")
    except DeviceFailed as error:
        found = trouble(error.kind, error.data, place, [holder for holder in holders_of(place) if holder.pid != os.getpid()])
        return fail(found.cause, found.fix)
    return _judge(patient, answer)


def power(patient: Patient) -> Finding:
    """Tell how often the terminal that runs, or ran last, had to switch the reader's power to bring it back."""
    try:
        told = json.loads((patient.config.terminal.run_dir / LEDGER).read_bytes())
        switched, helped = int(told["switched"]), int(told["helped"])
    except FileNotFoundError:
        return ok("The ID reader's power was not switched since the terminal started.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return unknown(f"The counts of the ID reader's power cannot be read: {type(error).__name__}.")
    cause = f"The ID reader fell silent; its power was switched {switched} times since the terminal started, {switched - helped} in vain."
    return warn(cause, "check its cable and supply; a reader that goes on like this is to be replaced")


def _judge(patient: Patient, answer: dict[str, Any]) -> Finding:
    """Judge a reader that answers: is it the registered one, and at the wanted rate."""
    sam_id = bytes.fromhex(answer["sam_id"])
    try:
        registered = registered_sam_id(patient.config.terminal.state_dir)
    except (OSError, ValueError):
        registered = b""  # unreadable here: nothing is compared
    if not sam_id:
        return fail("The ID reader tells no SAM id, so no terminal may work with it (R513).", "use a SAM reader: [id_reader] port or usb")
    if registered and registered != sam_id:
        cause = f"The reader's SAM is {sam_id_text(sam_id)}; this terminal is registered with {sam_id_text(registered)} (R513)."
        register = f"rnt provision --terminal local:{quote(patient.config_path)} --sam-id {sam_id_text(sam_id)}"
        return fail(cause, f"plug the registered reader in; or register this one: {register}")
    wanted, baud = patient.config.id_reader.baud, answer["baud"]
    if baud is not None and baud != wanted:
        cause = f"The ID reader refuses {wanted} baud and stays at {baud}: a card takes {READ_BITS / baud:.1f} s."
        return warn(cause, f"set [id_reader] baud = {baud}, or replace the reader by one that can be set")
    return ok(f"The ID reader answers, SAM {sam_id.hex()}.")


def _usb(place: Place) -> Finding:
    try:
        found = devices_named(place.name)
    except LinkError:
        return fail("libusb is not installed; a USB reader needs it.", "apt-get install libusb-1.0-0")
    except ValueError as error:
        return fail(f"[id_reader] usb: {error}.", "rnt reader list names the devices")
    if not found:
        return fail(f"No USB device is called {place.name}.", "check the cable; rnt reader list")
    if len(found) > 1 and place.name.count(":") == 1:
        return fail(f"{len(found)} USB devices are called {place.name}.", f'name the place: [id_reader] usb = "{found[0].place}"')
    return _node(place, Path(found[0].node))


def _node(place: Place, node: Path) -> Finding:
    """Look at the device file of the USB reader."""
    if node.exists() and not os.access(node, os.R_OK | os.W_OK):
        return fail(f"This user may not use {node}, the ID reader.", RULES)
    names = ", ".join(f"{holder.name} (process {holder.pid})" for holder in holders(node) if holder.pid != os.getpid())
    if names:
        return unknown(f"{place.name} is in use by {names}.", devices.TERMINAL_HOLDS)
    return ok(f"{place.name} is there and free.")


def _pcsc(place: Place) -> Finding:
    from hal.link.pcsc import reader_names  # noqa: PLC0415  # only such a reader needs the PC/SC library

    if place.name in reader_names(str(place.table["pcscd_socket"]) or None):
        return ok(f"The PC/SC service knows {place.name!r}.")
    return fail(f"No PC/SC reader is called {place.name!r}.", "check the cable; rnt doctor --only pcscd; pcsc_scan -r lists the names")


def _place(patient: Patient) -> Place:
    return Place.of(asdict(patient.config.id_reader))
