# SPDX-License-Identifier: Apache-2.0
"""``rnt staff``: what takes two people. The laptop carries requests and warrants; each person signs with a key of their own.

Rules
* The three steps may happen on three machines: the terminal writes a request, each person signs it, the terminal carries it out. No key
  leaves the machine or token it is on, and nothing secret is an argument.
* A person's key is named by a URI (``file:`` in the key directory, ``pkcs11:`` with its PIN in a file), as a terminal's are.
* The value two people asked to see goes to a person's screen or to a new file, and nowhere else: with ``--json`` it must be ``--out``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from firmware.core.errors import Malformed
from firmware.core.staff import Operation, Reason, Shown, read_request, sign_warrant
from firmware.core.suite import INTERNATIONAL, SUITES
from firmware.keystore import KeyExists, KeystoreError, create_key, open_signer
from host_tools.rnt.command import rnt_command
from host_tools.rnt.new_file import write_new
from host_tools.rnt.options import request_option, terminal_option, warrants_option
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.record_keys import read_file
from host_tools.rnt.terminal_link import TerminalLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.core.staff import Request
    from firmware.keystore import Signer
    from host_tools.rnt.console import Console

MAX_MESSAGE = 64 * 1024
FILES = {Operation.EXPORT: "bundle", Operation.UNMASK: "value"}
"""Operation → part of its answer that is the content of ``--out``."""
key_option = click.option("--key", required=True, metavar="URI", help="The person's key: file:NAME in --key-dir, or a pkcs11: URI.")
key_dir_option = click.option(
    "--key-dir", required=True, type=click.Path(path_type=Path, file_okay=False), help="The person's own directory, mode 0700."
)
out_option = click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to make.")


@rnt_command()
@key_option
@key_dir_option
@click.option(
    "--suite",
    default=INTERNATIONAL.name,
    type=click.Choice([suite.name for suite in SUITES.values()]),
    help="That of the terminals the person is to act on.",
)
def key(_console: Console, key: str, key_dir: Path, suite: str) -> Result:
    """Make a person's key, or name the one there is, for the operator's roster."""
    try:
        key_dir.mkdir(mode=0o700, exist_ok=True)
        try:
            signer = create_key(key, key_dir, next(known for known in SUITES.values() if known.name == suite))
        except KeyExists:
            signer = open_signer(key, key_dir)
    except (KeystoreError, OSError) as error:
        raise _no_key(error) from error
    data = {"kid": signer.kid.hex(), "spki": signer.spki.hex(), "protection": signer.protection}
    return Result(data, f"key {data['kid']} ({data['protection']})\nspki {data['spki']}", hint="give id, role and spki to the operator")


@rnt_command(mutates=True)
@click.argument("roster", type=click.Path(path_type=Path, dir_okay=False))
@terminal_option
def install(console: Console, roster: Path, terminal: str) -> Result:
    """Put the operator's signed roster of its staff in place of the one a terminal has."""
    message = read_file(roster, MAX_MESSAGE)
    with TerminalLink(terminal, console.deadline) as link:
        if console.dry_run:
            return Result({"serial": link.serial}, f"Would replace the roster of {link.serial} by {roster}.")
        console.confirm(f"Replace the roster of {link.serial}?")
        found = link.request("staff_install", roster=message.hex())
        names = ", ".join(f"{person['id']} ({person['role']})" for person in found["people"])
        return Result({"serial": link.serial, **found}, f"{link.serial} knows {names}.")


@rnt_command()
@click.argument("operation", type=click.Choice([operation.value for operation in Operation]))
@click.option("--session", default="", metavar="HEX", help="The session, as receipts and records name it; none for the log.")
@click.option("--reason", required=True, type=click.Choice([reason.value for reason in Reason]), help="Why; it stands in the log.")
@click.option("--field", "shown", type=click.Choice([shown.value for shown in Shown if shown]), help="What unmask shows.")
@out_option
@terminal_option
def request(console: Console, operation: str, session: str, reason: str, shown: str | None, out: Path, terminal: str) -> Result:
    """Have a terminal write down what is asked for, and take the request for two people to sign."""
    with TerminalLink(terminal, console.deadline) as link:
        found = link.request("staff_request", operation=operation, session=session, reason=reason, shown=shown or "")
    write_new(out, lambda file: file.write(bytes.fromhex(found["request"])))
    data = {"serial": found["serial"], "operation": operation, "session": session, "reason": reason, "file": str(out)}
    return Result(data, f"{out}: {operation} on {found['serial']}", hint=f"each of two people: rnt staff sign {out} --key URI --id ID")


@rnt_command()
@click.argument("request", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--id", "staff_id", required=True, metavar="ID", help="The person's number on the roster.")
@key_option
@key_dir_option
@out_option
def sign(_console: Console, request: Path, staff_id: str, key: str, key_dir: Path, out: Path) -> Result:
    """Warrant a request: show what it says and sign it with one person's key."""
    data = read_file(request, MAX_MESSAGE)
    asked = _read(data)
    try:
        warrant = sign_warrant(data, staff_id=staff_id, seconds=int(time.time()), signer=_signer(key, key_dir))
    except ValueError as error:
        raise Stopped(ExitCode.USAGE, "This cannot be a number on a roster.", "check --id") from error
    except KeystoreError as error:
        raise _no_key(error) from error
    write_new(out, lambda file: file.write(warrant))
    told = {
        "terminal": asked.terminal,
        "operation": asked.operation.value,
        "session": asked.session.hex(),
        "reason": asked.reason.value,
        "field": asked.shown.value,
    }
    lines = [f"{name:<10} {value}" for name, value in told.items() if value]
    return Result({**told, "id": staff_id, "file": str(out)}, "\n".join([*lines, f"signed as {staff_id}: {out}"]))


@rnt_command(mutates=True)
@request_option
@warrants_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to make, for export and unmask.")
@terminal_option
def carry_out(console: Console, request: Path, warrants: Sequence[Path], out: Path | None, terminal: str) -> Result:
    """Have a terminal do what two people warrant: export, resend, void or unmask."""
    data = read_file(request, MAX_MESSAGE)
    asked = _read(data)
    part = FILES.get(asked.operation)
    if (part == "bundle" and out is None) or (part == "value" and out is None and console.as_json):
        raise Stopped(ExitCode.USAGE, "There is no file to put it in.", "repeat with --out FILE")
    with TerminalLink(terminal, console.deadline) as link:
        about = {"serial": link.serial, "operation": asked.operation.value, "session": asked.session.hex()}
        if console.dry_run:
            return Result(about, f"Would {asked.operation.value} session {asked.session.hex()} on {link.serial}.")
        console.confirm(f"{asked.operation.value} session {asked.session.hex()} on {link.serial}?")
        done = link.request("staff_carry_out", request=data.hex(), warrants=[read_file(path, MAX_MESSAGE).hex() for path in warrants])
    if part is None:
        return Result({**about, **done}, "\n".join(f"{name}: {value}" for name, value in done.items()))
    content = str(done[part])
    if out is None:
        return Result(about, f"{done['field']} {content}")
    write_new(out, lambda file: file.write(bytes.fromhex(content) if part == "bundle" else content.encode() + b"\n"))
    return Result({**about, "file": str(out)}, f"{out} written")


def _read(data: bytes) -> Request:
    try:
        return read_request(data)
    except Malformed as error:
        raise Stopped(ExitCode.USAGE, "The file holds no request of a terminal.", "rnt staff request --help") from error


def _signer(uri: str, folder: Path) -> Signer:
    try:
        return open_signer(uri, folder)
    except (KeystoreError, OSError) as error:
        raise _no_key(error) from error


def _no_key(error: Exception) -> Stopped:
    return Stopped(ExitCode.NOT_FOUND, f"The person's key cannot be used: {type(error).__name__}.", "check --key and --key-dir")
