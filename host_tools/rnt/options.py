# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, so that they are named and explained alike."""

from __future__ import annotations

from pathlib import Path

import click

terminal_option = click.option(
    "--terminal",
    envvar="RNT_DEVICE",
    required=True,
    metavar="TERMINAL",
    help="local:/path/terminal.toml or ssh:USER@HOST (or the variable RNT_DEVICE).",
)
request_option = click.option(
    "--request",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="What the terminal wrote down: rnt staff request.",
)
warrants_option = click.option(
    "--warrant",
    "warrants",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="One person's signature under the request (rnt staff sign); two people, two of them.",
)
