# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, so that they are named and explained alike."""

from __future__ import annotations

import click

terminal_option = click.option(
    "--terminal",
    envvar="RNT_DEVICE",
    required=True,
    metavar="TERMINAL",
    help="local:/path/terminal.toml or ssh:USER@HOST (or the variable RNT_DEVICE).",
)
