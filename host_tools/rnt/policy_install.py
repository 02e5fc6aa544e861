# SPDX-License-Identifier: Apache-2.0
"""``rnt policy install``: the operator's signed packs, carried to a terminal whose own have expired or changed (R510).

The laptop carries; the terminal verifies every pack against its trust list and puts all of them in place together, or none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools.rnt.command import rnt_command
from host_tools.rnt.options import terminal_option
from host_tools.rnt.outcome import ExitCode, Result, Stopped
from host_tools.rnt.terminal_link import TerminalLink

if TYPE_CHECKING:
    from host_tools.rnt.console import Console

MAX_PACK = 64 * 1024


@rnt_command(mutates=True)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, dir_okay=False))
@terminal_option
def install(console: Console, files: tuple[Path, ...], terminal: str) -> Result:
    """Put the operator's signed policy packs in place of those a terminal has.

    Name every pack that is to hold: what is not named is no longer there. The terminal verifies them; it must not be running.
    """
    packs = [_read(path).hex() for path in files]
    with TerminalLink(terminal, console.deadline) as link:
        if console.dry_run:
            names = [path.name for path in files]
            return Result({"serial": link.serial, "files": names}, f"Would replace the packs of {link.serial} by {', '.join(names)}.")
        console.confirm(f"Replace the policy packs of {link.serial}?")
        with console.task("install", "Verifying and installing the packs"):
            link.request("install_packs", packs=packs)
        policy = link.request("info")["policy"]
    text = f"{link.serial} works under {policy['set']}."
    return Result({"serial": link.serial, "policy": policy}, text, hint="start the terminal again")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PACK + 1)
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"The pack {path} cannot be read: {error.strerror}.", "check the path") from error
    if not content or len(content) > MAX_PACK:
        raise Stopped(ExitCode.USAGE, f"The pack {path} is empty or too large.", "ask the operator for it again")
    return content
