# SPDX-License-Identifier: Apache-2.0
"""``rnt audit export | verify | prove``: take a terminal's audit log out, and check it where there is no terminal.

Rules
* A log leaves a terminal under two people's warrants; what is done with the file takes nobody.
* Verifying and proving read files and public keys, nothing else, in memory that does not grow with the log.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from firmware.core.keyring import Keyring
from firmware.journal.audit_file import PROOF, ROWS_PER_PART, Proof, encode_proof, framed, read_parts
from firmware.journal.merkle import leaf_hash
from firmware.journal.proofs import Collector, inclusion_ranges
from firmware.journal.values import CHECKPOINT, COUNTERSIGNATURE
from host_tools.rnt.audit_check import PROGRESS_EVERY, Found, LogCheck, LogRefused, check_proof, checkpoint_size, logged_rows
from host_tools.rnt.command import rnt_command
from host_tools.rnt.new_file import write_new
from host_tools.rnt.options import request_option, terminal_option, warrants_option
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.record_keys import ca_option, key_option, operator_keys, read_file, terminal_keys, trust_option
from host_tools.rnt.terminal_link import TerminalLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from firmware.journal.audit_file import LoggedRow
    from host_tools.rnt.console import Console

LONG_S = 3600.0
"""A million rows take a minute or two; nobody should have to think of --timeout."""
MAX_PROOF = 64 << 10
SESSION_BYTES = 16
out_option = click.option("--out", required=True, type=click.Path(dir_okay=False), help="The file to make.")
log_argument = click.argument("log", type=click.Path(dir_okay=False))


@rnt_command(timeout=LONG_S)
@terminal_option
@request_option
@warrants_option
@out_option
def export(console: Console, terminal: str, request: Path, warrants: Sequence[Path], out: str) -> Result:
    """Write a terminal's audit log to a file, ended by a checkpoint the terminal signs now; two people must warrant it."""
    signed = [read_file(path, MAX_PROOF).hex() for path in warrants]
    with TerminalLink(terminal, console.deadline) as link:
        begun = link.request("audit_begin", request=read_file(request, MAX_PROOF).hex(), warrants=signed)
        size = int(begun["size"])
        with console.task("export", f"Exporting {size} rows"):
            write_new(Path(out), lambda file: _fetch(console, link, file, size))
    return Result(
        {"serial": begun["serial"], "size": size, "file": out}, f"{out}: {size} rows of {begun['serial']}", hint=_verify_hint(out)
    )


@rnt_command(timeout=LONG_S)
@log_argument
@key_option
@ca_option
@trust_option
@click.option("--checkpoint", "held", multiple=True, type=click.Path(dir_okay=False), help="A checkpoint kept elsewhere; may be repeated.")
def verify(  # one parameter for each option
    console: Console, log: str, keys: Sequence[str], operator_ca: str | None, trust: str | None, held: Sequence[str]
) -> Result:
    """Verify an exported log, or a proof, with public keys and the checkpoints somebody kept."""
    keyring = Keyring(terminal_keys([Path(key) for key in keys], Path(operator_ca) if operator_ca else None))
    operator = Keyring(operator_keys(Path(trust))) if trust else None
    try:
        proof = _as_proof(Path(log))
        if proof is not None:
            return _proven(proof, keyring, operator)
        check = LogCheck(keyring, operator, [read_file(Path(path)) for path in held])
        with console.task("verify", f"Verifying {log}"):
            return _verdict(check.run(_parts(Path(log), console), lambda row: console.progress("verify", f"{row} rows", rows=row)))
    except LogRefused as refused:
        raise Stopped(ExitCode.VERIFICATION, f"{refused.fault.value}: {refused}", _next(refused.fault.value)) from refused


@rnt_command(timeout=LONG_S)
@log_argument
@click.option("--session", required=True, metavar="HEX", help="The session, as receipts and records name it.")
@out_option
def prove(console: Console, log: str, session: str, out: str) -> Result:
    """Write the proof that the rows of a session are in the log, under the last checkpoint over all of them."""
    try:
        identity = bytes.fromhex(session)
    except ValueError:
        identity = b""
    if len(identity) != SESSION_BYTES:
        raise Stopped(ExitCode.USAGE, "A session is 32 hex digits.", "check --session")
    try:
        with console.task("prove", f"Reading {log}"):
            proof = _prove(Path(log), identity, console)
    except LogRefused as refused:
        raise Stopped(ExitCode.VERIFICATION, f"{refused.fault.value}: {refused}", _next(refused.fault.value)) from refused
    data = encode_proof(proof)
    write_new(Path(out), lambda file: file.write(data))
    numbers = [row.seq for row, _ in proof.rows]
    text = f"{out}: rows {', '.join(map(str, numbers))} in a log of {checkpoint_size(proof.checkpoint)} rows, {len(data)} bytes"
    return Result({"session": session, "rows": numbers, "bytes": len(data), "file": out}, text, hint=_verify_hint(out))


def _prove(log: Path, session: bytes, console: Console) -> Proof:
    """Read the log twice: for the rows and the checkpoint, then for the nodes of their paths."""
    rows: list[LoggedRow] = []
    head: LoggedRow | None = None
    witness: LoggedRow | None = None
    for row in logged_rows(_parts(log, console)):
        if row.outline.session == session:
            rows.append(row)
        elif row.outline.kind == CHECKPOINT:
            head, witness = row, None
        elif row.outline.kind == COUNTERSIGNATURE:
            witness = row
    if head is None or head.message is None or not rows or rows[0].seq >= head.seq:
        raise Stopped(
            ExitCode.NOT_FOUND, "No checkpoint in this log covers a row of that session.", "export the log anew, or check --session"
        )
    size = checkpoint_size(head.message)
    covered = [row for row in rows if row.seq <= size]
    ranges = {row.seq: inclusion_ranges(row.seq - 1, size) for row in covered}
    collector = Collector(itertools.chain.from_iterable(ranges.values()))
    for row in itertools.islice(logged_rows(_parts(log, console)), size):
        collector.append(leaf_hash(row.outline.digest(row.seq)))
    proven = tuple((row, tuple(collector.head(found) for found in ranges[row.seq])) for row in covered)
    return Proof(head.message, witness.message if witness else None, proven)


def _fetch(console: Console, link: TerminalLink, file: BinaryIO, size: int) -> None:
    rows, told = 0, 0
    while parts := link.request("audit_next")["parts"]:
        file.writelines(framed(bytes.fromhex(part)) for part in parts)
        rows += len(parts) * ROWS_PER_PART
        if rows - told >= PROGRESS_EVERY:
            told = rows
            console.progress("export", f"{min(rows, size)} of {size} rows", rows=min(rows, size), size=size)


def _parts(log: Path, console: Console) -> Iterator[bytes]:
    """Yield the parts of a file under the command's deadline; raises :class:`Stopped` when it cannot be read."""
    try:
        with log.open("rb") as file:
            for part in read_parts(file):
                console.deadline.check()
                yield part
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"{log} cannot be read: {error.strerror}.", "check the path") from error


def _as_proof(path: Path) -> bytes | None:
    """Return the content of a file that begins like a proof."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PROOF + 1)
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"{path} cannot be read: {error.strerror}.", "check the path") from error
    return data if data[2 : 2 + len(PROOF)] == PROOF.encode() else None


def _proven(data: bytes, keyring: Keyring, operator: Keyring | None) -> Result:
    signed, rows = check_proof(data, keyring, operator)
    said = signed.checkpoint
    found = {
        "serial": said.terminal,
        "size": said.size,
        "signed_at": said.seconds,
        "rows": [{"row": row.seq, "kind": row.outline.kind, "session": row.outline.session.hex()} for row in rows],
    }
    lines = [f"row {row.seq:<8} {row.outline.kind}" for row in rows]
    return Result(found, "\n".join([f"verified: in the log of {said.terminal}, {said.size} rows", *lines]))


def _verdict(found: Found) -> Result:
    data = {
        "serial": found.serial,
        "size": found.size,
        "root": found.root.hex(),
        "checkpoints": found.checkpoints,
        "covered": found.covered,
        "witnessed": found.witnessed,
        "held": found.held,
        "records": found.records,
        "approvals_spent": found.spent,
    }
    text = (
        f"verified: the log of {found.serial}, {found.size} rows, root {found.root.hex()}\n"
        f"checkpoints {found.checkpoints}, the last over {found.covered} rows; countersigned by the operator up to {found.witnessed}\n"
        f"checkpoints held elsewhere and found: {found.held}\nrecords signed {found.records}, approvals spent {found.spent}"
    )
    return Result(data, text)


def _verify_hint(path: str) -> str:
    return f"rnt audit verify {path} --key RECORD-CERT.pem --trust trust.json"


def _next(fault: str) -> str:
    if fault in {"signature", "malformed"}:
        return "check that the keys are this terminal's and the file is whole"
    return "take the terminal out of service and keep this file as evidence"
