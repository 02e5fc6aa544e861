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

from firmware.core.suite import SUITES
from hal.id_reader.sam_id import sam_id_bytes, sam_id_text
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
    "ask the connected ID reader for its SAM id, and register that reader",
    "have both certified by the operator under the work order",
    "verify certificates, trust list and policy packs, then install them together",
    "verify that the terminal signs a challenge with both keys",
)
file_type = click.Path(path_type=Path, dir_okay=False)


@rnt_command(mutates=True)
@terminal_option
@click.option("--operator", "url", required=True, metavar="URL", help="The operator's backend, https://…")
@click.option("--operator-ca", required=True, type=file_type, help="PEM file of the operator's CA.")
@click.option("--work-order", required=True, type=file_type, help="File with the one-time work order of this terminal.")
@click.option("--serial", help="Serial number the terminal must have; needed with --renew.")
@click.option("--sam-id", metavar="ID", help="SAM id of the ID reader, as on its label or as hex; by default the connected reader's.")
@click.option(
    "--suite",
    type=click.Choice(sorted(suite.name for suite in SUITES.values())),
    help="Cryptographic suite of records, for good: international (default) or gm, 国密: SM2, SM3, SM4. TLS stays international.",
)
@click.option("--renew", is_flag=True, help="Replace the keys and certificates of a provisioned terminal.")
def provision(  # noqa: PLR0913  # one parameter for each option
    console: Console,
    terminal: str,
    url: str,
    operator_ca: Path,
    work_order: Path,
    serial: str | None,
    sam_id: str | None,
    suite: str | None,
    *,
    renew: bool,
) -> Result:
    """Give a terminal its keys, certificates and trust list, and register its ID reader.

    Private keys are made on the terminal and stay there. Repeating the command after an interruption is safe. The terminal works with the
    registered reader only (R513); for a replaced reader repeat the command with --sam-id.
    """
    if renew and not serial:
        raise Stopped(ExitCode.USAGE, "--renew replaces keys; name the terminal it is meant for.", "add --serial SERIAL")
    if not url.startswith("https://"):
        raise Stopped(ExitCode.USAGE, "The operator is reached over https:// only.", "correct --operator")
    wanted = _sam_id(sam_id)
    order = _read(work_order, "work order").decode(errors="replace").strip()
    with TerminalLink(terminal, console.deadline) as link:
        found = link.request("info")
        if serial and link.serial != serial:
            raise Stopped(
                ExitCode.UNSAFE, f"This terminal is {link.serial}, not {serial}. Nothing was changed.", "connect the right terminal"
            )
        if found["provisioned"] and not renew and wanted not in {"", found["sam_id"]}:
            return _register(console, link, wanted)
        if found["provisioned"] and not renew:
            hint = f"add --renew --serial {link.serial} to replace keys and certificates"
            return Result(found, f"{link.serial} is already provisioned.", ExitCode.NOTHING_TO_DO, hint)
        if console.dry_run:
            return Result(
                {"serial": link.serial, "plan": list(PLAN)}, "\n".join((f"Plan for {link.serial}:", *(f"  {step}" for step in PLAN)))
            )
        console.confirm(f"{'Replace the' if renew else 'Make'} keys and certificates of {link.serial}?")
        try:
            reader = _reader(console, link, wanted)
            return _provision(console, link, url=url, operator_ca=operator_ca, order=order, renew=renew, sam_id=reader, suite=suite or "")
        except EnrolmentRefused as refused:
            raise Stopped(
                ExitCode.VERIFICATION, f"{refused} Nothing more was done.", "check --operator-ca and --work-order with the operator"
            ) from refused


def _provision(  # one parameter for each option
    console: Console, link: TerminalLink, *, url: str, operator_ca: Path, order: str, renew: bool, sam_id: str, suite: str
) -> Result:
    ca = _read(operator_ca, "CA file")
    with console.task("keys", "Making keys on the terminal"):
        keys = read_keys(link.request("keygen", order=order, renew=renew, suite=suite), link.serial)
        fingerprints = {purpose: key.fingerprint for purpose, key in keys.items()}
        for purpose, fingerprint in fingerprints.items():
            console.progress("keys", f"  {purpose} key, SHA-256 of its SPKI: {fingerprint}", fingerprint=fingerprint, purpose=purpose)
    with console.task("certificates", f"Asking {url} for certificates"):
        requests = {purpose: key.request for purpose, key in keys.items()}
        answer = enrol(url, ca=operator_ca, order=order, serial=link.serial, requests=requests, deadline=console.deadline)
        certificates = check_enrolment(answer, keys=keys, serial=link.serial, ca=ca)
    with console.task("install", "Installing certificates and trust list"):
        packs = [pack.hex() for pack in answer.packs]
        pem = {f"{purpose}_cert": text for purpose, text in certificates.items()}
        link.request("install", **pem, ca=answer.ca, trust=json.loads(answer.trust_json), sam_id=sam_id, packs=packs)
    with console.task("possession", "Having the terminal prove that it holds the keys"):
        challenge = os.urandom(CHALLENGE_BYTES)
        check_possession(link.request("challenge", nonce=challenge.hex()), challenge, certificates)
        found = link.request("info")
    data: dict[str, Any] = {**found, "fingerprints": fingerprints}
    hint = "" if not renew else "start the terminal again; its old certificates are no longer used"
    hint = hint if found["sam_id"] else "no ID reader is registered, the terminal will not work (R513): connect it and repeat with --sam-id"
    return Result(data, f"{link.serial} is provisioned for operator {found['operator']['id']}.", hint=hint)


def _sam_id(text: str | None) -> str:
    """Return a SAM id given by the engineer as hex; empty for none."""
    try:
        return sam_id_bytes(text).hex() if text else ""
    except ValueError as error:
        raise Stopped(ExitCode.USAGE, f"--sam-id: {error}.", "copy the number from the reader's label: 05.01-20101129-…") from None


def _reader(console: Console, link: TerminalLink, wanted: str) -> str:
    """Return the SAM id (hex) to register: the engineer's, which a connected reader must have, or that reader's; empty for none."""
    with console.task("reader", "Asking the ID reader who it is"):
        connected = link.request("reader")
        found: str = connected["sam_id"]
        if wanted and found and wanted != found:
            raise Stopped(
                ExitCode.VERIFICATION,
                f"The connected reader has SAM id {_label(found)}, not {_label(wanted)}. Nothing was changed.",
                "connect the right reader, or name the one that is connected",
            )
        chosen = wanted or found
        text = f"  ID reader, SAM id {_label(chosen)}" if chosen else f"  no ID reader answers ({connected['reason']})"
        console.progress("reader", text, sam_id=chosen)
    return chosen


def _register(console: Console, link: TerminalLink, wanted: str) -> Result:
    """Register another reader on a terminal that is otherwise left as it is."""
    if console.dry_run:
        return Result({"serial": link.serial, "plan": [f"register the reader {_label(wanted)}"]}, f"Would register {_label(wanted)}.")
    console.confirm(f"Make {_label(wanted)} the only ID reader of {link.serial}?")
    _reader(console, link, wanted)
    link.request("register_reader", sam_id=wanted)
    return Result(link.request("info"), f"{link.serial} works with the ID reader {_label(wanted)} only.", hint="start the terminal again")


def _label(sam_id: str) -> str:
    return sam_id_text(bytes.fromhex(sam_id))


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"The {what} {path} cannot be read: {error.strerror}.", "check the path") from error
    if not content.strip() or len(content) > MAX_FILE:
        raise Stopped(ExitCode.USAGE, f"The {what} {path} is empty or too large.", "ask the operator for it again")
    return content
