# SPDX-License-Identifier: Apache-2.0
"""``rnt provision``: a terminal makes its keys, the operator certifies them, the terminal proves that it holds them.

The laptop carries and verifies (:mod:`host_tools.rnt.enrolment`); it never holds a private key. The work order is a secret and
comes from a file, never from the command line.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools.rnt.command import rnt_command
from host_tools.rnt.enrolment import EnrolmentRefused, check_enrolment, check_possession, read_keys
from host_tools.rnt.operator import enrol
from host_tools.rnt.options import terminal_option
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.terminal_link import TerminalLink

if TYPE_CHECKING:
    from host_tools.rnt.console import Console

MAX_FILE = 64 * 1024
CHALLENGE_BYTES = 32
PLAN = (
    "make a record key and a TLS key on the terminal",
    "have both certified by the operator under the work order",
    "verify certificates and trust list, then install them together",
    "verify that the terminal signs a challenge with both keys",
)
file_type = click.Path(path_type=Path, dir_okay=False)


@rnt_command(mutates=True)
@terminal_option
@click.option("--operator", "url", required=True, metavar="URL", help="The operator's backend, https://…")
@click.option("--operator-ca", required=True, type=file_type, help="PEM file of the operator's CA.")
@click.option("--work-order", required=True, type=file_type, help="File with the one-time work order of this terminal.")
@click.option("--serial", help="Serial number the terminal must have; needed with --renew.")
@click.option("--renew", is_flag=True, help="Replace the keys and certificates of a provisioned terminal.")
def provision(console: Console, terminal: str, url: str, operator_ca: Path, work_order: Path, serial: str | None, *, renew: bool) -> Result:
    """Give a terminal its keys, certificates and trust list.

    Private keys are made on the terminal and stay there. Repeating the command after an interruption is safe.
    """
    if renew and not serial:
        raise Stopped(ExitCode.USAGE, "--renew replaces keys; name the terminal it is meant for.", "add --serial SERIAL")
    if not url.startswith("https://"):
        raise Stopped(ExitCode.USAGE, "The operator is reached over https:// only.", "correct --operator")
    order = _read(work_order, "work order").decode(errors="replace").strip()
    with TerminalLink(terminal, console.deadline) as link:
        found = link.request("info")
        if serial and link.serial != serial:
            raise Stopped(
                ExitCode.UNSAFE, f"This terminal is {link.serial}, not {serial}. Nothing was changed.", "connect the right terminal"
            )
        if found["provisioned"] and not renew:
            hint = f"add --renew --serial {link.serial} to replace keys and certificates"
            return Result(found, f"{link.serial} is already provisioned.", ExitCode.NOTHING_TO_DO, hint)
        if console.dry_run:
            return Result(
                {"serial": link.serial, "plan": list(PLAN)}, "\n".join((f"Plan for {link.serial}:", *(f"  {step}" for step in PLAN)))
            )
        console.confirm(f"{'Replace the' if renew else 'Make'} keys and certificates of {link.serial}?")
        try:
            return _provision(console, link, url=url, operator_ca=operator_ca, order=order, renew=renew)
        except EnrolmentRefused as refused:
            raise Stopped(
                ExitCode.VERIFICATION, f"{refused} Nothing more was done.", "check --operator-ca and --work-order with the operator"
            ) from refused


def _provision(console: Console, link: TerminalLink, *, url: str, operator_ca: Path, order: str, renew: bool) -> Result:
    ca = _read(operator_ca, "CA file")
    with console.task("keys", "Making keys on the terminal"):
        keys = read_keys(link.request("keygen", order=order, renew=renew), link.serial)
        fingerprints = {purpose: key.fingerprint for purpose, key in keys.items()}
        for purpose, fingerprint in fingerprints.items():
            console.progress("keys", f"  {purpose} key, SHA-256 of its SPKI: {fingerprint}", fingerprint=fingerprint, purpose=purpose)
    with console.task("certificates", f"Asking {url} for certificates"):
        requests = {purpose: key.request for purpose, key in keys.items()}
        answer = enrol(url, ca=operator_ca, order=order, serial=link.serial, requests=requests, deadline=console.deadline)
        certificates = check_enrolment(answer, keys=keys, serial=link.serial, ca=ca)
    with console.task("install", "Installing certificates and trust list"):
        pem = {f"{purpose}_cert": text for purpose, text in certificates.items()}
        link.request("install", **pem, ca=answer.ca, trust=json.loads(answer.trust_json))
    with console.task("possession", "Having the terminal prove that it holds the keys"):
        challenge = os.urandom(CHALLENGE_BYTES)
        check_possession(link.request("challenge", nonce=challenge.hex()), challenge, certificates)
        found = link.request("info")
    data: dict[str, Any] = {**found, "fingerprints": fingerprints}
    hint = "" if not renew else "start the terminal again; its old certificates are no longer used"
    return Result(data, f"{link.serial} is provisioned for operator {found['operator']['id']}.", hint=hint)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"The {what} {path} cannot be read: {error.strerror}.", "check the path") from error
    if not content.strip() or len(content) > MAX_FILE:
        raise Stopped(ExitCode.USAGE, f"The {what} {path} is empty or too large.", "ask the operator for it again")
    return content
