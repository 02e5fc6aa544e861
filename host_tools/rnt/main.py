# SPDX-License-Identifier: Apache-2.0
"""Entry of ``rnt``, the field engineer's command line.

Decides how every command ends: one result, one exit code (:class:`~host_tools.rnt.outcome.ExitCode`), one hint. Commands
themselves live in modules of their own and are imported when called.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import click

from host_tools.rnt.command import LazyGroup
from host_tools.rnt.console import write_result
from host_tools.rnt.outcome import ExitCode, Result, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

terminal = LazyGroup(
    "terminal",
    help="Look at one terminal.",
    table={"info": ("host_tools.rnt.terminal_info:info", "Print serial, keys, certificates, software and journal of a terminal.")},
    context_settings=CONTEXT,
)

card = LazyGroup(
    "card",
    help="Look at, write and verify a SIM card at the bench.",
    table={
        "info": ("host_tools.rnt.card.command:info", "Print what a card tells of itself: model, ICCID, key counters, files."),
        "plan": ("host_tools.rnt.card.command:plan", "Print the commands a write would send, and send none that writes."),
        "write": ("host_tools.rnt.card.command:write", "Write a profile to a blank card and read it back."),
        "verify": ("host_tools.rnt.card.command:verify", "Compare a card with a profile, file by file, and write nothing."),
    },
    context_settings=CONTEXT,
)

record = LazyGroup(
    "record",
    help="Look at what a signed record proves.",
    table={
        "verify": (
            "host_tools.rnt.record_command:verify",
            "Verify an inspector's bundle: the record, the fields it discloses, and the approval.",
        ),
        "show": (
            "host_tools.rnt.record_command:show",
            "Verify an inspector's bundle, then print what the record says and the values disclosed.",
        ),
    },
    context_settings=CONTEXT,
)

audit = LazyGroup(
    "audit",
    help="Take a terminal's audit log out, verify it, prove what is in it.",
    table={
        "export": (
            "host_tools.rnt.audit_command:export",
            "Write a terminal's audit log to a file, ended by a checkpoint the terminal signs now; two people must warrant it.",
        ),
        "verify": (
            "host_tools.rnt.audit_command:verify",
            "Verify an exported log, or a proof, with public keys and the checkpoints somebody kept.",
        ),
        "prove": (
            "host_tools.rnt.audit_command:prove",
            "Write the proof that the rows of a session are in the log, under the last checkpoint over all of them.",
        ),
    },
    context_settings=CONTEXT,
)

policy = LazyGroup(
    "policy",
    help="Look at the rules a terminal obeys: what they are, what they rest on, why something is asked.",
    table={
        "show": ("host_tools.rnt.policy_command:show", "Print the rules of policy packs, as one set."),
        "lint": ("host_tools.rnt.policy_command:lint", "Judge policy packs, and print every value that rests on no settled text."),
        "explain": ("host_tools.rnt.policy_command:explain", "Say what a business needs here, and by which clause."),
        "install": ("host_tools.rnt.policy_install:install", "Put the operator's signed policy packs in place of those a terminal has."),
    },
    context_settings=CONTEXT,
)

staff = LazyGroup(
    "staff",
    help="What takes two people of the operator: ask for it, sign it, have it carried out.",
    table={
        "key": ("host_tools.rnt.staff_command:key", "Make a person's key, or name the one there is, for the operator's roster."),
        "install": (
            "host_tools.rnt.staff_command:install",
            "Put the operator's signed roster of its staff in place of the one a terminal has.",
        ),
        "request": (
            "host_tools.rnt.staff_command:request",
            "Have a terminal write down what is asked for, and take the request for two people to sign.",
        ),
        "sign": ("host_tools.rnt.staff_command:sign", "Warrant a request: show what it says and sign it with one person's key."),
        "carry-out": (
            "host_tools.rnt.staff_command:carry_out",
            "Have a terminal do what two people warrant: export, resend, void or unmask.",
        ),
    },
    context_settings=CONTEXT,
)

reader = LazyGroup(
    "reader",
    help="Look at an ID reader, at the bench or in a stopped terminal.",
    table={
        "list": (
            "host_tools.rnt.reader.command:list_",
            "Print the serial ports, USB devices and PC/SC readers an ID reader may be at, what kind each is, and who has it.",
        ),
        "info": (
            "host_tools.rnt.reader.command:info",
            "Print what a reader says of itself: its SAM, its kind and rate, how well it answers.",
        ),
        "read": ("host_tools.rnt.reader.command:read", "Wait for a card, read it once, and print what may be seen of it, masked."),
        "trace": (
            "host_tools.rnt.reader.command:trace",
            "Print every exchange with a reader while one card is read, personal bytes blanked.",
        ),
        "monitor": ("host_tools.rnt.reader.command:monitor", "Print cards coming and going, readings and errors, until Ctrl-C."),
    },
    context_settings=CONTEXT,
)

COMMANDS = {
    "provision": ("host_tools.rnt.provision:provision", "Give a terminal its keys, certificates and trust list."),
    "terminal": ("host_tools.rnt.main:terminal", "Look at one terminal."),
    "card": ("host_tools.rnt.main:card", "Look at, write and verify a SIM card at the bench."),
    "reader": ("host_tools.rnt.main:reader", "Look at an ID reader, at the bench or in a stopped terminal."),
    "record": ("host_tools.rnt.main:record", "Look at what a signed record proves."),
    "audit": ("host_tools.rnt.main:audit", "Take a terminal's audit log out, verify it, prove what is in it."),
    "staff": ("host_tools.rnt.main:staff", "What takes two people of the operator: ask, sign, carry out."),
    "policy": ("host_tools.rnt.main:policy", "Look at the rules a terminal obeys, and the clauses they come from."),
    "doctor": ("host_tools.rnt.doctor.command:doctor", "Find what keeps a terminal from working, and say how to fix it."),
    "completion": ("host_tools.rnt.about:completion", "Print the shell's completion script."),
    "version": ("host_tools.rnt.about:version", "Print the versions of this tool and of what it stands on."),
}

rnt = LazyGroup(
    "rnt",
    help="Set up, inspect and diagnose real-name terminals. Every command takes --json and --help.",
    table=COMMANDS,
    context_settings=CONTEXT,
)


def run(arguments: Sequence[str]) -> ExitCode:
    """Run one command line and write its result; returns the exit code."""
    as_json = "--json" in arguments
    try:
        result = rnt.main(list(arguments), prog_name="rnt", standalone_mode=False)
    except Stopped as stop:
        return _stopped(stop.code, stop.message, stop.hint, as_json=as_json)
    except click.UsageError as error:
        return _stopped(ExitCode.USAGE, *_usage(error), as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return _stopped(ExitCode.INTERRUPTED, "Interrupted.", "rnt terminal info shows what state the terminal is in", as_json=as_json)
    except Exception as error:  # noqa: BLE001  # the last boundary: an unforeseen error still ends with a result and a code
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"Internal error: {type(error).__name__} in {frame.name}, line {frame.lineno} of {frame.filename.rsplit('/', 1)[-1]}."
        return _stopped(ExitCode.INTERNAL, message, "rnt doctor", as_json=as_json)
    if not isinstance(result, Result):  # --help and the like have already written what they had to say
        return ExitCode.OK
    write_result(result, as_json=as_json)
    return result.code


def _usage(error: click.UsageError) -> tuple[str, str]:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.ctx.get_help(), "name one of the commands above"
    return error.format_message(), f"{error.ctx.command_path if error.ctx else 'rnt'} --help"


def _stopped(code: ExitCode, message: str, hint: str, *, as_json: bool) -> ExitCode:
    write_result(Result(code=code, hint=hint), as_json=as_json, message=message)
    return code


def main() -> None:
    """Run the process's own command line."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream; a sign it lacks must not cost the result
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer has nowhere to go
        sys.stderr.write(f"The result cannot be written: {error.strerror}.\nnext: rnt terminal info shows what state the terminal is in\n")
        code = ExitCode.FAILED
    sys.exit(code)
