# SPDX-License-Identifier: Apache-2.0
"""``rnt doctor``: run the table of checks on this terminal and say of each what was found, why, and what to type next.

It changes nothing. Exit code 1 when a check fails; warnings and unknowns leave it 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from firmware.runtime.config import ConfigError, load
from host_tools.rnt.command import rnt_command
from host_tools.rnt.doctor import devices, machine, operator, reader, trust
from host_tools.rnt.doctor.check import Check, Finding, Patient, Verdict
from host_tools.rnt.outcome import ExitCode, Result, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from host_tools.rnt.console import Console

CONFIG = Path("/etc/rnt/terminal.toml")
AGAIN = "rnt doctor"

CHECKS: Sequence[Check] = (
    Check("python", "Python and libraries", machine.python),
    Check("configuration", "configuration", machine.configuration),
    Check("disk", "disk space", machine.disk),
    Check("clock", "clock and time zone", machine.clock),
    Check("port-grabbers", "services that grab ports", machine.port_grabbers),
    Check("pcscd", "PC/SC service", devices.pcscd),
    Check("sim-writer", "SIM writer", devices.sim_writer),
    Check("id-reader-port", "ID reader's port", reader.port),
    Check("id-reader", "ID reader", reader.reader),
    Check("id-reader-power", "ID reader's power", reader.power),
    Check("controller-port", "controller's port", devices.controller_port),
    Check("controller", "controller", devices.controller),
    Check("key-files", "key files", trust.key_files),
    Check("trust", "operator's trust list", trust.trust_list),
    Check("certificates", "certificates", trust.certificates),
    Check("journal", "journal", trust.journal),
    Check("backend", "operator's backend", operator.backend),
    Check("clock-skew", "clock against the operator's", operator.clock_skew),
)


@rnt_command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The terminal's configuration.",
)
@click.option("--only", metavar="ID,…", help=f"Only these checks: {', '.join(check.id for check in CHECKS)}.")
def doctor(console: Console, config_path: Path, only: str | None) -> Result:
    """Find what keeps a terminal from working, and say how to fix it. Runs on the terminal itself."""
    chosen = _choose(only)
    try:
        config = load(config_path)
    except ConfigError as error:
        raise Stopped(
            ExitCode.NOT_FOUND, f"The configuration cannot be used: {error}.", "correct it, or name another: rnt doctor --config FILE"
        ) from error
    patient = Patient(config, str(config_path), console.deadline)
    found: list[tuple[Check, Finding]] = []
    for check in chosen:
        with console.task(check.id, ""):
            found.append((check, _examine(check, patient)))
    return _result(found)


def _choose(only: str | None) -> Sequence[Check]:
    if not only:
        return CHECKS
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    foreign = sorted(set(wanted) - {check.id for check in CHECKS})
    if foreign or not wanted:
        raise Stopped(ExitCode.USAGE, f"There is no check {', '.join(foreign) or 'of an empty name'}.", "rnt doctor --help")
    return [check for check in CHECKS if check.id in wanted]


def _examine(check: Check, patient: Patient) -> Finding:
    if patient.deadline.left() <= 0:
        found = Finding(Verdict.UNKNOWN, "The time of this command was over.", f"{AGAIN} --only {check.id}")
    else:
        found = check.examine(patient)
    return replace(found, fix=found.fix.replace(AGAIN, _again(patient)))


def _again(patient: Patient) -> str:
    """Return the command that looks at the same terminal once more: a fix must be fit to be typed as it stands."""
    return AGAIN if patient.config_path == str(CONFIG) else f"{AGAIN} --config {quote(patient.config_path)}"


def _result(found: Sequence[tuple[Check, Finding]]) -> Result:
    counts = Counter(str(finding.verdict) for _, finding in found)
    data = {
        "checks": [
            {"id": check.id, "title": check.title, "verdict": str(finding.verdict), "cause": finding.cause, "fix": finding.fix}
            for check, finding in found
        ],
        "counts": {str(verdict): counts[verdict] for verdict in Verdict},
    }
    failed = [finding for _, finding in found if finding.verdict is Verdict.FAIL]
    text = "\n".join(line for check, finding in found for line in _lines(check, finding))
    return Result(data, text, ExitCode.FAILED if failed else ExitCode.OK, failed[0].fix if failed else "")


def _lines(check: Check, finding: Finding) -> list[str]:
    lines = [f"{finding.verdict:<8} {check.id:<16} {finding.cause}"]
    if finding.fix:
        lines.append(f"{'':<25} fix: {finding.fix}")
    return lines
