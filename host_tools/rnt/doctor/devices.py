# SPDX-License-Identifier: Apache-2.0
"""Checks of the devices on their ports: PC/SC service, SIM writer, controller. The ID reader has a module of its own.

The drivers are the shipped ones, in a worker process under a deadline, so that a device that hangs does not hang the doctor. No
check reads or writes a card or lights a lamp.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware.runtime.workers import HANGS, DeviceFailed, DeviceWorker
from host_tools.rnt.doctor.check import fail, ok, unknown
from host_tools.rnt.doctor.processes import holders
from host_tools.rnt.reader.refusals import GRABBERS, RULES

if TYPE_CHECKING:
    from host_tools.rnt.doctor.check import Finding, Patient

PCSCD_SOCKET = "/run/pcscd/pcscd.comm"
PER_DEVICE_S = 5.0
CONNECT_S = 2.0
LOOK_S = 1.0
"""How long to look for the SIM writer; an empty one is found out by waiting."""
TERMINAL_HOLDS = "systemctl stop rnt-terminal, then repeat rnt doctor"


def pcscd(patient: Patient) -> Finding:
    """Connect to the PC/SC service."""
    path = patient.config.sim_card.pcscd_socket or PCSCD_SOCKET
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(CONNECT_S)
        try:
            channel.connect(path)
        except FileNotFoundError:
            return fail(f"The PC/SC service has no socket at {path}.", "apt-get install pcscd; systemctl enable --now pcscd.socket")
        except ConnectionRefusedError:
            return fail(f"Nobody serves the PC/SC socket {path}.", "systemctl restart pcscd.socket pcscd.service")
        except PermissionError:
            return fail(
                f"This user may not use the PC/SC socket {path}.", "install board/polkit/50-rnt.rules and add the user to group rnt"
            )
        except OSError as error:
            return fail(
                f"The PC/SC socket {path} cannot be used: {error.strerror or error}.", "systemctl restart pcscd.socket pcscd.service"
            )
    return ok(f"The PC/SC service answers at {path}.")


def controller_port(patient: Patient) -> Finding:
    """Look at the controller's port without opening it."""
    return port(Path(patient.config.controller.port), "controller")


def port(path: Path, device: str) -> Finding:
    """Look at the serial port of ``device`` without opening it for use: is it there, may this user use it, does somebody hold it."""
    try:
        if not stat.S_ISCHR(path.stat().st_mode):
            return fail(f"{path} is no serial port.", f"name the {device}'s port in the configuration")
        free = _is_free(path)
    except FileNotFoundError:
        return fail(f"The {device}'s port {path} does not exist.", "check the cable; udevadm trigger; ls -l /dev/rnt")
    except PermissionError:
        return fail(f"This user may not use {path}.", RULES)
    except OSError as error:
        return fail(f"The {device}'s port {path} cannot be opened: {error.strerror}.", "check the cable; udevadm trigger")
    return _held(path, device, free=free)


def _held(path: Path, device: str, *, free: bool) -> Finding:
    """Tell who has the port open."""
    held_by = [holder for holder in holders(path) if holder.pid != os.getpid()]
    for holder in held_by:
        if holder.name in GRABBERS:  # they lock nothing, and take the device's answers
            return fail(f"{holder.name} (process {holder.pid}) has {path} open and takes the {device}'s answers.", GRABBERS[holder.name])
    if free:
        return ok(f"{path} is there and free.")
    names = ", ".join(f"{holder.name} (process {holder.pid})" for holder in held_by)
    return unknown(f"{path} is in use by {names or 'another user'}.", TERMINAL_HOLDS)


def _is_free(path: Path) -> bool:
    """Tell whether nobody has locked the port, as the drivers do while they use it."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def controller(patient: Patient) -> Finding:
    """Have the controller say hello and tell whether its case was opened."""
    before = controller_port(patient)
    if before.fix:
        return unknown("The controller's port cannot be used; see controller-port.", before.fix)
    try:
        hello = ask(patient, "controller", "hello")
    except DeviceFailed as error:
        return fail(f"The controller does not answer as one ({error.kind}).", "check the board's cable, then flash the controller again")
    if hello["state"] == "tampered":
        return fail("The controller saw its case opened and destroyed its key.", "return the terminal to the factory")
    if hello["state"] != "ready":
        return fail(f"The controller is {hello['state']}.", "provision the controller at the factory station")
    return ok(f"The controller answers, version {hello['version']}, case closed.")


def sim_writer(patient: Patient) -> Finding:
    """Look for the SIM writer among the PC/SC readers, by its exact name."""
    if pcscd(patient).fix:
        return unknown("The PC/SC service cannot be used; see pcscd.", "rnt doctor --only pcscd")
    name = patient.config.sim_card.reader
    try:
        ask(patient, "sim_card", "await_card", LOOK_S)
    except DeviceFailed as error:
        if error.kind in {"deadline", "no_card"}:
            return ok(f"The SIM writer {name!r} is there, without a card.")
        if error.kind == "link":
            return unknown(f"Another program holds the card in {name!r}.", TERMINAL_HOLDS)
        if error.kind == HANGS:
            return fail("The PC/SC service took the request and does not answer.", "systemctl restart pcscd.service")
        return fail(
            f"No PC/SC reader is called {name!r}.", "check the writer's cable; correct [sim_card] reader: pcsc_scan -r lists the names"
        )
    return ok(f"The SIM writer {name!r} is there, with a card in it.")


def ask(patient: Patient, device: str, op: str, seconds: float = PER_DEVICE_S) -> dict[str, Any]:
    """Have a worker process of ``device`` carry out ``op``; raises ``DeviceFailed``."""

    async def asked() -> dict[str, Any]:
        worker = DeviceWorker(device, patient.config.device(device))
        try:
            return await worker.call(op, timeout=min(seconds, patient.deadline.left()))
        finally:
            await worker.stop()

    return asyncio.run(asked())
