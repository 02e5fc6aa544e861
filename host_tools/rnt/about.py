# SPDX-License-Identifier: Apache-2.0
"""``rnt version`` and ``rnt completion``: what this tool says about itself."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

import click

from host_tools.rnt.command import rnt_command
from host_tools.rnt.outcome import Result

if TYPE_CHECKING:
    from host_tools.rnt.console import Console

LIBRARIES = ("cryptography", "pyscard", "pyserial", "click")


@rnt_command()
def version(_console: Console) -> Result:
    """Print the versions of this tool and of what it stands on."""
    data = {"rnt": metadata.version("real-name-terminal"), "python": platform.python_version()}
    data |= {name: metadata.version(name) for name in LIBRARIES}
    return Result(data, "\n".join(f"{name} {value}" for name, value in data.items()))


@rnt_command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(_console: Console, shell: str) -> Result:
    """Print the shell's completion script."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415  # nobody else needs it

    from host_tools.rnt.main import rnt  # noqa: PLC0415  # the tree imports this module

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(rnt, {}, "rnt", "_RNT_COMPLETE").source()
    return Result({"shell": shell, "script": script}, script)
