# SPDX-License-Identifier: Apache-2.0
"""Checks of the machine itself: Python, disk, clock, and services that grab serial ports."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.runtime.certificates import CertificateRefused, parse
from firmware.runtime.maintenance import PURPOSES, certificate_file
from host_tools.rnt.doctor.check import fail, ok, unknown, warn
from host_tools.rnt.doctor.processes import holders, processes

if TYPE_CHECKING:
    from host_tools.rnt.doctor.check import Finding, Patient

NEEDED_PYTHON = (3, 11)
LIBRARIES = ("cryptography", "pyscard", "pyserial", "cobs")
DISK_FAIL_BYTES = 64 << 20
DISK_WARN_BYTES = 512 << 20
GRABBERS = ("ModemManager", "brltty")
"""Services that open unknown USB serial ports to look for modems and braille displays, and so swallow the reader's first bytes."""
ZONE_FILE = Path("/etc/localtime")


def python(_patient: Patient) -> Finding:
    """Look at the interpreter and the libraries the terminal stands on."""
    if sys.version_info < NEEDED_PYTHON:
        return fail(f"Python is {sys.version.split()[0]}; 3.11 or newer is needed.", "apt-get install python3 (Debian 12 or newer)")
    missing = []
    for name in LIBRARIES:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return fail(f"These libraries are missing: {', '.join(missing)}.", "install the terminal's package again")
    return ok(f"Python {sys.version.split()[0]} with all {len(LIBRARIES)} libraries.")


def disk(patient: Patient) -> Finding:
    """Look at the space where the journal lives."""
    folder = patient.config.terminal.state_dir
    try:
        return judge_disk(shutil.disk_usage(folder).free, folder)
    except OSError as error:
        return fail(f"The state directory {folder} cannot be used: {error.strerror}.", f"install -d -m 0700 {folder}")


def judge_disk(free: int, folder: Path) -> Finding:
    """Judge ``free`` bytes on the medium of ``folder``."""
    text = f"{free >> 20} MiB are free at {folder}."
    if free < DISK_FAIL_BYTES:
        return fail(
            f"{text} The journal needs {DISK_FAIL_BYTES >> 20} MiB to go on.", "journalctl --vacuum-size=50M; then rnt doctor --only disk"
        )
    if free < DISK_WARN_BYTES:
        return warn(text, "journalctl --vacuum-size=50M")
    return ok(text)


def clock(patient: Patient) -> Finding:
    """Look at the clock: a time before the terminal's own certificates were issued is a wrong time."""
    now, floor = datetime.now(UTC), None
    for purpose in PURPOSES:
        try:
            pem = (patient.config.terminal.state_dir / certificate_file(purpose)).read_bytes()
            issued = parse(pem, purpose).not_valid_before_utc
        except (OSError, CertificateRefused):
            continue  # not provisioned, or unreadable: the trust check says so
        floor = max(floor or issued, issued)
    if floor and now < floor:
        return fail(
            f"The clock says {now:%Y-%m-%d %H:%M} UTC, before this terminal was provisioned ({floor:%Y-%m-%d}).", "timedatectl set-ntp true"
        )
    if "TZ" not in os.environ and not ZONE_FILE.exists():
        return warn("No time zone is set; receipts would carry UTC.", "timedatectl set-timezone Asia/Shanghai")
    return ok(f"The clock says {now:%Y-%m-%d %H:%M} UTC, time zone {datetime.now().astimezone().tzname()}.")


def port_grabbers(patient: Patient) -> Finding:
    """Look for services that open our serial ports on their own."""
    ports = [Path(p) for p in (patient.config.id_reader.port, patient.config.controller.port, patient.config.printer.port) if p]
    running = sorted({p.name for p in processes() if p.name in GRABBERS})
    if not running:
        return ok("Neither ModemManager nor brltty is running.")
    fix = f"systemctl disable --now {' '.join(running)}"
    for port in ports:
        for holder in holders(port):
            if holder.name in GRABBERS:
                return fail(f"{holder.name} (process {holder.pid}) holds {port}.", fix)
    return warn(f"{' and '.join(running)} may open our serial ports when they appear.", f"{fix}, or install board/udev/60-rnt.rules")


def configuration(patient: Patient) -> Finding:
    """Tell which configuration was read (it was read before any check ran) and whether this user may use it."""
    folder = patient.config.terminal.state_dir
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        return unknown(f"This user may not read {folder}.", "repeat as the terminal's user: sudo -u rnt rnt doctor")
    return ok(f"{patient.config_path} is complete; this is unit {patient.config.terminal.serial}.")
