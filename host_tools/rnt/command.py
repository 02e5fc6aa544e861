# SPDX-License-Identifier: Apache-2.0
"""What all commands share: lazy loading, the common options, and one way to end.

A command is a function ``(console, **options) -> Result``. It is declared with :func:`rnt_command` and listed in the table of
its :class:`LazyGroup`, which imports it only when it is called, so that ``rnt --help`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from host_tools.rnt.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from host_tools.rnt.outcome import Result

Body = "Callable[..., Result]"
DEFAULT_TIMEOUT_S = 60.0


class LazyGroup(click.Group):
    """A group whose commands are ``name → (module:attribute, one line of help)``."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import and return one command."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Write the list of commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])


def rnt_command(*, mutates: bool = False, timeout: float = DEFAULT_TIMEOUT_S) -> Callable[[Callable[..., Result]], click.Command]:
    """Turn ``body(console, **options)`` into a command with the options every command has."""

    def declare(body: Callable[..., Result]) -> click.Command:
        def callback(*, as_json: bool, no_input: bool, timeout: float, dry_run: bool = False, yes: bool = False, **options: Any) -> Result:
            from hal.deadline import Deadline  # noqa: PLC0415  # --help must not pay for it

            return body(Console(as_json, no_input, Deadline.after(timeout), dry_run, yes), **options)

        own = list(reversed(body.__dict__.pop("__click_params__", [])))
        name = body.__name__.strip("_").replace("_", "-")
        return click.Command(name, callback=callback, params=own + _common(timeout, mutates=mutates), help=body.__doc__)

    return declare


def _common(timeout: float, *, mutates: bool) -> list[click.Parameter]:
    options: list[click.Parameter] = [
        click.Option(["as_json", "--json"], is_flag=True, help="JSON lines on stdout (schema rnt.cli/1)."),
        click.Option(["--no-input"], is_flag=True, help="Never ask; stop instead."),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(0, min_open=True),
            default=timeout,
            show_default=True,
            help="Seconds for the whole command.",
        ),
    ]
    if mutates:
        options += [
            click.Option(["--dry-run"], is_flag=True, help="Print the plan and change nothing."),
            click.Option(["--yes"], is_flag=True, help="Do not ask before changing something."),
        ]
    return options
